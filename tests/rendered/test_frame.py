"""The contract of one rendered frame: what it takes, what it refuses, and in which words."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

from upframe.errors import InputError, ShapeError
from upframe.rendered import RenderedFrame

SHAPES = {
    "colour": (6, 8, 3),
    "depth": (6, 8),
    "motion": (6, 8, 2),
    "normal": (6, 8, 3),
    "albedo": (6, 8, 3),
    "roughness": (6, 8),
    "metallic": (6, 8),
    "reactive": (6, 8),
    "transparency": (6, 8),
}


def buffers(**changes: Any) -> dict[str, Any]:
    return {name: np.ones(shape, np.float32) for name, shape in SHAPES.items()} | changes


def test_a_frame_says_its_size_height_first() -> None:
    assert RenderedFrame(**buffers()).size == (6, 8)


def test_a_frame_of_colour_depth_and_motion_is_enough() -> None:
    whole = buffers()
    frame = RenderedFrame(colour=whole["colour"], depth=whole["depth"], motion=whole["motion"])
    assert list(frame.buffers()) == ["colour", "depth", "motion"]
    assert frame.missing(["colour", "normal", "metallic"]) == ["normal", "metallic"]


def test_a_frame_that_was_not_shaded_has_no_colour() -> None:
    assert RenderedFrame(**buffers(colour=None)).missing(SHAPES) == ["colour"]


@pytest.mark.parametrize("name", ["depth", "motion"])
def test_depth_and_motion_are_always_there(name: str) -> None:
    with pytest.raises(InputError, match="depth and motion are required"):
        RenderedFrame(**buffers(**{name: None}))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_floating_point_array_is_taken(dtype: Any) -> None:
    RenderedFrame(**buffers(**{name: np.ones(shape, dtype) for name, shape in SHAPES.items()}))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_tensors_are_taken_like_arrays(dtype: torch.dtype) -> None:
    frame = RenderedFrame(**buffers(**{name: torch.ones(shape, dtype=dtype) for name, shape in SHAPES.items()}))
    assert frame.size == (6, 8)


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "depth"])
def test_a_buffer_of_another_size_is_named(name: str) -> None:
    wrong = np.ones((6, 9, *SHAPES[name][2:]), np.float32)
    with pytest.raises(ShapeError, match=rf"{name} must be \(6, 8"):
        RenderedFrame(**buffers(**{name: wrong}))


@pytest.mark.parametrize("shape", [(6, 8, 1), (0, 8), (8,)], ids=str)
def test_a_depth_that_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"depth must be \(height, width\)"):
        RenderedFrame(**buffers(depth=np.ones(shape, np.float32)))


@pytest.mark.parametrize("wrong", [np.ones((6, 8, 3), np.uint8), torch.ones(6, 8, 3, dtype=torch.int32), [[1.0]]], ids=repr)
def test_what_is_not_floating_point_or_no_buffer_is_named(wrong: Any) -> None:
    with pytest.raises(InputError, match="colour must be"):
        RenderedFrame(**buffers(colour=wrong))


def test_arrays_and_tensors_are_not_mixed() -> None:
    with pytest.raises(InputError, match="one kind"):
        RenderedFrame(**buffers(motion=torch.ones(6, 8, 2)))


@pytest.mark.parametrize("jitter", [(0.5, 0.0), (0.0, -0.51), (float("nan"), 0.0), (3.0, 0.25)], ids=str)
def test_jitter_outside_the_pixel_is_refused(jitter: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="jitter"):
        RenderedFrame(**buffers(), jitter=jitter)


@pytest.mark.parametrize("exposure", [0.0, -1.0, float("inf"), float("nan")])
def test_an_exposure_that_cannot_be_undone_is_refused(exposure: float) -> None:
    with pytest.raises(InputError, match="exposure"):
        RenderedFrame(**buffers(), exposure=exposure)


def test_a_frame_can_be_described_without_torch() -> None:
    code = "import sys, upframe.rendered; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
