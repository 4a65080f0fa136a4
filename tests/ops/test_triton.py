"""The kernels for CUDA give what the plain forms give; without a GPU they run in Triton's interpreter."""

from __future__ import annotations

import os

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
if DEVICE == "cpu":
    os.environ["TRITON_INTERPRET"] = "1"  # read when the kernels are imported
pytest.importorskip("triton")

from upframe.models.rt4ksr import RT4KSR  # noqa: E402
from upframe.models.rt4ksr_fused import can_be_fused, upscale  # noqa: E402
from upframe.models.stssnet import REACH, gather_alike  # noqa: E402
from upframe.ops.spread import warp_spread  # noqa: E402
from upframe.ops.triton import are_wanted  # noqa: E402
from upframe.ops.triton.convolving import convolve  # noqa: E402
from upframe.ops.triton.gathering import gather  # noqa: E402
from upframe.ops.triton.spreading import spread_warped  # noqa: E402
from upframe.ops.triton.warping import warp_bilinear  # noqa: E402
from upframe.ops.warp import Padding, warp  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:TRITON_DEFAULT_FP_FUSION:UserWarning")  # of Triton's compiler, on a GPU
TOLERANCES = {torch.float32: 1e-5, torch.float16: 2e-3}
types = pytest.mark.parametrize("dtype", TOLERANCES)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE)


def assert_near(actual: Tensor, expected: Tensor, dtype: torch.dtype) -> None:
    assert actual.dtype == dtype
    torch.testing.assert_close(actual.float(), expected.float(), rtol=TOLERANCES[dtype], atol=TOLERANCES[dtype])


