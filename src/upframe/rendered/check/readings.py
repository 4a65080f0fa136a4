"""Ways in which motion and jitter are mistaken, as readings: what the numbers mean if the mistake was made.

A reading takes what is stored and gives what the contract asks for. The first of each list is the contract's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from upframe.rendered.conventions import Unit, pixels_per_unit


@dataclass(frozen=True)
class Axes:
    """x and y exchanged or not, then each with its own sign or the opposite one, or 0."""

    swapped: bool = False
    signs: tuple[int, int] = (1, 1)

    def apply(self, vector: Tensor) -> Tensor:
        """(2, ...) -> (2, ...)."""
        exchanged = vector.flip(0) if self.swapped else vector
        return exchanged * exchanged.new_tensor(self.signs).view(2, *[1] * (exchanged.ndim - 1))

    def __str__(self) -> str:
        names = "yx" if self.swapped else "xy"
        return "(" + ", ".join("-" * (sign < 0) + name for sign, name in zip(self.signs, names, strict=True)) + ")"


@dataclass(frozen=True)
class MotionReading:
    """Stored motion as something else than pixels from the current frame to the previous one.

    following: it leads to the next frame instead of the previous one.
    """

    axes: Axes = Axes()
    unit: Unit = "pixels"
    following: bool = False

    def apply(self, motion: Tensor, size: tuple[int, int]) -> Tensor:
        """(2, n) as stored -> (2, n) in pixels, to the previous frame, or if ``following`` to the next one."""
        scale = motion.new_tensor(pixels_per_unit(self.unit, size))[:, None]
        return self.axes.apply(motion) * scale

    def in_time(self) -> MotionReading:
        """The reading that leads the other way in time: the same, while everything moves evenly."""
        x, y = self.axes.signs
        return replace(self, axes=Axes(self.axes.swapped, (-x, -y)), following=not self.following)

    @property
    def oddity(self) -> int:
        """In how many ways it is not the contract's."""
        return self.axes.swapped + (self.axes.signs != (1, 1)) + (self.unit != "pixels") + self.following

    @property
    def remark(self) -> str:
        """What seems to be wrong, for a person."""
        if self.axes.signs == (0, 0):
            return "motion moves what stands still in the image"
        if self == MotionReading(Axes(signs=(1, -1))):
            return "motion y looks inverted"
        if self == MotionReading(Axes(signs=(-1, 1))):
            return "motion x looks inverted"
        return f"motion looks {self.oddities}"

    @property
    def oddities(self) -> str:
        """What is odd about it, in words: "in UV units instead of pixels"."""
        said = ["x and y exchanged"] * self.axes.swapped
        said += [f"in {self.unit} units instead of pixels"] * (self.unit != "pixels")
        said += ["forward, to the next frame, instead of backward"] * self.following
        said += {(-1, -1): ["flipped in sign, current - previous"], (-1, 1): ["inverted in x"], (1, -1): ["inverted in y"]}.get(
            self.axes.signs, []
        )
        return " and ".join(said)

    @property
    def remedy(self) -> str:
        """What to store in place of what is stored, x and y being the stored numbers."""
        if self.axes.signs == (0, 0):
            return "store 0, which fits better than what is there"
        factor = {"pixels": "", "UV": " * (width, height)", "NDC": " * (width, height) / 2"}[self.unit]
        return f"store {self.axes}{factor}{' of the frame before' if self.following else ''}"


@dataclass(frozen=True)
class JitterReading:
    """Stored jitter as something else than pixels from the centre of the pixel to the sample.

    ``times``: how often the change of jitter is between two frames beside the motion: once, unless the motion holds it.
    """

    axes: Axes = Axes()
    unit: Unit = "pixels"
    times: int = 1

    def in_pixels(self, jitter: Tensor, size: tuple[int, int]) -> Tensor:
        """Stored jitter (2,), or a difference of two, as the contract has it."""
        return self.axes.apply(jitter) * jitter.new_tensor(pixels_per_unit(self.unit, size))

    def apply(self, change: Tensor, size: tuple[int, int]) -> Tensor:
        """Stored jitter less that of the frame before, (2,) -> pixels to add to the motion, (2,)."""
        return self.in_pixels(change, size) * self.times


