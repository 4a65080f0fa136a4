"""Frames through networks that remember: the same as the published evaluation, for any size, started again at cuts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.reference.unpack import Reference, assert_known
from torch import Tensor, nn

from upframe import Upscaler
from upframe.engine.arrays import Pixels
from upframe.engine.clips import ClipStream
from upframe.engine.cuts import ListedCuts, no_cuts
from upframe.errors import InputError
from upframe.models.catalog import Model
from upframe.models.frvsr import FRVSR, build
from upframe.models.nsrr import NSRR
from upframe.models.streams import ChunkStream, RecurrentStream, Stream
from upframe.models.ttvsr import TTVSR


def small_frvsr(scale: int = 2) -> FRVSR:
    torch.manual_seed(0)
    return FRVSR(scale, channels=8, blocks=1, flow_channels=4).eval().requires_grad_(False)


def small_ttvsr() -> TTVSR:
    torch.manual_seed(0)
    return TTVSR(channels=8, blocks=1).eval().requires_grad_(False)


def upscaler(network: FRVSR | TTVSR) -> Upscaler:
    return Upscaler(Model(network, network.info))


def clip(frames: int, height: int, width: int, seed: int = 0) -> list[Tensor]:
    """Smooth images in motion, (1, 3, h, w) each."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 3, height // 4 + 8, width // 4 + frames + 8), generator=generator)
    whole = nn.functional.interpolate(coarse, scale_factor=4, mode="bicubic").clamp(0, 1)
    return [whole[..., 2 : 2 + height, 3 * i : 3 * i + width] for i in range(frames)]


def as_arrays(frames: list[Tensor]) -> list[Pixels]:
    return [np.ascontiguousarray(frame[0].permute(1, 2, 0).numpy()) for frame in frames]


@torch.inference_mode()
def through(stream: Stream, frames: list[Tensor]) -> list[Tensor]:
    results = [result for frame in frames for result in stream.feed(frame)]
    return results + stream.finish()


def test_frvsr_begins_with_its_first_frames_in_reverse_order() -> None:
    network, frames = small_frvsr(), clip(9, 16, 24)
    state, expected = None, []
    with torch.inference_mode():
        for frame in [*frames[5:0:-1], *frames]:
            output, state = network.step(frame, state)
            expected.append(output)
    results = through(RecurrentStream(network), frames)
    assert len(results) == 9
    assert all(torch.equal(*pair) for pair in zip(results, expected[5:], strict=True))


def test_frvsr_can_begin_from_black_as_the_published_inference_step_does(reference: Reference) -> None:
    golden = reference.tensors("frvsr/golden_generator.safetensors")
    network = build(reference.tensors("frvsr/seeded_bd_x4_nb2.safetensors"), {}).eval()
    frames = list(golden["BD4.infer.lr_data"][:, None])
    results = torch.cat(through(RecurrentStream(network, warm_up=0), frames))
    assert_known(results, golden["BD4.infer.hr_float"], atol=1e-4)


@pytest.mark.parametrize("frames", [1, 3, 6])
def test_a_shot_shorter_than_the_beginning_of_frvsr_still_comes_out(frames: int) -> None:
    assert len(through(RecurrentStream(small_frvsr()), clip(frames, 16, 16))) == frames


def test_a_shot_that_fits_in_one_chunk_is_the_whole_clip_of_ttvsr() -> None:
    network, frames = small_ttvsr(), clip(7, 64, 64)
    results = torch.stack(through(ChunkStream(network, chunk=5, ahead=2), frames), dim=1)
    with torch.inference_mode():
        assert torch.equal(results, network(torch.stack(frames, dim=1)))


@pytest.mark.parametrize("frames", [1, 5, 8, 9, 16])
def test_every_frame_of_a_longer_shot_of_ttvsr_comes_out_once(frames: int) -> None:
    assert len(through(ChunkStream(small_ttvsr(), chunk=3, ahead=2), clip(frames, 64, 64))) == frames


