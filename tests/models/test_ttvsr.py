"""TTVSR: equal to the published network on whole clips, and bounded in memory on long ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.reference.unpack import Reference, assert_known
from torch import Tensor

from upframe.errors import CheckpointError, ShapeError
from upframe.models.ttvsr import TTVSR, TrajectoryAttention, TTVSRState, build, recognises, tokens


@pytest.fixture(scope="module")
def published(reference: Reference) -> TTVSR:
    """The network with the weights the reference clips were computed with: two residual blocks instead of sixty."""
    state = reference.tensors("ttvsr/seeded_nb2.safetensors")
    return build({name: value.float() for name, value in state.items()}, {}).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def golden(reference: Reference) -> dict[str, Tensor]:
    return reference.tensors("ttvsr/golden.safetensors") | reference.tensors("ttvsr/golden_ltam.safetensors")


@pytest.fixture(scope="module")
def network() -> TTVSR:
    """A small network of random weights, whose flows move tokens by a few places."""
    torch.manual_seed(3)
    network = TTVSR(channels=4, blocks=1).eval().requires_grad_(False)
    for level in network.spynet.basic_module:
        level.basic_module[-1].conv.weight.mul_(30)  # type: ignore[index, union-attr]
    return network


def clip(frames: int, height: int = 64, width: int = 64, *, batch: int = 1, seed: int = 5) -> Tensor:
    """A soft random image that slides by two pixels a frame."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(batch, 3, height // 4, (width + 2 * frames) // 4 + 1, generator=generator)
    image = torch.nn.functional.interpolate(image, scale_factor=4, mode="bicubic").clamp(0, 1)
    return torch.stack([image[..., 2 * i : 2 * i + width] for i in range(frames)], dim=1)


def test_a_clip_gives_the_published_output(published: TTVSR, golden: dict[str, Tensor]) -> None:
    assert_known(published(golden["input"]), golden["output"].float(), atol=1e-3)


def test_a_mirrored_clip_gives_the_published_output(published: TTVSR, golden: dict[str, Tensor]) -> None:
    output = published(golden["mirror_input"])
    assert_known(output[:, :3], golden["mirror_output_first3"].float(), atol=1e-3)


def test_the_attention_alone_is_the_published_one(golden: dict[str, Tensor]) -> None:
    known = {name.removeprefix("ltam."): value.float() for name, value in golden.items() if name.startswith("ltam.")}
    attention = TrajectoryAttention(64, 4)
    attention.load_state_dict({"fusion.weight": known["fusion.weight"], "fusion.bias": known["fusion.bias"]})
    keys = torch.nn.functional.normalize(known["index_tokens"].flatten(3).permute(1, 0, 3, 2), dim=-1)
    values = torch.cat([known[f"tokens_s{i}"].flatten(3).permute(1, 0, 3, 2) for i in (1, 2, 3)], dim=-1)
    output = attention(known["curr_feat"], known["anchor_feat"], keys, values, known["location"])
    assert_known(output, known["output"], atol=1e-5)


def test_tokens_of_three_sizes_are_the_published_ones(golden: dict[str, Tensor]) -> None:
    feature = golden["tokens.feature"].float()
    for name, window in (("s1", 4), ("s2", 6), ("s3", 8)):
        expected = golden[f"tokens.{name}"].float().flatten(2)
        assert_known(tokens(feature, 4, window), expected, atol=1e-6)


def test_it_has_as_many_parameters_as_published() -> None:
    info = TTVSR().info
    assert info.parameters == 6_773_615
    assert (info.kind, info.scale, info.multiple, info.minimum, info.radius) == ("video", 4, 4, 64, None)


@pytest.mark.parametrize(("channels", "blocks", "token_stride", "keyframe_stride"), [(4, 1, 4, 3), (6, 2, 8, 2)])
def test_sizes_are_read_off_the_shapes(channels: int, blocks: int, token_stride: int, keyframe_stride: int) -> None:
    torch.manual_seed(2)
    network = TTVSR(channels=channels, blocks=blocks, token_stride=token_stride, keyframe_stride=keyframe_stride).eval()
    state = network.state_dict()
    assert recognises(state)
    again = build(state, network.configuration).eval()
    assert repr(again) == repr(network)
    frames = clip(4, 64, 72)
    with torch.no_grad():
        torch.testing.assert_close(again(frames), network(frames), atol=0, rtol=0)


def test_the_counter_of_the_training_and_a_missing_normalisation_do_not_matter() -> None:
    state = TTVSR(channels=4, blocks=1).state_dict()
    del state["spynet.mean"], state["spynet.std"]
    build(state | {"step_counter": torch.zeros(1)}, {})