STATED_MOTION, STATED_JITTER = MotionReading(), JitterReading()
OPPOSITE_JITTER, JITTER_Y_UP = JitterReading(Axes(signs=(-1, -1))), JitterReading(Axes(signs=(1, -1)))
JITTER_IN_MOTION, SUBTRACTED_JITTER = JitterReading(times=0), JitterReading(times=2)
NO_MOTION = MotionReading(Axes(signs=(0, 0)))


class JitterMistake(NamedTuple):
    """What is wrong, with which buffer, and what to store instead."""

    words: str
    remedy: str
    about: Literal["jitter", "motion"] = "jitter"


JITTER_READINGS: dict[JitterReading, JitterMistake] = {
    OPPOSITE_JITTER: JitterMistake("jitter has the wrong sign", "store (-x, -y): the sample less the centre of its pixel"),
    JITTER_Y_UP: JitterMistake("jitter y has the wrong sign", "store (x, -y): y runs down"),
    JitterReading(Axes(signs=(-1, 1))): JitterMistake("jitter x has the wrong sign", "store (-x, y)"),
    JitterReading(Axes(swapped=True)): JitterMistake("jitter x and y look exchanged", "store (y, x)"),
    JITTER_IN_MOTION: JitterMistake(
        "motion looks like it contains the jitter", "subtract jitter - previous jitter from it", "motion"
    ),
    SUBTRACTED_JITTER: JitterMistake(
        "motion looks like it contains the jitter, subtracted", "add jitter - previous jitter to it", "motion"
    ),
    JitterReading(unit="UV"): JitterMistake("jitter looks like UV units instead of pixels", "store (x, y) * (width, height)"),
    JitterReading(unit="NDC"): JitterMistake(
        "jitter looks like NDC units instead of pixels", "store (x, y) * (width, height) / 2"
    ),
    JitterReading(Axes(signs=(1, -1)), unit="NDC"): JitterMistake(
        "jitter looks like NDC units, y up", "store (x, -y) * (width, height) / 2"
    ),
}
"""Every mistake with jitter."""

_SIGNS: tuple[tuple[int, int], ...] = ((1, 1), (-1, -1), (1, -1), (-1, 1))
_UNITS: tuple[Unit, ...] = ("pixels", "UV", "NDC")


def motion_readings() -> Iterator[MotionReading]:
    """All of them, the likelier first; the first is the contract's."""
    for following, unit, swapped, signs in product((False, True), _UNITS, (False, True), _SIGNS):
        yield MotionReading(Axes(swapped, signs), unit, following)
    yield NO_MOTION


@dataclass(frozen=True)
class Reading:
    """A reading of both."""

    motion: MotionReading = STATED_MOTION
    jitter: JitterReading = STATED_JITTER

    @property
    def mistakes(self) -> int:
        """How many of the two are not as stated."""
        return (self.motion != STATED_MOTION) + (self.jitter != STATED_JITTER)


def readings() -> list[Reading]:
    """What is tried: the contract's, every single mistake, and every one of motion with each of three that jitter invites."""
    motions = list(motion_readings())
    single = [Reading(motion) for motion in motions] + [Reading(jitter=jitter) for jitter in JITTER_READINGS]
    return single + [
        Reading(motion, jitter) for jitter in (JITTER_IN_MOTION, OPPOSITE_JITTER, JITTER_Y_UP) for motion in motions[1:]
    ]


def as_tensor(jitter: tuple[float, float]) -> Tensor:
    """(2,) float32."""
    return torch.tensor(jitter, dtype=torch.float32)
