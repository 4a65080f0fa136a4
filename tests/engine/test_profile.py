"""What profiling tells: the published numbers come out, and small networks cost what they cost by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from upframe.engine.profile import count, profile, published, published_names, receptive_field
from upframe.engine.size import parse_size
from upframe.errors import CheckpointError, DeviceError, ShapeError, UpframeError
from upframe.models import load
from upframe.models.catalog import Model
from upframe.models.info import ModelInfo
from upframe.models.rt4ksr import RT4KSR


class Small(nn.Module):
    """Any layers as a network that upscales by ``scale``."""

    def __init__(self, *layers: nn.Module, channels: int = 3) -> None:
        super().__init__()
        self.layers, self.channels = nn.Sequential(*layers), channels

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.layers(x)
        return result

    def example_inputs(self, height: int, width: int) -> tuple[Tensor]:
        return (torch.rand(1, self.channels, height, width, generator=torch.Generator().manual_seed(0)),)


def model_of(*layers: nn.Module, scale: int = 1) -> Model:
    return Model(Small(*layers), ModelInfo(name="small", family="small", kind="image", scale=scale, radius=None))


class Clip(nn.Module):
    """A clip of five frames, each convolved by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, clip: Tensor) -> Tensor:
        frames: Tensor = self.convolution(clip[0])
        return frames[None]

    def example_inputs(self, height: int, width: int) -> tuple[Tensor]:
        return (torch.rand(1, 5, 3, height, width),)


class EverywhereMean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + x.mean()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("rt4ksr-x2", 44_521), ("frvsr-x4", 2_589_093), ("ttvsr-x4", 6_773_615), ("nsrr-x4", 719_535), ("stssnet-x2", 417_241)],
)
def test_the_published_networks_have_their_published_parameters(name: str, parameters: int) -> None:
    assert sum(p.numel() for p in published(name).network.parameters()) == parameters


def test_stssnet_costs_31_gmac_as_published() -> None:
    network = published("stssnet-x2").network
    assert count(network, 544, 960).convolutions == 31_023_406_080
    assert count(network, 544, 968).convolutions == pytest.approx(31.281934e9, abs=1e3)


def test_frvsr_costs_94_gflop_and_142_with_transposed_convolutions_on_their_output() -> None:
    cost = count(published("frvsr-x4").network, 134, 320)
    assert 2 * cost.convolutions == pytest.approx(94.4e9, abs=0.05e9)
    assert 2 * cost.convolutions_on_output == pytest.approx(142e9, abs=0.5e9)
    assert cost.multiply_adds == cost.convolutions


@pytest.mark.parametrize(("scale", "gmac"), [(2, 2.687386), (3, 3.433882)])
def test_rt4ksr_costs_what_its_released_forward_pass_does(scale: int, gmac: float) -> None:
    cost = count(RT4KSR(scale, high_frequency="gaussian").merge(), 360, 640)
    assert cost.convolutions == pytest.approx(gmac * 1e9, abs=1e3)


def test_a_clip_is_measured_whole_and_told_by_the_frame() -> None:
    assert count(published("ttvsr-x4").network, 64, 64).frames == 7
    result = profile(
        Model(Clip(), ModelInfo(name="clip", family="clip", kind="video", scale=1)), 10, 14, device="cpu", repeats=1
    )
    assert (result.frames, result.multiply_adds, result.activation_bytes) == (5, 10 * 14 * 9 * 9, 5 * 3 * 10 * 14 * 4)


@pytest.mark.parametrize("name", published_names())
def test_every_published_network_is_counted_at_any_size(name: str) -> None:
    model = published(name)
    small, large = (count(model.network, side, side) for side in (64, 256))
    assert large.multiply_adds > 15.5 * small.multiply_adds > 0
    assert large.activation_bytes > 15.5 * small.activation_bytes


def test_random_weights_are_the_same_each_time_and_leave_chance_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    one, two = (published("rt4ksr-x2").network.state_dict() for _ in range(2))
    assert torch.equal(torch.rand(4), expected)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_convolutions_are_counted_by_hand() -> None:
    def macs(layer: nn.Module, channels: int) -> tuple[int, int]:
        cost = count(Small(layer, channels=channels), 10, 14)
        assert cost.multiply_adds == cost.convolutions
        return cost.convolutions, cost.convolutions_on_output

    assert macs(nn.Conv2d(4, 6, 3, padding=1), 4) == (10 * 14 * 6 * 4 * 9,) * 2
    assert macs(nn.Conv2d(4, 6, 3, padding=1, stride=2), 4) == (5 * 7 * 6 * 4 * 9,) * 2
    assert macs(nn.Conv2d(4, 8, (1, 3), padding=(0, 1), groups=2), 4) == (10 * 14 * 8 * 2 * 3,) * 2
    assert macs(nn.ConvTranspose2d(4, 6, 2, stride=2), 4) == (10 * 14 * 4 * 6 * 4, 20 * 28 * 4 * 6 * 4)
    assert macs(nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2), 4) == (10 * 14 * 4 * 3 * 4, 20 * 28 * 6 * 2 * 4)


