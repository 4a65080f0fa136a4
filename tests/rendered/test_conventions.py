"""Buffers as engines have them become the contract's on entry."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

import upframe
from upframe.errors import InputError, ShapeError
from upframe.media.image.formats.exr import written_whole
from upframe.rendered.clip import ClipFrame, ClipInfo, ClipWriter, RenderedClip
from upframe.rendered.conventions import EngineConventions
from upframe.rendered.frame import RenderedFrame

NEAR, FAR = 0.25, 80.0
SIZE = (4, 6)
DISTANCE = np.array([[0.25, 0.5, 1, 2, 4, 8], [3, 3, 5, 5, 7, 7], [10, 20, 30, 40, 50, 60], [79, 1, 1, 1, 1, 1]], np.float32)
NOTHING = np.zeros(SIZE, bool)
NOTHING[3, 2:4] = True
EXPECTED = np.where(NOTHING, np.inf, DISTANCE)
COLOUR = np.zeros((*SIZE, 3), np.float32)
MOTION = np.random.default_rng(1).normal(0, 2, (*SIZE, 2)).astype(np.float32)


def device(far: float) -> Any:
    """Of a projection with these planes: 0 near, 1 far."""
    if math.isinf(far):
        return np.where(NOTHING, 1, 1 - NEAR / DISTANCE.astype(np.float64))
    return np.where(NOTHING, 1, far * (DISTANCE.astype(np.float64) - NEAR) / (DISTANCE * (far - NEAR)))


DEPTHS: dict[str, tuple[EngineConventions, Any]] = {
    "as it is": (EngineConventions(), EXPECTED),
    "device": (EngineConventions(depth="device", near=NEAR, far=FAR), device(FAR)),
    "device, infinite": (EngineConventions(depth="device", near=NEAR), device(math.inf)),
    "reversed": (EngineConventions(depth="reversed", near=NEAR, far=FAR), 1 - device(FAR)),
    "reversed, infinite": (EngineConventions(depth="reversed", near=NEAR), 1 - device(math.inf)),
    "OpenGL": (EngineConventions(depth="clip", near=NEAR, far=FAR), 2 * device(FAR) - 1),
    "fraction": (EngineConventions(depth="fraction", far=FAR), np.where(NOTHING, 1, DISTANCE / FAR)),
    "Blender's background": (EngineConventions(background=1e9), np.where(NOTHING, 1e10, DISTANCE)),
    "centimetres": (EngineConventions(depth_scale=0.01), EXPECTED * 100),
    "reversed, in centimetres": (EngineConventions(depth="reversed", near=NEAR * 100, depth_scale=0.01), 1 - device(math.inf)),
}


@pytest.mark.parametrize("kind", ["array", "tensor"])
@pytest.mark.parametrize("name", DEPTHS)
def test_every_kind_of_depth_becomes_a_distance(name: str, kind: str) -> None:
    conventions, stored = DEPTHS[name]
    buffers: dict[str, Any] = {"colour": COLOUR, "depth": stored.astype(np.float64), "motion": MOTION}
    if kind == "tensor":
        buffers = {name: torch.from_numpy(buffer) for name, buffer in buffers.items()}
    frame = conventions.frame(**buffers)
    np.testing.assert_allclose(np.asarray(frame.depth), EXPECTED, rtol=1e-5)
    np.testing.assert_array_equal(np.asarray(frame.motion), MOTION)


MOTIONS: dict[str, tuple[EngineConventions, Any]] = {
    "current - previous": (EngineConventions(motion_scale=(-1, -1)), -MOTION),
    "UV": (EngineConventions(motion_unit="UV"), MOTION / np.float32((6, 4))),
    "NDC velocity, y up": (EngineConventions(motion_unit="NDC", motion_scale=(-1, 1)), MOTION * np.float32((-2 / 6, 2 / 4))),
    "with jitter": (
        EngineConventions(motion_jittered=True, jitter_scale=(-1, 1)),
        MOTION + np.float32((0.25 - 0.125, -0.25 - 0.375)),
    ),
}


@pytest.mark.parametrize("kind", ["array", "tensor"])
@pytest.mark.parametrize("name", MOTIONS)
def test_every_kind_of_motion_becomes_pixels_to_the_frame_before(name: str, kind: str) -> None:
    conventions, stored = MOTIONS[name]
    buffers: dict[str, Any] = {"colour": COLOUR, "depth": EXPECTED, "motion": stored}
    if kind == "tensor":
        buffers = {name: torch.from_numpy(buffer) for name, buffer in buffers.items()}
    signs = conventions.jitter_scale
    jitter, before = (0.25 * signs[0], -0.25 * signs[1]), (0.125 * signs[0], 0.375 * signs[1])
    frame = conventions.frame(**buffers, jitter=jitter, previous_jitter=before)
    np.testing.assert_allclose(np.asarray(frame.motion), MOTION, atol=1e-6)
    assert frame.jitter == (0.25, -0.25)


@pytest.mark.parametrize("unit", ["pixels", "UV"])
def test_motion_of_the_size_of_the_display_is_taken_at_the_samples(unit: Any) -> None:
    y, x = np.mgrid[:8, :12].astype(np.float32)
    place = np.stack((x, y), axis=2)
    stored = 2 * place if unit == "pixels" else 2 * place / np.float32((12, 8))
    frame = EngineConventions(motion_unit=unit).frame(colour=COLOUR, depth=EXPECTED, motion=stored, jitter=(0.3, -0.3))
    rows, columns = np.mgrid[:4, :6]  # a pixel is two of the display's: of x the second is meant, of y the first
    np.testing.assert_allclose(np.asarray(frame.motion), np.stack((2 * columns + 1, 2 * rows), axis=2), atol=1e-5)


def test_jitter_in_ndc_of_the_projection_becomes_pixels_of_the_sample() -> None:
    conventions = EngineConventions(jitter_unit="NDC", jitter_scale=(-1, 1))
    frame = conventions.frame(colour=COLOUR, depth=EXPECTED, motion=MOTION, jitter=(0.1, 0.1))
    assert frame.jitter == pytest.approx((-0.3, 0.2))


def test_rows_that_run_from_the_bottom_are_turned() -> None:
    bottom = EngineConventions(rows="bottom", motion_scale=(1, -1))
    colour = np.random.default_rng(2).random((*SIZE, 3)).astype(np.float32)
    stored = (MOTION * np.float32((1, -1)))[::-1]
    frame = bottom.frame(colour=colour[::-1], depth=EXPECTED[::-1], motion=stored, linear=False)
    for name, expected in (("colour", colour), ("depth", EXPECTED), ("motion", MOTION)):
        np.testing.assert_array_equal(np.asarray(getattr(frame, name)), expected)
    assert not frame.linear


@pytest.mark.parametrize("wrong", [{"depth": "device"}, {"depth": "fraction"}, {"near": 2.0, "far": 1.0}, {"near": -1.0}])
def test_conventions_that_say_too_little_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EngineConventions(**wrong)


def test_a_motion_that_is_none_is_refused() -> None:
    with pytest.raises(ShapeError, match="motion must be"):
        EngineConventions().frame(colour=COLOUR, depth=EXPECTED, motion=EXPECTED)


def test_a_clip_may_hold_buffers_as_an_engine_has_them(tmp_path: Any) -> None:
    conventions = EngineConventions(
        depth="reversed", near=NEAR, motion_unit="NDC", motion_scale=(-1, 1), motion_jittered=True, jitter_scale=(-1, -1)
    )
    jitters, change = [(0.25, 0.0), (-0.125, 0.25)], (0.375, -0.25)  # the change of the sample, in pixels
    info = ClipInfo(
        render_size=(6, 4),
        fps=30,
        conventions=conventions,
        frames=tuple(ClipFrame(jitter=jitter, pre_exposure=2.0, frame_time=1 / 30) for jitter in jitters),
    )
    writer = ClipWriter(tmp_path / "clip", info)
    stored = [MOTION, MOTION + np.float32(change)]
    for number, motion in enumerate(stored):
        raw = {"depth": np.float32(1 - device(math.inf)), "motion": np.float32(motion * np.float32((-2 / 6, 2 / 4)))}
        writer.write(number, RenderedFrame(colour=COLOUR, **raw))  # type: ignore[arg-type]  # arrays alone
    writer.finish()
    assert written_whole(tmp_path / "clip" / "frames" / "00000.exr")
    for number, frame in enumerate(RenderedClip(tmp_path / "clip")):
        np.testing.assert_allclose(np.asarray(frame.depth), EXPECTED, rtol=1e-4)
        np.testing.assert_allclose(np.asarray(frame.motion), MOTION, atol=1e-5)
        assert frame.jitter == (-jitters[number][0], -jitters[number][1])
        assert (frame.pre_exposure, frame.frame_time) == (2.0, 1 / 30)


# Jitter and textures


@pytest.mark.parametrize(("scale", "count"), [(1, 8), (1.5, 18), (1.7, 24), (2, 32), (3, 72)])
def test_jitter_reaches_every_pixel_of_the_display(scale: float, count: int) -> None:
    places = upframe.jitter(scale)
    assert len(places) == len(set(places)) == count
    assert all(-0.5 <= offset < 0.5 for place in places for offset in place)
    cells = {(math.floor((x + 0.5) * math.ceil(scale)), math.floor((y + 0.5) * math.ceil(scale))) for x, y in places}
    assert len(cells) == math.ceil(scale) ** 2


def test_textures_are_read_as_fine_as_the_display_and_a_level_finer() -> None:
    assert [upframe.mip_bias(scale) for scale in (1, 2, 4)] == [-1, -2, -3]
    assert upframe.mip_bias(1.5) == pytest.approx(-1.585, abs=1e-3)
    for wrong in (0.5, math.nan, math.inf):
        with pytest.raises(InputError, match="upscaled by 1 and more"):
            upframe.mip_bias(wrong)
