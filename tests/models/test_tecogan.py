"""TecoGAN's discriminators: equal to the published ones, and the gradients go where they should."""

from __future__ import annotations

import pytest
import torch
from tests.reference.unpack import Reference, assert_known
from torch import Tensor

from upframe.errors import CheckpointError, ShapeError
from upframe.models import frvsr
from upframe.models.tecogan import (
    SpatialDiscriminator,
    SpatioTemporalDiscriminator,
    build,
    forward_flows,
    ping_pong,
    ping_pong_flows,
    recognises,
)

CLOSE = 1e-5


@pytest.fixture(scope="session")
def golden(reference: Reference) -> dict[str, Tensor]:
    return reference.tensors("frvsr/golden_discriminator.safetensors")


@pytest.fixture(scope="session")
def published(reference: Reference) -> SpatioTemporalDiscriminator:
    state = reference.tensors("frvsr/seeded_discriminator_size64.safetensors")
    assert recognises(state)
    network = build(state, {}).eval().requires_grad_(False)
    assert isinstance(network, SpatioTemporalDiscriminator)
    assert (network.size, network.channels, network.crop_ratio) == (64, 64, 0.75)
    return network


def small(**settings: float) -> SpatioTemporalDiscriminator:
    torch.manual_seed(4)
    return SpatioTemporalDiscriminator(16, channels=2, **settings).eval()


def test_ping_pong_flows_equal_the_published_ones(golden: dict[str, Tensor]) -> None:
    assert_known(ping_pong_flows(golden["hr_flow"]), golden["pingpong.hr_flow_merge"], atol=0)


def test_forward_flows_equal_the_published_ones(reference: Reference, golden: dict[str, Tensor]) -> None:
    generator = frvsr.build(reference.tensors("frvsr/seeded_bd_x4_nb2.safetensors"), {})
    flows = forward_flows(generator, golden["lr_data"], golden["hr_flow"])
    assert_known(flows, golden["forward.hr_flow_merge"], atol=CLOSE)


@pytest.mark.parametrize("kind", ["pingpong", "forward"])
def test_the_verdict_equals_the_published_one(
    reference: Reference, published: SpatioTemporalDiscriminator, golden: dict[str, Tensor], kind: str
) -> None:
    if kind == "pingpong":
        flows = ping_pong_flows(golden["hr_flow"])
    else:
        generator = frvsr.build(reference.tensors("frvsr/seeded_bd_x4_nb2.safetensors"), {})
        flows = forward_flows(generator, golden["lr_data"], golden["hr_flow"])
    verdict = published(golden["hr_data"], golden["bi_data"], flows)
    assert_known(verdict.logits, golden[f"{kind}.logits"], atol=CLOSE)
    if kind == "pingpong":
        means = verdict.features[0].mean((-2, -1))
        assert_known(means, golden["pingpong.feature0_mean_per_channel"], atol=CLOSE)
        assert_known(verdict.features[3], golden["pingpong.feature3"], atol=CLOSE)


def test_a_clip_goes_there_and_back_and_its_flows_with_it() -> None:
    frames = torch.arange(4.0).view(1, 4, 1, 1, 1)
    there_and_back = ping_pong(frames)
    assert there_and_back.flatten().tolist() == [0, 1, 2, 3, 2, 1, 0]
    steps = (there_and_back[:, :-1] - there_and_back[:, 1:]).expand(1, 6, 2, 1, 1)  # as flows: from frame i + 1 to i
    triplets = ping_pong_flows(steps)[:, 0].view(2, 3)  # (0 1 2), (3 2 1)
    assert triplets.tolist() == [[-1, 0, 1], [1, 0, -1]]


def test_triplets_of_all_clips_are_judged_and_the_frames_left_over_are_not() -> None:
    network = small()
    clip, upscaled = torch.rand(2, 2, 8, 3, 16, 16)
    flows = torch.rand(2 * 2 * 3, 2, 16, 16)
    verdict = network(clip, upscaled, flows)
    assert verdict.logits.shape == (4, 1)
    assert [tuple(f.shape) for f in verdict.features] == [(4, 2, 8, 8), (4, 2, 4, 4), (4, 4, 2, 2), (4, 8, 1, 1)]
    alone = network(clip[1:, 3:6], upscaled[1:, 3:6], flows[9:])
    torch.testing.assert_close(verdict.logits[3:], alone.logits)


def test_it_looks_at_frames_in_colours_as_they_are_then_moved_then_upscaled() -> None:
    network = small()
    seen: list[Tensor] = []
    network.conv_in.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    value = torch.arange(3.0)[:, None] + 10 * torch.arange(3.0)  # frame + 10 * colour
    clip = value[None, :, :, None, None].expand(1, 3, 3, 16, 16)
    network(clip, clip + 100, torch.zeros(3, 2, 16, 16))
    expected = [0, 1, 2, 10, 11, 12, 20, 21, 22]
    centre = seen[0][0, :, 8, 8]
    torch.testing.assert_close(centre, torch.tensor([*expected, *expected, *(v + 100 for v in expected)], dtype=torch.float32))


