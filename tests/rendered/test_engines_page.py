"""docs/engines.md: its conventions bring what each engine stores back to what was rendered."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rendered import planes
from tests.rendered.planes import of
from tests.rendered.test_check import mistakes

from upframe.rendered.check.checker import check_frames
from upframe.rendered.clip import ClipInfo
from upframe.rendered.conventions import EngineConventions
from upframe.rendered.frame import RenderedFrame
from upframe.rendered.jitter import halton

PAGE = (Path(__file__).parents[2] / "docs" / "engines.md").read_text(encoding="utf-8")
HEIGHT, WIDTH = SIZE = (64, 96)


def said() -> dict[str, EngineConventions]:
    """Of every engine, by the name that the page's Python gives it."""
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, names)
    return {name: value for name, value in names.items() if isinstance(value, EngineConventions)}


def reversed_z(depth: Any, near: float, far: float) -> Any:
    """1 at the near plane, 0 at the far one and beyond."""
    if math.isinf(far):
        return near / depth
    return np.where(np.isinf(depth), 0, near * (far - depth) / (depth * (far - near)))


def ndc(motion: Any, y: int) -> Any:
    """Current less previous, y up (1) or down (-1)."""
    return motion * np.array((-2 / WIDTH, y * 2 / HEIGHT))


Stored = tuple[Any, Any, tuple[int, int]]
STORED: dict[str, Callable[[Any, Any], Stored]] = {  # depth, motion, and the signs of the jitter
    "unreal": lambda depth, motion: (reversed_z(depth * 100, 10, math.inf), ndc(motion, 1), (-1, -1)),
    "unity": lambda depth, motion: (reversed_z(depth, 0.3, 1000), -motion / np.array((WIDTH, HEIGHT)), (-1, -1)),
    "godot": lambda depth, motion: (reversed_z(depth, 0.05, 4000), motion / np.array((WIDTH, HEIGHT)), (1, 1)),
    "blender": lambda depth, motion: (np.where(np.isinf(depth), 1e10, depth), motion * (1, -1), (1, 1)),
    "direct3d": lambda depth, motion: (reversed_z(depth, 0.1, math.inf), ndc(motion, 1), (-1, -1)),
    "vulkan": lambda depth, motion: (reversed_z(depth, 0.1, math.inf), ndc(motion, -1), (-1, -1)),
    "opengl": lambda depth, motion: (1 - reversed_z(depth, 0.1, 100), ndc(motion, 1), (1, 1)),
}


def engine_frame(name: str, time: int, jitter: tuple[float, float]) -> RenderedFrame:
    """A frame of the small world as the engine stores it, through the page's conventions."""
    frame = planes.render(time, jitter, size=SIZE, cut=time == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth, motion, signs = STORED[name](of(frame, "depth").astype(np.float64), of(frame, "motion"))
    buffers: dict[str, Any] = {"colour": of(frame, "colour"), "depth": depth, "motion": motion}
    if name == "opengl":
        buffers = {name: buffer[::-1] for name, buffer in buffers.items()}
    buffers = {name: np.float32(buffer) for name, buffer in buffers.items()}
    return said()[name].frame(**buffers, jitter=(jitter[0] * signs[0], jitter[1] * signs[1]), cut=frame.cut)


def test_the_page_has_every_engine() -> None:
    assert said().keys() == STORED.keys()


@pytest.mark.parametrize("name", STORED)
def test_what_an_engine_stores_becomes_what_was_rendered(name: str) -> None:
    frames = [engine_frame(name, time, jitter) for time, jitter in enumerate(halton(6))]
    for time, (frame, jitter) in enumerate(zip(frames, halton(6), strict=True)):
        expected = planes.render(time, jitter, size=SIZE)
        np.testing.assert_allclose(of(frame, "depth"), of(expected, "depth"), rtol=2e-3)
        np.testing.assert_allclose(of(frame, "motion"), of(expected, "motion"), atol=1e-4)
        assert frame.jitter == pytest.approx(jitter)
    assert mistakes(check_frames(frames, planes.cameras(6))) == []


def test_the_clip_of_the_page_can_be_read() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    info = ClipInfo.model_validate(json.loads(block))
    assert info.conventions.depth == "reversed"
    assert [frame.cut for frame in info.frames] == [True, False]