@pytest.mark.parametrize("change", ["missing", "left over", "misshapen"])
def test_a_variant_that_cannot_be_built_is_named(change: str) -> None:
    state = TTVSR(channels=4, blocks=1).state_dict()
    if change == "missing":
        del state["fusion.weight"]
    else:
        state["fusion.weight" if change == "misshapen" else "fusion.weight2"] = torch.zeros(1)
    with pytest.raises(CheckpointError, match=r"looks like a TTVSR.*fusion\.weight"):
        build(state, {})


def test_a_network_of_another_family_is_not_recognised() -> None:
    state = TTVSR(channels=4, blocks=1).state_dict()
    assert not recognises({name: value for name, value in state.items() if not name.startswith("LTAM")})


def test_gradients_reach_every_parameter_and_the_frames() -> None:
    torch.manual_seed(4)
    network = TTVSR(channels=4, blocks=1)
    frames = clip(5).requires_grad_()
    (network(frames) * torch.randn(1, 5, 3, 256, 256)).sum().backward()
    assert frames.grad is not None
    assert all(bool(frames.grad[0, i].abs().sum() > 0) for i in range(5))
    assert [name for name, p in network.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)] == []


def test_the_attention_has_the_gradients_of_its_formula() -> None:
    torch.manual_seed(6)
    attention = TrajectoryAttention(1, 4).double()
    shapes = [(2, 1, 8, 8), (2, 1, 8, 8), (3, 2, 4, 16), (3, 2, 4, 48)]  # current, anchor, keys, values: three key frames
    inputs = tuple(torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes)
    location = torch.randint(-1, 3, (2, 6, 2, 2)).float()  # some are outside
    assert torch.autograd.gradcheck(lambda *x: attention(*x, location), inputs)


@pytest.mark.parametrize("window", [4, 6, 8])
def test_tokens_have_the_gradients_of_their_formula(window: int) -> None:
    feature = torch.randn(2, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: tokens(x, 4, window), feature)


def test_tokens_of_a_batch_are_not_mixed_up() -> None:
    torch.manual_seed(8)
    attention = TrajectoryAttention(2, 4)
    current, anchor = torch.randn(2, 3, 2, 12, 8).unbind(0)
    keys, values = torch.randn(2, 3, 6, 32), torch.randn(2, 3, 6, 96)
    location = torch.randint(-1, 4, (3, 4, 3, 2)).float()
    together = attention(current, anchor, keys, values, location)
    for i in range(3):
        one = slice(i, i + 1)
        alone = attention(current[one], anchor[one], keys[:, one], values[:, one], location[one])
        torch.testing.assert_close(together[one], alone, atol=1e-6, rtol=0)


def test_of_equal_key_frames_the_first_is_taken() -> None:
    torch.manual_seed(9)
    attention = TrajectoryAttention(2, 4)
    current, anchor = torch.randn(2, 1, 2, 8, 8).unbind(0)
    keys = torch.randn(1, 1, 4, 32).expand(3, -1, -1, -1)
    values = torch.randn(3, 1, 4, 96)
    location = torch.tensor([[[0, 1], [0, 1]], [[0, 0], [1, 1]]]).float().repeat(3, 1, 1)[None]
    several = attention(current, anchor, keys, values, location)
    first = attention(current, anchor, keys[:1], values[:1], location[:, :2])
    torch.testing.assert_close(several, first, atol=0, rtol=0)


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_short_clips_and_batches_are_upscaled(network: TTVSR, frames: int) -> None:
    batch = clip(frames, 64, 68, batch=2)
    output = network(batch)
    assert output.shape == (2, frames, 3, 256, 272)
    alone = torch.cat([network(batch[:1]), network(batch[1:])])
    torch.testing.assert_close(output, alone, atol=1e-5, rtol=0)


def test_the_clip_is_not_changed(network: TTVSR) -> None:
    frames = clip(3)
    before = frames.clone()
    network(frames)
    assert torch.equal(frames, before)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((1, 2, 3, 66, 64), "multiples of 4, not 64x66"),
        ((1, 2, 3, 64, 70), "multiples of 4, not 70x64"),
        ((1, 2, 3, 60, 64), "64x64 or more, not 64x60"),
        ((1, 2, 4, 64, 64), r"shape \(n, t, 3, h, w\)"),
        ((2, 3, 64, 64), r"shape \(n, t, 3, h, w\)"),
        ((1, 0, 3, 64, 64), r"shape \(n, t, 3, h, w\)"),
    ],
)
def test_a_shape_that_cannot_be_upscaled_is_refused(network: TTVSR, shape: tuple[int, ...], reason: str) -> None:
    with pytest.raises(ShapeError, match=reason):
        network(torch.zeros(shape))


@pytest.mark.parametrize(("keep", "remember"), [(0, 1), (4, 1), (3, 0)])
def test_a_chunk_of_nothing_is_refused(network: TTVSR, keep: int, remember: int) -> None:
    with pytest.raises(ShapeError, match="must be"):
        network.chunk(clip(3), keep=keep, remember=remember)


