"""The validator: frames in the wrong order, and images that are upside down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.rendered import planes
from tests.rendered.planes import of
from tests.rendered.test_check import Clip, mistakes, moved

from upframe.rendered.check.checker import check_frames
from upframe.rendered.frame import RenderedFrame
from upframe.rendered.jitter import halton

SIZE = (64, 96)


@pytest.fixture(scope="module")
def clip() -> Clip:
    return [planes.render(time, jitter, size=SIZE, cut=time == 0) for time, jitter in enumerate(halton(8))]


def turned(*names: str) -> Callable[[Clip], Clip]:
    """These buffers upside down."""

    def turn(frame: RenderedFrame) -> RenderedFrame:
        buffers: dict[str, Any] = {name: np.ascontiguousarray(of(frame, name)[::-1]) for name in names}
        return replace(frame, **buffers)

    return lambda clip: [turn(frame) for frame in clip]


def exchanged(one: int, other: int, *, files: bool) -> Callable[[Clip], Clip]:
    """Two frames in each other's place; ``files``: what clip.json says of them stays."""

    def exchange(clip: Clip) -> Clip:
        order = list(range(len(clip)))
        order[one], order[other] = other, one
        found = [clip[place] for place in order]
        if files:
            found = [replace(frame, jitter=there.jitter, cut=there.cut) for frame, there in zip(found, clip, strict=True)]
        return found

    return exchange


def test_a_small_clip_passes(clip: Clip) -> None:
    assert mistakes(check_frames(clip)) == mistakes(check_frames(clip, planes.cameras())) == []


@pytest.mark.parametrize("cameras", [False, True], ids=["no cameras", "cameras"])
@pytest.mark.parametrize("files", [False, True], ids=["frames", "files"])
@pytest.mark.parametrize("places", [(3, 4), (2, 6), (6, 7)])
def test_frames_that_were_exchanged_are_named(places: tuple[int, int], files: bool, cameras: bool, clip: Clip) -> None:
    planted = exchanged(*places, files=files)(clip)
    found = [f for f in check_frames(planted, planes.cameras() if cameras else None).mistakes if f.check == "order"]
    assert [finding.frames for finding in found] == [places]
    assert found[0].message.startswith(f"frames {places[0]} and {places[1]} look exchanged")


def test_a_frame_that_comes_twice_is_named(clip: Clip) -> None:
    again = replace(clip[3], jitter=clip[4].jitter)
    (found,) = [f for f in check_frames([*clip[:4], again, *clip[5:]]).mistakes if f.check == "order"]
    assert (found.frames, found.message) == ((4,), "is the frame before once more, but its motion is not 0")


@pytest.mark.parametrize("axis", [(1, -1), (-1, 1), (-1, -1)])
def test_a_slow_motion_of_the_wrong_sign_is_named(axis: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of a pixel a frame and less."""
    camera = planes.camera
    monkeypatch.setattr(planes, "camera", lambda time: camera(0.15 * time))
    slow = [planes.render(time, jitter, size=SIZE, cut=time == 0) for time, jitter in enumerate(halton(8))]
    assert mistakes(check_frames(slow)) == []
    (found,) = mistakes(check_frames(moved(axis)(slow)))
    words = {(1, -1): "motion y looks inverted", (-1, 1): "motion x looks inverted", (-1, -1): "flipped in sign"}
    assert found[0] == "motion"
    assert words[axis] in found[1]


UPSIDE_DOWN = {
    "colour": (turned("colour"), "colour is upside down"),
    "depth": (turned("depth"), "depth is upside down"),
    "motion": (turned("motion"), "motion is upside down"),
}


@pytest.mark.parametrize("name", UPSIDE_DOWN)
def test_a_buffer_that_is_upside_down_is_named(name: str, clip: Clip) -> None:
    plant, words = UPSIDE_DOWN[name]
    (found,) = mistakes(check_frames(plant(clip), planes.cameras()))
    assert found[1].startswith(words)
    assert found[1].endswith("store its rows from the top to the bottom" if name == "colour" else "from the top to the bottom")


def test_frames_that_are_upside_down_as_a_whole_are_named_by_their_cameras(clip: Clip) -> None:
    """As OpenGL reads them back, with a motion whose y runs with the rows: nothing but the cameras can tell."""
    whole = turned("colour", "depth", "motion", "normal", "albedo")(clip)
    whole = [replace(frame, jitter=(frame.jitter[0], -frame.jitter[1])) for frame in moved((1, -1))(whole)]
    found = mistakes(check_frames(whole, planes.cameras()))
    assert [check for check, _ in found] == ["buffers"]
    assert "depth and motion are upside down" in found[0][1]