@types
@pytest.mark.parametrize("padding", ["border", "zeros"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_image_is_warped_as_ever(padding: Padding, layout: torch.memory_format, dtype: torch.dtype) -> None:
    image = random(2, 3, 19, 33).to(dtype, memory_format=layout)
    flow = 9 * random(2, 2, 19, 33, seed=1)
    moved = warp_bilinear(image, flow, border=padding == "border")
    assert_near(moved, warp(image, flow, padding=padding), dtype)
    assert moved.is_contiguous(memory_format=layout)


def test_a_flow_that_leads_nowhere_reads_nothing_outside() -> None:
    image, flow = random(1, 1, 4, 5) + 9, torch.zeros(1, 2, 4, 5, device=DEVICE)
    flow[0, 0, 0, 0], flow[0, 1, 1, 1], flow[0, 0, 2, 2], flow[0, 0, 3, 3] = float("inf"), -1e30, float("nan"), 1e9
    kept = warp_bilinear(image, flow, border=True)
    assert kept[0, 0, 0, 0] == image[0, 0, 0, -1]
    assert kept[0, 0, 1, 1] == image[0, 0, 0, 1]
    assert kept[0, 0, 3, 3] == image[0, 0, 3, -1]
    assert image.min() <= kept[0, 0, 2, 2] <= image.max()
    faded = warp_bilinear(image, flow, border=False)
    assert not faded[0, 0, [0, 1, 3], [0, 1, 3]].any()


@types
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_holes_take_the_same_from_their_neighbours(layout: torch.memory_format, dtype: torch.dtype) -> None:
    latent = random(2, 12, 7, 11).to(dtype, memory_format=layout)
    keys = F.normalize(random(2, 5, 7, 11, seed=1), dim=1).to(dtype)
    mask = (random(2, 1, 7, 11, seed=2) > 0).to(dtype)
    mask[1, :, :6, :6] = 0  # everything around some pixels is a hole
    expected = gather_alike(latent.float(), keys.float(), mask.float())
    gathered = gather(latent, keys, mask, reach=REACH)
    assert_near(gathered, expected, dtype)
    assert not gathered[1, :, 0, 0].any()


@types
@pytest.mark.parametrize("factor", [2, 4])
def test_spread_maps_are_warped_as_ever(factor: int, dtype: torch.dtype) -> None:
    images, size = random(2, 3, 5, 6, 7).to(dtype), (6 * factor, 7 * factor)
    flows, weights = 3 * random(2, 3, 2, *size, seed=1), random(2, 3, *size, seed=2).abs().to(dtype)
    flows[:, -1] = 0  # of the current frame: many positions are exactly a sample's
    flows[0, 0, 0, 0, 0], flows[0, 0, 1, 1, 1], flows[0, 0, 0, 2, 2] = float("inf"), -1e30, 1e9
    with torch.inference_mode():
        expected = warp_spread(images, flows.clamp(-1e3, 1e3), weights, factor)
    moved = spread_warped(images, flows, weights, factor=factor)
    assert_near(moved, expected, dtype)
    assert expected.count_nonzero() > expected.numel() // 20
    assert moved.is_contiguous(memory_format=torch.channels_last)


@types
@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize(("gelu", "added"), [(False, False), (True, False), (False, True), (True, True)])
def test_a_convolution_and_what_follows_it_are_one(gelu: bool, added: bool, normalised: bool, dtype: torch.dtype) -> None:
    x, conv = random(2, 6, 11, 37).to(dtype, memory_format=torch.channels_last), convolution(6, 24, dtype)
    more = random(2, 24, 11, 37, seed=2).to(dtype)
    weight, bias = 1 + 0.1 * random(24, seed=3).to(dtype), 0.1 * random(24, seed=4).to(dtype)
    plain = conv.float()(x.float())
    plain = F.gelu(plain) if gelu else plain
    plain = plain + more.float() if added else plain
    if normalised:
        plain = F.layer_norm(plain.permute(0, 2, 3, 1), (24,), weight.float(), bias.float(), 1e-6).permute(0, 3, 1, 2)
    norm = (weight, bias, 1e-6) if normalised else None
    result = convolve(x, conv.to(dtype), gelu=gelu, added=more if added else None, norm=norm)
    assert_near(result, plain, dtype)
    assert result.is_contiguous(memory_format=torch.channels_last)


def test_a_image_is_read_folded_and_written_unfolded() -> None:
    x = random(1, 3, 18, 34)
    conv = convolution(12, 48, torch.float32)
    expected = F.pixel_shuffle(conv(F.pixel_unshuffle(x, 2)), 4)
    assert_near(convolve(x, conv, unshuffle=2, shuffle=4), expected, torch.float32)


@pytest.mark.parametrize("residual", [False, True])
@torch.inference_mode()
def test_a_whole_network_is_the_same_in_other_steps(residual: bool) -> None:
    torch.manual_seed(6)
    network = RT4KSR(2, blocks=2, layernorm=not residual, residual=residual).eval().merge().to(DEVICE)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    assert can_be_fused(network.switches)
    image = random(1, 3, 22, 36)
    torch.testing.assert_close(upscale(network, image), network(image), rtol=1e-4, atol=1e-5)


def test_networks_of_other_switches_are_left_to_the_plain_form() -> None:
    for other in ({"residual": True}, {"high_frequency": "gaussian"}, {"activation": "relu"}, {"squeeze": True}):
        switches = RT4KSR(2, merged=True).switches | other
        assert not can_be_fused(switches), other
    assert not can_be_fused(RT4KSR(2).switches), "the training form"


def test_tensors_on_a_processor_are_left_to_the_plain_forms() -> None:
    with torch.inference_mode():
        assert not are_wanted(torch.zeros(1))


@torch.no_grad()
def convolution(inputs: int, outputs: int, dtype: torch.dtype) -> nn.Conv2d:
    torch.manual_seed(5)
    conv = nn.Conv2d(inputs, outputs, 3, padding=1).requires_grad_(False).to(DEVICE, dtype)
    conv.weight.data = conv.weight.contiguous(memory_format=torch.channels_last)
    return conv
