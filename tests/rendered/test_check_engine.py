"""The validator: mistakes with what engines say of a frame beside its buffers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.rendered import planes
from tests.rendered.planes import of
from tests.rendered.test_check import Clip, mistakes, the_mistake

from upframe.rendered.check.checker import check_frames
from upframe.rendered.jitter import halton

FACTORS = (1.0, 1.3, 1.7, 1.2, 0.8, 0.6, 0.9, 1.1)
SIZE = (64, 96)


@pytest.fixture(scope="module")
def clip() -> Clip:
    return [planes.render(time, jitter, size=SIZE, cut=time == 0) for time, jitter in enumerate(halton(8))]


def brighter(clip: Clip, *, colour: bool, **said: Any) -> Clip:
    """Frames of other brightness: in colour, and in what is said of them (by name, True)."""
    return [
        replace(
            frame,
            colour=of(frame, "colour") * np.float32(factor if colour else 1),
            **dict.fromkeys(said, factor),
        )
        for frame, factor in zip(clip, FACTORS, strict=True)
    ]


def test_exposure_and_pre_exposure_as_they_should_be_pass(clip: Clip) -> None:
    assert mistakes(check_frames(brighter(clip, colour=False, exposure=True))) == []
    assert mistakes(check_frames(brighter(clip, colour=True, pre_exposure=True))) == []


def test_light_that_holds_its_exposure_is_told(clip: Clip) -> None:
    found = the_mistake(brighter(clip, colour=True, exposure=True))
    assert found[0] == "colour"
    assert found[1].startswith("colour holds the exposure")


def test_light_without_the_pre_exposure_that_is_stated_is_told(clip: Clip) -> None:
    found = the_mistake(brighter(clip, colour=False, pre_exposure=True))
    assert found[0] == "colour"
    assert found[1].startswith("colour does not hold the pre_exposure")


def test_milliseconds_are_told(clip: Clip) -> None:
    assert mistakes(check_frames([replace(frame, frame_time=1 / 60) for frame in clip])) == []
    assert the_mistake([replace(frame, frame_time=16.7) for frame in clip])[0] == "time"


@pytest.mark.parametrize("name", ["reactive", "transparency"])
def test_a_mask_that_is_inverted_is_told(name: str, clip: Clip) -> None:
    mask: Any = np.zeros(SIZE, np.float32)
    mask[:6, :10] = 1
    assert mistakes(check_frames([replace(frame, **{name: mask}) for frame in clip])) == []
    found = the_mistake([replace(frame, **{name: 1 - mask}) for frame in clip])
    assert found[1].startswith(f"{name} is 1 nearly everywhere")
