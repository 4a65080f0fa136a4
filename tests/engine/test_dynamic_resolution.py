"""The render size changes from frame to frame, a frame comes twice: the past stays of use."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.engine.test_supersampler import Array, both, make_nsrr, make_stssnet, make_taau, psnr, run
from torch import Tensor

from upframe.engine.supersampler import Supersampler
from upframe.ops.warp import warp
from upframe.rendered import RenderedFrame
from upframe.rendered.jitter import halton
from upframe.rendered.preparation import FramePreparation, planes

FULL, LESS = (40, 64), (36, 57)  # 57.6 would be of the same proportion


def scene(x: Array, y: Array, *, waves: float = 5.0) -> Array:
    """Colours at places of an image, each in [0, 1]: (h, w, 3) in [0.1, 0.9]."""
    turns = [2 * math.pi * waves * (a * x + b * y) for a, b in ((1.0, 0.4), (-0.5, 0.9), (0.3, -1.0))]
    return np.stack([0.5 + 0.4 * np.sin(turn) for turn in turns], axis=2).astype(np.float32)


def centres(size: tuple[int, int], jitter: tuple[float, float] = (0.0, 0.0)) -> tuple[Array, Array]:
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    return (x + 0.5 + jitter[0]) / size[1], (y + 0.5 + jitter[1]) / size[0]


def view(time: int, size: tuple[int, int], *, speed: float = 0.02, waves: float = 5.0, **changes: Any) -> RenderedFrame:
    """A plain that moves to the right by a part of the image each frame."""
    x, y = centres(size, changes.get("jitter", (0.0, 0.0)))
    normal = np.zeros((*size, 3), np.float32)
    normal[..., 2] = 1
    motion = np.zeros((*size, 2), np.float32)
    motion[..., 0] = -speed * size[1]
    materials: dict[str, Any] = dict.fromkeys(("roughness", "metallic"), np.full(size, 0.5, np.float32))
    buffers = {"depth": np.full(size, 4, np.float32), "normal": normal, "albedo": normal, "motion": motion, **materials}
    return RenderedFrame(**({"linear": False, "colour": scene(x - speed * time, y, waves=waves)} | buffers | changes))


def prepared(supersampler: Supersampler, frames: list[RenderedFrame]) -> dict[str, Tensor]:
    """What the network is given for the last of them."""
    history = supersampler.network.new_history()
    prepare = FramePreparation(history, undoes_jitter=supersampler.network.undoes_jitter)
    for rendered in frames:
        arguments = history.inputs(prepare(rendered, {n: planes(b) for n, b in rendered.buffers().items()})).arguments
    return dict(arguments)


SIZES = [FULL, FULL, LESS, LESS, FULL, LESS]


def test_nsrr_looks_back_at_frames_of_other_sizes_where_they_are_now() -> None:
    given = prepared(make_nsrr(), [view(time, size) for time, size in enumerate(SIZES)])
    now = given["colour"][:, -1]
    assert now.shape[2:] == LESS
    for back in range(1, 5):
        before = warp(given["colour"][:, -1 - back], given["motion"][:, -1 - back], padding="border")
        inner = np.s_[..., 4:-4, 6 * back : -4]
        assert psnr(before[inner].numpy(), now[inner].numpy()) > 25, back
        unmoved = given["colour"][:, -1 - back]
        assert psnr(unmoved[inner].numpy(), now[inner].numpy()) < 20, back


def test_stssnet_looks_back_at_frames_of_other_sizes_where_they_are_now() -> None:
    given = prepared(make_stssnet(), [view(time, size) for time, size in enumerate(SIZES)])
    now = given["history"][:, -1, :3]
    assert now.shape[2:] == LESS
    for back in range(1, 3):
        inner = np.s_[..., 4:-4, 6 * back : -4]
        assert psnr(given["history"][:, -1 - back, :3][inner].numpy(), now[inner].numpy()) > 25, back


@pytest.mark.parametrize("size", [LESS, (48, 77)])
def test_taau_keeps_what_it_gathered_when_the_size_changes(size: tuple[int, int]) -> None:
    still = {"speed": 0.0, "waves": 12.0}
    frames = [view(0, FULL, jitter=offset, **still) for offset in halton(12)]
    after = view(0, size, jitter=halton(1, 12)[0], **still)
    truth = scene(*centres((2 * size[0], 2 * size[1])), waves=12.0)
    inner = np.s_[4:-4, 4:-4]
    kept, begun = (
        psnr(run(make_taau(), [*frames, after])[inner], truth[inner]),
        psnr(run(make_taau(), [after])[inner], truth[inner]),
    )
    assert kept > begun + 2


@both
def test_a_size_that_changes_every_frame_makes_frames_of_that_size(make: Callable[[], Supersampler]) -> None:
    supersampler = make()
    for time, size in enumerate(SIZES[1:4]):
        result = np.asarray(supersampler.step(view(time, size)))
        assert result.shape == (2 * size[0], 2 * size[1], 3)
        assert np.isfinite(result).all()


@both
def test_a_frame_that_comes_twice_has_not_moved(make: Callable[[], Supersampler]) -> None:
    """A game that is paused shows its last frame again, with the motion it had."""
    before, now = view(0, FULL), view(1, FULL)
    stands = replace(now, motion=np.zeros((*FULL, 2), np.float32))
    np.testing.assert_array_equal(run(make(), [before, now, now]), run(make(), [before, now, stands]))


def test_a_still_camera_is_not_taken_for_a_pause_where_something_moves() -> None:
    """One pixel that differs is a new frame: its motion counts."""
    colour = np.array(view(1, FULL).colour)
    colour[0, 0] += 0.01
    given = prepared(make_taau(), [view(0, FULL), view(1, FULL), view(1, FULL, colour=colour)])
    assert torch.equal(given["motion"], planes(view(1, FULL).motion))
