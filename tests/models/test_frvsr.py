"""FRVSR: equal to the published network in training and in use, for every size, and built from any checkpoint of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.reference.unpack import Reference, assert_known
from torch import Tensor

from upframe.errors import CheckpointError, ShapeError
from upframe.models import rt4ksr
from upframe.models.frvsr import FRVSR, FRVSRState, build, recognises
from upframe.models.info import from_metadata, to_metadata
from upframe.ops.interpolate import Degradation, interpolate
from upframe.ops.warp import warp

CASES: list[tuple[str, Degradation, int]] = [("BD4", "BD", 4), ("BI4", "BI", 4), ("BD2", "BD", 2)]
CLOSE = 1e-5


def seeded(reference: Reference, degradation: Degradation, scale: int) -> FRVSR:
    """The network of the reference outputs, from a checkpoint as the edition writes it."""
    state = reference.tensors(f"frvsr/seeded_{degradation.lower()}_x{scale}_nb2.safetensors")
    assert recognises(state)
    return build(state, {}).eval()


def small(scale: int = 2, degradation: Degradation = "BD") -> FRVSR:
    torch.manual_seed(5)
    network = FRVSR(scale, channels=6, blocks=1, flow_channels=2, degradation=degradation)
    torch.nn.init.uniform_(network.get_parameter("fnet.flow.2.bias"), 0.05, 0.2)  # a new network sees next to no motion
    return network


@pytest.fixture(scope="session")
def golden(reference: Reference) -> dict[str, Tensor]:
    return reference.tensors("frvsr/golden_generator.safetensors")


@pytest.mark.parametrize(("case", "degradation", "scale"), CASES)
def test_a_training_clip_equals_the_published_one(
    reference: Reference, golden: dict[str, Tensor], case: str, degradation: Degradation, scale: int
) -> None:
    result = seeded(reference, degradation, scale).clip(golden[f"{case}.train.lr_data"])
    assert_known(result.output, golden[f"{case}.train.hr_data"], atol=CLOSE)
    assert_known(result.output_flow, golden[f"{case}.train.hr_flow"], atol=CLOSE)
    assert_known(result.flow, golden[f"{case}.train.lr_flow"], atol=CLOSE)
    assert torch.equal(result.current, golden[f"{case}.train.lr_curr"])
    assert torch.equal(result.previous, golden[f"{case}.train.lr_prev"])


@pytest.mark.parametrize(("case", "degradation", "scale"), CASES)
@torch.inference_mode()
def test_a_video_equals_the_published_one_frame_by_frame(
    reference: Reference, golden: dict[str, Tensor], case: str, degradation: Degradation, scale: int
) -> None:
    network, state = seeded(reference, degradation, scale), None
    frames, expected, codes = (golden[f"{case}.infer.{name}"] for name in ("lr_data", "hr_float", "hr_uint8"))
    assert frames.shape[-2:] == (30, 42)  # no multiples of 8
    for index, frame in enumerate(frames):
        output, state = network.step(frame[None], state)
        assert_known(output[0], expected[index], atol=CLOSE)
        rounded = (output[0] * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
        # Two computers may round a value that is half-way between two codes differently, and none else.
        distance = ((output[0] * 255) % 1 - 0.5).abs().permute(1, 2, 0)
        sure = (distance > 1e-3) & ~codes[index].isnan()
        assert sure.sum() > 500
        assert torch.equal(rounded[sure].float(), codes[index][sure])


@pytest.mark.parametrize("degradation", ["BD", "BI"])
@torch.inference_mode()
def test_a_clip_and_a_running_video_are_the_same(degradation: Degradation) -> None:
    network, state = small(2, degradation), None
    frames = torch.rand(2, 3, 3, 19, 26)
    clip = network.clip(frames)
    for index in range(3):
        output, state = network.step(frames[:, index], state)
        torch.testing.assert_close(output, clip.output[:, index])
    assert isinstance(state, FRVSRState)
    assert torch.equal(state.frame, frames[:, 2])
    assert state.output is output


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("size", [(1, 1), (3, 20), (7, 8), (8, 15), (9, 5), (17, 16)])
@torch.inference_mode()
def test_every_size_is_upscaled(scale: int, size: tuple[int, int]) -> None:
    network = small(scale)
    previous, frame = torch.rand(2, 1, 3, *size)
    _, state = network.step(previous, None)
    output, _ = network.step(frame, state)
    assert output.shape == (1, 3, scale * size[0], scale * size[1])
    assert torch.isfinite(output).all()
    assert network.estimate_flow(frame, previous).shape == (1, 2, *size)


@torch.inference_mode()
def test_the_flow_beyond_the_last_whole_cell_is_mirrored() -> None:
    network = small()
    frames = torch.rand(2, 1, 3, 21, 17)
    flow, whole = network.estimate_flow(*frames), network.fnet(*frames)
    assert whole.shape == (1, 2, 16, 16)
    assert torch.equal(flow[..., :16, :16], whole)
    assert torch.equal(flow[..., 16:, :16], whole[..., 10:15, :].flip(-2))
    assert torch.equal(flow[..., :16, 16], whole[..., 14])


@torch.inference_mode()
def test_a_flow_is_never_longer_than_24_pixels() -> None:
    network = small()
    torch.nn.init.constant_(network.get_parameter("fnet.flow.2.bias"), 1e4)
    flow = network.estimate_flow(*torch.rand(2, 1, 3, 16, 16))
    torch.testing.assert_close(flow, torch.full((1, 2, 16, 16), 24.0))


@torch.inference_mode()
def test_the_output_is_the_upscaled_frame_and_what_it_lacks() -> None:
    for degradation in ("BD", "BI"):
        network = small(4, degradation)
        for parameter in network.srnet.conv_out.parameters():
            torch.nn.init.zeros_(parameter)
        frame = torch.rand(1, 3, 10, 12)
        torch.testing.assert_close(network.step(frame, None)[0], interpolate(frame, 4, degradation))


def test_the_published_size_has_the_published_number_of_parameters() -> None:
    assert FRVSR(4).info.parameters == 2_589_093


def test_its_card_says_what_a_player_must_know() -> None:
    info = FRVSR(2, degradation="BI").info
    assert (info.family, info.kind, info.scale, info.degradation) == ("frvsr", "video", 2, "BI")
    assert (info.past, info.future, info.multiple, info.radius) == (1, 0, 1, None)


@pytest.mark.parametrize("degradation", ["BD", "BI"])
@pytest.mark.parametrize(("scale", "channels", "blocks", "flow_channels"), [(2, 6, 3, 2), (4, 4, 1, 3), (4, 8, 12, 1)])
def test_a_light_network_is_saved_and_built_again(
    degradation: Degradation, scale: int, channels: int, blocks: int, flow_channels: int, tmp_path: Path
) -> None:
    network = FRVSR(scale, channels=channels, blocks=blocks, flow_channels=flow_channels, degradation=degradation)
    file = tmp_path / "light.safetensors"
    save_file(network.state_dict(), file, to_metadata(network.info, network.configuration))
    state = load_file(file)
    _, configuration = from_metadata(to_metadata(network.info, network.configuration))
    again = build(state, configuration)
    assert repr(again) == repr(network)
    assert again.degradation == degradation
    inputs = network.example_inputs(9, 11)
    torch.testing.assert_close(again(*inputs), network(*inputs))


def test_the_degradation_of_a_published_file_is_known_by_its_constants() -> None:
    state = small(4).state_dict()
    kernels = torch.rand(4, 4)
    assert build(state, {}).degradation == "BI"
    published = state | {"upsample_func.kernels": kernels, "srnet.upsample_func.kernels": kernels}
    assert build(published, {}).degradation == "BD"


def test_building_leaves_the_checkpoint_alone() -> None:
    state = small().state_dict()
    before = {name: value.clone() for name, value in state.items()}
    network = build(state, {})
    assert all(parameter.requires_grad and parameter.device.type == "cpu" for parameter in network.parameters())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert all(torch.equal(state[name], value) for name, value in before.items())


def test_another_network_is_not_taken_for_one() -> None:
    assert not recognises(rt4ksr.RT4KSR(2).state_dict())
    assert not recognises({})


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("srnet.resblocks.0.conv.2.bias", None),
        ("fnet.decoder2.0.weight", (8, 16, 3, 2)),
        ("srnet.conv_in.0.weight", (6, 30, 3, 3)),
        ("srnet.conv_in.0.weight", ()),
        ("fnet.encoder1.0.weight", (50_000, 1, 1, 1)),
        ("srnet.extra.weight", (3,)),
    ],
)
def test_a_variant_that_cannot_be_built_is_named(name: str, shape: tuple[int, ...] | None) -> None:
    state = small().state_dict()
    if shape is None:
        del state[name]
    else:
        state[name] = torch.zeros(shape)
    with pytest.raises(CheckpointError, match="looks like an FRVSR"):
        build(state, {})


@pytest.mark.parametrize(("scale", "degradation"), [(3, "BD"), (8, "BI"), (2, "bd")])
def test_a_network_that_does_not_exist_is_refused(scale: int, degradation: Degradation) -> None:
    with pytest.raises(ValueError, match="by 2 or 4, for BD or BI"):
        FRVSR(scale, degradation=degradation)


def test_a_new_size_in_a_running_video_is_refused() -> None:
    network = small()
    _, state = network.step(torch.rand(1, 3, 8, 8), None)
    with pytest.raises(ShapeError, match=r"\(1, 3, 8, 9\) cannot follow"):
        network.step(torch.rand(1, 3, 8, 9), state)


def test_a_clip_of_one_frame_is_refused() -> None:
    with pytest.raises(ShapeError, match="at least 2"):
        small().clip(torch.rand(1, 1, 3, 8, 8))


def test_gradients_reach_every_weight_through_time() -> None:
    network = small(4)
    frames = torch.rand(1, 3, 3, 16, 16, requires_grad=True)
    result = network.clip(frames)
    missed = warp(result.previous, result.flow, padding="border") - result.current
    loss: Tensor = result.output[:, -1].square().mean() + missed.square().mean()
    loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None
        assert parameter.grad.any(), name
    assert frames.grad is not None
    assert frames.grad[:, 0].any()


def test_gradients_are_those_of_the_function() -> None:
    network = small().double()
    for module in network.modules():  # kinks are no place to measure a slope
        if isinstance(module, torch.nn.Sequential):
            for index, layer in enumerate(module):
                if isinstance(layer, torch.nn.ReLU | torch.nn.LeakyReLU):
                    module[index] = torch.nn.Softplus()
    frame, previous = torch.rand(2, 1, 3, 9, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    output = torch.rand(1, 3, 18, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    inputs = (frame.requires_grad_(), previous.requires_grad_(), output.requires_grad_())
    assert torch.autograd.gradcheck(network, inputs, fast_mode=True)


def test_what_is_given_is_not_changed() -> None:
    network = small()
    inputs = network.example_inputs(10, 9)
    before = [value.clone() for value in inputs]
    network(*inputs)
    assert all(torch.equal(value, copy) for value, copy in zip(inputs, before, strict=True))


def test_the_example_inputs_fit_and_are_always_the_same() -> None:
    network = small(4)
    first, second = network.example_inputs(12, 20), network.example_inputs(12, 20)
    assert [tuple(value.shape) for value in first] == [(1, 3, 12, 20), (1, 3, 12, 20), (1, 3, 48, 80)]
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert network(*first).shape == (1, 3, 48, 80)


def test_one_exported_graph_takes_every_size() -> None:
    network = small().eval().requires_grad_(False)
    sides = {2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO}
    program = torch.export.export(network, network.example_inputs(24, 40), dynamic_shapes=[sides] * 3).module()
    for size in ((24, 40), (37, 53), (16, 130)):
        inputs = network.example_inputs(*size)
        torch.testing.assert_close(program(*inputs), network(*inputs))