def test_a_state_of_another_size_is_refused(network: TTVSR) -> None:
    _, state = network.chunk(clip(2))
    with pytest.raises(ShapeError, match="the state is of frames"):
        network.chunk(clip(2, 64, 68), state)


def test_tokens_that_cannot_be_widened_evenly_are_refused() -> None:
    with pytest.raises(ShapeError, match="multiple of 4"):
        TTVSR(token_stride=6)


def test_a_clip_in_one_chunk_is_the_whole_clip(published: TTVSR, golden: dict[str, Tensor]) -> None:
    output, _ = published.chunk(golden["input"], keep=7, remember=1)
    assert torch.equal(output, published(golden["input"]))


def test_frames_that_are_only_looked_at_change_nothing_of_the_rest(network: TTVSR) -> None:
    frames = clip(7)
    output, _ = network.chunk(frames, keep=3)
    torch.testing.assert_close(output, network(frames)[:, :3], atol=1e-5, rtol=0)


def streamed(network: TTVSR, frames: Tensor, keep: int, look_ahead: int, remember: int) -> Tensor:
    state: TTVSRState | None = None
    outputs = []
    for start in range(0, frames.shape[1], keep):
        chunk = frames[:, start : start + keep + look_ahead]
        output, state = network.chunk(chunk, state, keep=min(keep, chunk.shape[1]), remember=remember)
        outputs.append(output)
    return torch.cat(outputs, dim=1)


def test_chunks_that_see_the_rest_of_the_clip_give_the_whole_clip(network: TTVSR) -> None:
    frames = clip(11)  # four key frames; the chunks are of another length than the gaps between them
    torch.testing.assert_close(streamed(network, frames, 5, 11, 99), network(frames), atol=1e-5, rtol=0)


def test_looking_further_and_remembering_more_come_closer_to_the_whole_clip(network: TTVSR) -> None:
    frames = clip(12)
    whole = network(frames)

    def distance(look_ahead: int, remember: int) -> float:
        return float((streamed(network, frames, 4, look_ahead, remember) - whole).square().mean())

    assert distance(0, 99) > distance(4, 99) > distance(12, 99)
    assert distance(12, 1) > distance(12, 99)


def test_the_state_makes_a_difference(network: TTVSR) -> None:
    frames = clip(10)
    whole = network(frames)
    _, state = network.chunk(frames, keep=5)
    with_state, _ = network.chunk(frames[:, 5:], state)
    without, _ = network.chunk(frames[:, 5:])
    assert float((with_state - whole[:, 5:]).abs().max()) < 1e-5
    assert float((without - whole[:, 5:]).abs().max()) > 1e-3


def test_a_state_can_be_gone_on_from_twice(network: TTVSR) -> None:
    _, state = network.chunk(clip(4))
    once, _ = network.chunk(clip(4, seed=6), state)
    network.chunk(clip(4, seed=7), state)
    torch.testing.assert_close(network.chunk(clip(4, seed=6), state)[0], once, atol=0, rtol=0)


def test_the_state_does_not_grow(network: TTVSR) -> None:
    state: TTVSRState | None = None
    for _ in range(4):
        _, state = network.chunk(clip(6), state, remember=3)
        held = (state.frame, state.memory.feature, state.memory.keys, state.memory.values, state.memory.location)
        assert state.memory.keyframes == len(state.memory.keys) == len(state.memory.values) <= 3
        assert all(tensor.untyped_storage().nbytes() == tensor.nbytes for tensor in held)  # of nothing larger


STREAM = """
import sys, torch
from upframe.models.ttvsr import TTVSR
torch.set_grad_enabled(False)
torch.set_num_threads(1)
network, frames, state = TTVSR(channels=16, blocks=1).eval(), torch.rand(1, 8, 3, 64, 64), None
for _ in range(0, int(sys.argv[1]), 6):
    _, state = network.chunk(frames, state, keep=6, remember=2)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from /proc")
def test_a_clip_three_times_as_long_takes_no_more_memory() -> None:
    # What is freed goes back at once: else what the C library keeps for later hides what we hold.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    command = [sys.executable, "-c", STREAM]
    short, long = (
        int(subprocess.run([*command, frames], env=environment, capture_output=True, check=True, text=True).stdout)
        for frames in ("12", "36")
    )
    assert long < 1.03 * short


def test_example_inputs_are_taken_and_always_the_same(network: TTVSR) -> None:
    (frames,) = network.example_inputs(64, 72)
    assert torch.equal(frames, network.example_inputs(64, 72)[0])
    assert network(frames).shape == (1, frames.shape[1], 3, 256, 288)


def test_a_saved_file_is_read_by_its_own_names(tmp_path: Path, network: TTVSR) -> None:
    save_file(network.state_dict(), tmp_path / "ttvsr.safetensors")
    again = build(load_file(tmp_path / "ttvsr.safetensors"), network.configuration).eval()
    frames = clip(2)
    torch.testing.assert_close(again(frames), network(frames), atol=0, rtol=0)