def test_chunks_of_ttvsr_are_near_the_whole_clip() -> None:
    network, frames = small_ttvsr(), clip(12, 64, 64)
    whole = torch.cat(through(ChunkStream(network, chunk=12, ahead=0), frames))
    chunks = torch.cat(through(ChunkStream(network, chunk=4, ahead=4), frames))
    alone = torch.cat([torch.cat(through(ChunkStream(network, chunk=1, ahead=0), [frame])) for frame in frames])
    assert not torch.equal(chunks, whole)
    assert (chunks - whole).square().mean() < 0.25 * (alone - whole).square().mean()


@pytest.mark.parametrize("network", [small_frvsr, small_ttvsr], ids=["frvsr", "ttvsr"])
def test_a_cut_begins_anew(network: type[FRVSR] | type[TTVSR]) -> None:
    first, second = clip(5, 64, 64, seed=1), clip(4, 64, 64, seed=2)
    ready = upscaler(network())
    joined = ready.open_clip(cuts=ListedCuts(frozenset({5})))
    results = [result for frame in first + second for result in joined.feed([frame])] + joined.finish()
    for shot, part in ((first, results[:5]), (second, results[5:])):
        alone = ready.open_clip()
        expected = [result for frame in shot for result in alone.feed([frame])] + alone.finish()
        assert all(torch.equal(*pair) for (pair) in zip((p[0] for p in part), (e[0] for e in expected), strict=True))


def test_frames_of_another_size_begin_anew() -> None:
    joined = upscaler(small_frvsr()).open_clip()
    frames = clip(3, 16, 24) + clip(3, 20, 18)
    sizes = [result[0].shape[-2:] for frame in frames for result in joined.feed([frame])]
    sizes += [result[0].shape[-2:] for result in joined.finish()]
    assert sizes == [(32, 48)] * 3 + [(40, 36)] * 3


def test_layers_that_do_not_belong_together_are_refused() -> None:
    stream = ClipStream([RecurrentStream(small_frvsr())], no_cuts)
    frame = clip(1, 16, 16)[0]
    with pytest.raises(ValueError, match="zip"):
        stream.feed([frame, frame])


@pytest.mark.parametrize(("network", "size"), [(small_frvsr, (37, 53)), (small_frvsr, (5, 3)), (small_ttvsr, (30, 67))])
def test_every_size_works(network: type[FRVSR] | type[TTVSR], size: tuple[int, int]) -> None:
    ready = upscaler(network())
    frames = as_arrays(clip(3, *size))
    results = list(ready.stream(frames))
    assert [result.shape for result in results] == [(size[0] * ready.info.scale, size[1] * ready.info.scale, 3)] * 3


@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_frames_come_back_as_they_came(channels: int | None, dtype: type[np.generic]) -> None:
    colour = as_arrays(clip(4, 16, 24))
    full = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    stacked = [np.concatenate((frame, frame[..., :1]), axis=2)[..., : channels or 1] for frame in colour]
    frames = [(frame * full).astype(dtype) for frame in stacked]
    frames = [frame[..., 0] for frame in frames] if channels is None else frames
    results = list(upscaler(small_frvsr()).stream(frames))
    assert [(result.shape[2:], result.dtype) for result in results] == [(frame.shape[2:], frame.dtype) for frame in frames]
    assert results[0].shape[:2] == (32, 48)


def test_a_single_image_is_a_clip_of_one_frame() -> None:
    ready, (frame,) = upscaler(small_frvsr()), as_arrays(clip(1, 18, 20))
    assert np.array_equal(ready.upscale(frame), next(ready.stream([frame])))


def test_an_empty_clip_stays_empty() -> None:
    assert list(upscaler(small_frvsr()).stream([])) == []


def test_a_clip_can_be_given_another_size() -> None:
    network = small_frvsr()
    ready = Upscaler(Model(network, network.info), scale=1.5)
    assert [frame.shape for frame in ready.stream(as_arrays(clip(2, 16, 24)))] == [(24, 36, 3)] * 2


def test_a_network_for_rendered_frames_says_what_it_is_for() -> None:
    network = NSRR()
    with pytest.raises(InputError, match=r"from their depth and motion\nUse upframe\.Supersampler"):
        Upscaler(Model(network, network.info))
