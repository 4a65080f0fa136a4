"""What the values of a single frame can tell: NaN and infinities, ranges, backgrounds, curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from upframe.rendered.frame import CHANNELS, Buffer, RenderedFrame

Floats = NDArray[np.float32]

LARGEST_HALF = 65504.0
FARTHEST = 1e9  # no scene is this deep; renderers write 1e10 and more where there is nothing
SLACK = 2e-3  # beyond a range before it counts: rounding to half precision and the ringing of filters stay below


NEARLY_ALL = 0.95  # of the pixels
STEADY = 0.03  # doublings from frame to frame: a smaller change of exposure tells nothing
EXPLAINED = 0.4  # of how much the light changes, what is left when a mistake explains it


NO_DISTANCE = "depth is 0 or below, but it is a distance in front of the camera"

_BEFORE_CURVE = "store light before the tone curve, or say that it is display-referred"

Check = Literal["buffers", "finite", "range", "depth", "motion", "jitter", "cut", "order", "time", "colour", "normal"]
"""What a finding is about."""


class Problem(NamedTuple):
    """Something wrong with a buffer, in words that fit every frame it happens in, and the share of pixels it happens at.

    ``remedy``: what to store instead.
    """

    check: Check
    words: str
    share: float
    remedy: str = ""


def as_array(buffer: Buffer) -> Floats:
    """On the CPU, float32."""
    array: Any = buffer if isinstance(buffer, np.ndarray) else buffer.detach().cpu().float().numpy()
    return np.asarray(array, np.float32)


def value_problems(frame: RenderedFrame) -> Iterator[Problem]:
    """Everything in one frame that the contract does not allow."""
    buffers = {name: as_array(buffer) for name, buffer in frame.buffers().items()}
    if frame.cut:
        del buffers["motion"]  # not read
    yield from _not_finite(buffers)
    yield from _depth(buffers["depth"])
    if "colour" in buffers:
        yield from _colour(buffers["colour"], frame.linear)
    if "normal" in buffers:
        yield from _normal(buffers["normal"])
    for name in ("albedo", "roughness", "metallic", "reactive", "transparency"):
        if name in buffers:
            values = buffers[name]
            yield from _problem("range", f"{name} leaves [0, 1]", (values < -SLACK) | (values > 1 + SLACK))
    for name in ("reactive", "transparency"):
        if name in buffers and (full := buffers[name] >= 1 - SLACK).mean() > NEARLY_ALL:
            yield from _problem("range", f"{name} is 1 nearly everywhere: it looks inverted", full, "store 1 - it")


def is_repeated(earlier: RenderedFrame, later: RenderedFrame) -> bool:
    """Whether a frame that is said to have moved is the one before once more, sample for sample."""
    if earlier.colour is None or later.colour is None or not as_array(later.motion).any():
        return False
    return all(
        np.array_equal(as_array(one), as_array(other))
        for one, other in ((earlier.depth, later.depth), (earlier.colour, later.colour), (earlier.motion, later.motion))
    )


def _problem(check: Check, words: str, where: NDArray[np.bool_], remedy: str = "") -> Iterator[Problem]:
    per_pixel = where.any(axis=2) if where.ndim == 3 else where
    if per_pixel.any():
        yield Problem(check, words, float(per_pixel.mean()), remedy)


def _not_finite(buffers: dict[str, Floats]) -> Iterator[Problem]:
    for name in CHANNELS:
        if name in buffers:
            values = buffers[name]
            yield from _problem("finite", f"{name} is NaN", np.isnan(values))
            if name != "depth":
                yield from _problem("finite", f"{name} is infinite", np.isinf(values))


def _depth(depth: Floats) -> Iterator[Problem]:
    yield from _problem("depth", NO_DISTANCE, depth <= 0)
    far = np.isfinite(depth) & ((depth >= FARTHEST) | (depth == LARGEST_HALF))
    if far.any():
        value = float(depth[far].max())
        yield from _problem("depth", f"depth is {value:.6g} where there is nothing", far, "store infinity there")


def _colour(colour: Floats, linear: bool) -> Iterator[Problem]:
    if linear:
        yield from _problem("range", "colour is below 0, but is said to be linear light", colour < -SLACK)
        return
    bright = np.isfinite(colour) & (colour > 1.5)
    yield from _problem("colour", "colour is far above 1, but is said to be display-referred: it looks linear", bright)


def _normal(normal: Floats) -> Iterator[Problem]:
    length = np.linalg.norm(normal, axis=2)
    wrong = np.isfinite(length) & (np.abs(length - 1) > 0.1) & (length > 1e-3)
    if wrong.mean() < 0.01:  # edges are mixed where a renderer filters them
        return
    unfolded = np.linalg.norm(2 * normal - 1, axis=2)
    surfaces = unfolded[wrong & (unfolded > 0.1)]  # the background is grey then, and unfolds to 0
    if surfaces.size and np.median(np.abs(surfaces - 1)) < 0.05 and np.nanmin(normal) >= 0:
        words, remedy = "normal looks stored as a colour in [0, 1]", "store 2 * normal - 1, and 0 where there is nothing"
    else:
        words, remedy = "normal is not of length 1 (nor 0, where there is nothing)", ""
    yield from _problem("normal", words, wrong, remedy)


class CurveWatch:
    """Whether colour that is said to be linear was bent or cut off for a display: known only after many frames."""

    def __init__(self) -> None:
        self.values, self.at_white, self.in_steps, self.brightest = 0, 0, 0, 0.0

    def add(self, frame: RenderedFrame) -> None:
        """Take a frame into account."""
        if frame.colour is None or not frame.linear:
            return
        colour = as_array(frame.colour)
        colour = colour[np.isfinite(colour)]
        if not colour.size:
            return
        self.values += colour.size
        self.at_white += int((colour == 1).sum())
        # k / 255, rounded to half at worst; of other values one in seven is as near.
        self.in_steps += int((np.abs(colour * 255 - np.round(colour * 255)) < 0.07).sum())
        self.brightest = max(self.brightest, float(colour.max()))

    def verdict(self) -> tuple[str, str] | None:
        """What is wrong, if anything, and the remedy."""
        if not self.values or self.brightest > 1 or self.brightest == 0:
            return None
        if self.in_steps > 0.98 * self.values:
            return "colour is said to be linear, but holds the 256 steps of an 8-bit image: it looks tone-mapped", _BEFORE_CURVE
        if self.brightest == 1 and self.at_white > 1e-3 * self.values:
            share = self.at_white / self.values
            words = f"colour is said to be linear, but ends at exactly 1, where {share:.1%} of its values are"
            return f"{words}: it looks tone-mapped or cut off", _BEFORE_CURVE
        return None


class ExposureWatch:
    """Whether colour follows the exposure or the pre-exposure that is stated, as it should or should not."""

    def __init__(self) -> None:
        self._last: tuple[float, float, float] | None = None
        self._changes: list[tuple[float, float, float]] = []  # of light, exposure and pre-exposure, in doublings

    def add(self, frame: RenderedFrame) -> None:
        """Take a frame into account."""
        if frame.cut or frame.colour is None or not frame.linear:
            self._last = None
        if frame.colour is None or not frame.linear:
            return
        light = as_array(frame.colour).mean(axis=2)
        light = light[np.isfinite(light) & (light > 0)]
        if not light.size:
            self._last = None
            return
        light_now = float(np.log2(np.median(light))) - math.log2(frame.pre_exposure)
        now = (light_now, math.log2(frame.exposure), math.log2(frame.pre_exposure))
        if self._last is not None:
            of_light, of_exposure, of_pre_exposure = (value - before for value, before in zip(now, self._last, strict=True))
            self._changes.append((of_light, of_exposure, of_pre_exposure))
        self._last = now

    def verdicts(self) -> Iterator[tuple[str, str]]:
        """What is wrong, and the remedy."""
        if not self._changes:
            return
        light, exposure, pre_exposure = np.array(self._changes).T
        if _explains(light, exposure):
            yield "colour holds the exposure, which is to be left out of it", "divide by it, or say that it is pre_exposure"
        if _explains(light, -pre_exposure):
            yield "colour does not hold the pre_exposure that is stated", "multiply by it, or leave pre_exposure at 1"


def _explains(light: NDArray[np.float64], change: NDArray[np.float64]) -> bool:
    """Whether the light of frames changes with something that it should not change with."""
    if float(np.abs(change).mean()) < STEADY:
        return False
    return float(np.abs(light - change).mean()) < EXPLAINED * float(np.abs(light).mean())


def time_mistake(times: Sequence[float]) -> str:
    """What is wrong with the seconds from frame to frame, if anything."""
    running = [time for time in times if time > 0]
    if running and float(np.median(running)) > 1:
        return f"frame_time is {float(np.median(running)):.4g}, more than a second: it looks like milliseconds"
    return ""