@pytest.mark.parametrize(("ratio", "border"), [(1.0, 0), (0.75, 2), (0.5, 4)])
def test_only_the_middle_of_the_moved_frames_is_shown(ratio: float, border: int) -> None:
    network = small(crop_ratio=ratio)
    seen: list[Tensor] = []
    network.conv_in.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    white = torch.ones(1, 3, 3, 16, 16)
    network(white, white, torch.zeros(3, 2, 16, 16))
    shown = torch.zeros(16, 16)
    shown[border : 16 - border, border : 16 - border] = 1
    torch.testing.assert_close(seen[0][0, 9:18], shown.expand(9, 16, 16))
    assert (seen[0][0, :9] == 1).all()
    assert (seen[0][0, 18:] == 1).all()


def test_gradients_reach_the_clip_directly_and_through_the_moved_frames_but_never_the_flows() -> None:
    network = small()
    with torch.no_grad():
        network.get_parameter("conv_in.0.weight")[:, :9] = 0  # blind to the frames as they are
    clip = torch.rand(1, 3, 3, 16, 16, requires_grad=True)
    flows = torch.full((3, 2, 16, 16), 0.3, requires_grad=True)
    network(clip, torch.rand(1, 3, 3, 16, 16), flows).logits.sum().backward()
    assert clip.grad is not None
    assert clip.grad.any()
    assert flows.grad is None


def test_flows_carry_no_gradient_into_the_generator() -> None:
    generator = frvsr.FRVSR(2, channels=4, blocks=1, flow_channels=1)
    frames = ping_pong(torch.rand(1, 2, 3, 8, 8))
    result = generator.clip(frames)
    assert result.output_flow.requires_grad
    assert not ping_pong_flows(result.output_flow).requires_grad
    assert not forward_flows(generator, frames, result.output_flow).requires_grad


@pytest.mark.parametrize("conditional", [True, False])
def test_the_spatial_discriminator_judges_every_frame_by_itself(conditional: bool) -> None:
    torch.manual_seed(2)
    network = SpatialDiscriminator(32, channels=2, conditional=conditional).eval()
    clip, upscaled = torch.rand(2, 2, 4, 3, 32, 32)
    verdict = network(clip, upscaled)
    assert verdict.logits.shape == (8, 1)
    alone = network(clip[1:, :1], upscaled[1:, :1]).logits
    torch.testing.assert_close(verdict.logits[4:5], alone)
    other = network(clip, torch.zeros_like(upscaled)).logits
    assert torch.equal(other, verdict.logits) != conditional


NETWORKS = [
    SpatioTemporalDiscriminator(32, channels=3, crop_ratio=0.5),
    SpatialDiscriminator(16, channels=2),
    SpatialDiscriminator(48, channels=1, conditional=False),
]


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_a_discriminator_is_saved_and_built_again(network: SpatioTemporalDiscriminator | SpatialDiscriminator) -> None:
    state = network.state_dict()
    assert recognises(state)
    again = build(state | {"upsample_func.kernels": torch.rand(4, 4)}, network.configuration)
    assert repr(again) == repr(network)
    assert (again.size, again.configuration) == (network.size, network.configuration)
    assert again.discriminator_block.block1[1].num_batches_tracked.dtype is torch.int64
    for name, value in again.state_dict().items():
        assert torch.equal(value, state[name])
        assert value.data_ptr() != state[name].data_ptr()
    assert "training only" in again.info.summary


def test_a_generator_is_not_taken_for_a_discriminator() -> None:
    generator = frvsr.FRVSR(2, channels=4, blocks=1, flow_channels=1).state_dict()
    assert not recognises(generator)
    assert not frvsr.recognises(small().state_dict())


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("discriminator_block.block3.1.running_var", None),
        ("conv_in.0.weight", (2, 12, 3, 3)),
        ("conv_in.0.weight", (0, 27, 3, 3)),
        ("dense.weight", (1,)),
        ("dense.weight", (1, 4)),
        ("discriminator_block.block5.0.weight", (2, 2, 4, 4)),
    ],
)
def test_a_variant_that_cannot_be_built_is_named(name: str, shape: tuple[int, ...] | None) -> None:
    state = small().state_dict()
    if shape is None:
        del state[name]
    else:
        state[name] = torch.zeros(shape)
    with pytest.raises(CheckpointError, match="looks like a TecoGAN discriminator"):
        build(state, {})


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 16 pixels, not of 40"):
        SpatioTemporalDiscriminator(40)
    clip = torch.rand(1, 3, 3, 16, 32)
    with pytest.raises(ShapeError, match="frames of 16x16"):
        small()(clip, clip, torch.zeros(3, 2, 16, 32))
    with pytest.raises(ShapeError, match="frames of 16x16"):
        SpatialDiscriminator(16, channels=1)(clip, clip)


def test_two_frames_are_no_triplet() -> None:
    clip = torch.rand(1, 2, 3, 16, 16)
    with pytest.raises(ShapeError, match="at least 3"):
        small()(clip, clip, torch.zeros(0, 2, 16, 16))
    with pytest.raises(ShapeError, match="at least 3"):
        ping_pong_flows(torch.zeros(1, 1, 2, 16, 16))
    with pytest.raises(ShapeError, match="at least 3"):
        forward_flows(frvsr.FRVSR(2, channels=1, blocks=1, flow_channels=1), clip, torch.zeros(1, 1, 2, 32, 32))