def test_what_convolutions_read_and_write_is_counted_by_hand() -> None:
    for layer, values in (
        (nn.Conv2d(4, 6, 3, padding=1), 10 * 14 * (4 + 6) + 6 * 4 * 9),
        (nn.ConvTranspose2d(4, 6, 2, stride=2), 10 * 14 * (4 + 4 * 6) + 4 * 6 * 4),
    ):
        for dtype, size in ((torch.float32, 4), (torch.float16, 2)):
            assert count(Small(layer, channels=4), 10, 14, dtype).convolution_bytes == size * values


def test_matrix_products_are_no_convolutions() -> None:
    cost = count(load("bicubic-x2").network, 16, 12)
    assert cost.multiply_adds > 0
    assert cost.convolutions == 0


@pytest.mark.parametrize(
    ("layers", "maps"),
    [
        ((nn.Conv2d(3, 8, 3, padding=1),), 8),
        ((nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 1)), 16),  # before and after the activation
        ((nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(8, 3, 1)), 11),
        ((nn.Conv2d(3, 4, 1), nn.Flatten(2), nn.Unflatten(2, (10, 14)), nn.Conv2d(4, 2, 1)), 6),  # views are no memory
    ],
    ids=["one", "activation", "in place", "views"],
)
@pytest.mark.parametrize(("dtype", "size"), [(torch.float32, 4), (torch.float16, 2)])
def test_activation_memory_is_the_largest_sum_of_live_tensors(
    layers: tuple[nn.Module, ...], maps: int, dtype: torch.dtype, size: int
) -> None:
    assert count(Small(*layers), 10, 14, dtype).activation_bytes == maps * 10 * 14 * size


@pytest.mark.parametrize(
    ("layers", "field"),
    [
        ((nn.Identity(),), 1),
        ((nn.Conv2d(3, 3, 1),), 1),
        ((nn.Conv2d(3, 3, 5, padding=2),), 5),
        ((nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 3, 3, padding=2, dilation=2)), 7),
        ((nn.Conv2d(3, 3, 71, padding=35),), None),
        ((EverywhereMean(),), None),
    ],
    ids=["identity", "1x1", "5x5", "dilated", "wide", "everywhere"],
)
def test_an_unstated_receptive_field_is_measured(layers: tuple[nn.Module, ...], field: int | None) -> None:
    assert receptive_field(model_of(*layers)) == field


def test_the_measured_receptive_field_is_no_larger_than_the_stated_one() -> None:
    model = load("rt4ksr-x3")
    measured = receptive_field(Model(model.network, replace(model.info, radius=None)))
    stated = receptive_field(model)
    assert model.info.radius is not None
    assert stated == 2 * model.info.radius + 1
    assert measured is not None
    assert stated / 2 < measured <= stated


def test_a_profile_is_complete_and_leaves_the_model_as_it_was() -> None:
    model = load("rt4ksr-x2")
    before = {name: (value.data_ptr(), value.stride()) for name, value in model.network.state_dict().items()}
    result = profile(model, 20, 32, device="cpu", repeats=5)
    assert {name: (value.data_ptr(), value.stride()) for name, value in model.network.state_dict().items()} == before
    assert (result.model, result.family, result.device, result.precision) == ("rt4ksr-x2", "rt4ksr", "cpu", "float32")
    assert (result.width, result.height, result.frames, result.repeats) == (32, 20, 1, 5)
    assert 0 < result.lower_quartile_seconds <= result.median_seconds <= result.upper_quartile_seconds
    arithmetic, traffic = (
        result.convolution_multiply_adds / result.convolution_rate,
        result.convolution_bytes / result.bandwidth,
    )
    assert result.limit_seconds == pytest.approx(max(arithmetic, traffic), rel=1e-6)
    assert result.share_of_limit == pytest.approx(result.limit_seconds / result.median_seconds)
    assert result.parameters == model.info.parameters
    assert result.peak_bytes is None or result.peak_bytes > 10 * result.activation_bytes > 0
    assert json.loads(json.dumps(result.as_dict())) == result.as_dict()


@pytest.mark.parametrize(
    ("size", "arguments", "error", "words"),
    [
        ((540, 960), {}, ShapeError, "960x540 is no multiple of 8 in both directions. Try 960x544"),
        ((544, 960), {"device": "cuda:77"}, DeviceError, "cuda:77"),
        ((544, 960), {"device": "cpu", "precision": "fp16"}, DeviceError, "fp16"),
    ],
)
def test_what_cannot_be_measured_says_why(
    size: tuple[int, int], arguments: dict[str, Any], error: type[UpframeError], words: str
) -> None:
    with pytest.raises(error, match=words):
        profile(published("stssnet-x2"), *size, **arguments)


def test_an_unknown_published_name_lists_those_there_are() -> None:
    with pytest.raises(CheckpointError, match=r"frvsr: .*rt4ksr-x2, frvsr-x4, ttvsr-x4"):
        published("frvsr")


def test_sizes_are_read_as_width_and_height() -> None:
    assert parse_size("960x540") == (540, 960)
    for wrong in ("960", "0x3", "x", "same", "3x-1", "9e2x3", "²x3"):
        with pytest.raises(UpframeError, match="WIDTHxHEIGHT"):
            parse_size(wrong)
