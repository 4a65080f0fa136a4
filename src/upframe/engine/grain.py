"""The grain of a film: measured in flat areas, and put over its frames after upscaling, which takes it away.

It is made of noise of the same strength and fineness, and depends on a frame's number alone: a frame is the same in whatever
segment and on whatever machine it is made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from upframe.errors import UpframeError
from upframe.media.video.colour import ColourTags
from upframe.media.video.info import PixelLayout, RawFrame

LEVELS = 8
"""Places from black to white at which the strength of grain is known: that of films is least in shadows and lights."""
_BLOCK, _CELL = 16, 4  # pixels: what is measured by itself, and what is averaged to tell detail from grain
_FLATTEST = 0.15  # of all blocks, by the detail in them
_FEWEST = 8  # blocks from which the strength at a level is known
_FINENESS = 0.4  # of grain whose strength is given
_ROAM = 128  # pixels by which the noise is moved between frames
_STEP = 32  # of the noise as bytes, to one deviation
_EDGE = 1 / 32  # of the range, next to black and white, where grain fades: borders stay black
_STRONGEST = 50  # in 8-bit codes
_TALL = 128  # rows of a frame at a time
_SEED = 7


@dataclass(frozen=True, slots=True)
class Grain:
    """strengths: the deviation of luma, in parts of its range, at ``LEVELS`` levels of brightness. fineness: the deviation of
    the bell that noise is smoothed by to look like it, in pixels of the source.
    """

    strengths: tuple[float, ...]
    fineness: float

    @classmethod
    def even(cls, codes: float) -> Grain:
        """Of one strength, in 8-bit codes."""
        return cls((codes / 255,) * LEVELS, _FINENESS)

    @property
    def codes(self) -> float:
        """Its mean strength, in 8-bit codes."""
        return 255 * sum(self.strengths) / len(self.strengths)

    def without(self, left: Grain) -> Grain:
        """What is missing where that much is left."""
        pairs = zip(self.strengths, left.strengths, strict=True)
        return replace(self, strengths=tuple(max(own**2 - other**2, 0.0) ** 0.5 for own, other in pairs))


def parse_grain(text: str | None) -> Grain | Literal["keep"] | None:
    """Of the command line's ``keep`` or a strength in 8-bit codes. Raises UpframeError for anything else."""
    if text is None or text == "keep":
        return "keep" if text else None
    try:
        strength = float(text)
    except ValueError:
        strength = -1.0
    if not 0 < strength <= _STRONGEST:
        raise UpframeError(f"grain {text!r}: write keep, or a strength above 0 and at most {_STRONGEST}")
    return Grain.even(strength)


def measure_grain(frames: Iterable[RawFrame], layout: PixelLayout, colour: ColourTags, *, scale: float = 1.0) -> Grain:
    """Of frames with that layout and range. ``scale``: how much larger they are than what the grain belongs to."""
    found: list[list[float]] = [[] for _ in range(LEVELS)]
    ratios: list[float] = []
    black, white = _range(layout, colour)
    for frame in frames:
        luma = (frame.planes[0].astype(np.float32) - np.float32(black)) / np.float32(white - black)
        means, deviations, neighbours = _flat_blocks(luma, max(round(scale), 1))
        ratios += neighbours.tolist()
        places = np.clip((means * LEVELS).astype(int), 0, LEVELS - 1)
        for place, deviation in zip(places.tolist(), deviations.tolist(), strict=True):
            found[place].append(deviation)
    known = {level: float(np.median(each)) for level, each in enumerate(found) if len(each) >= _FEWEST}
    if not known:
        return Grain((0.0,) * LEVELS, _FINENESS)
    strengths = np.interp(np.arange(LEVELS), list(known), list(known.values()))
    alike = float(np.clip(np.median(ratios), 0.01, 0.95))
    # The neighbours in noise that a bell of deviation s has smoothed are alike by exp(-1 / 4 s^2).
    fineness = float(np.clip((-1 / (4 * np.log(alike))) ** 0.5, 0.25, 2.0))
    return Grain(tuple(round(float(each), 6) for each in strengths), round(fineness, 3))


def _flat_blocks(luma: NDArray[np.float32], scale: int) -> tuple[NDArray[np.float32], ...]:
    """Mean and deviation of the flattest blocks, and how much neighbours in them are alike."""
    side, cell = _BLOCK * scale, _CELL * scale
    rows, columns = luma.shape[0] // side, luma.shape[1] // side
    empty = np.zeros(0, np.float32)
    if not rows * columns:
        return empty, empty, empty
    blocks = luma[: rows * side, : columns * side].reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)
    blocks = blocks[(blocks.min((1, 2)) > 0) & (blocks.max((1, 2)) < 1)]  # what is clipped has no grain
    if not len(blocks):
        return empty, empty, empty
    residual = _without_plane(blocks)
    cells = residual.reshape(len(blocks), _BLOCK // _CELL, cell, _BLOCK // _CELL, cell).mean((2, 4))
    detail = cells.std((1, 2))
    flat = np.argsort(detail, kind="stable")[: max(int(_FLATTEST * len(blocks)), 1)]
    chosen = residual[flat]
    power = (chosen**2).mean((1, 2))
    alike = (chosen[:, :, 1:] * chosen[:, :, :-1]).mean((1, 2)) / np.maximum(power, 1e-12)
    return blocks[flat].mean((1, 2)), np.sqrt(power), alike


def _without_plane(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Blocks (n, s, s) less the plane that is nearest to each: a sky that grows darker is flat."""
    ramp = np.linspace(-1, 1, blocks.shape[1], dtype=np.float32)
    power = (ramp**2).mean()
    rest = blocks - blocks.mean((1, 2), keepdims=True)
    rest = rest - ((rest * ramp).mean((1, 2)) / power)[:, None, None] * ramp
    down = ramp[:, None]
    return np.asarray(rest - ((rest * down).mean((1, 2)) / power)[:, None, None] * down, np.float32)


def _range(layout: PixelLayout, colour: ColourTags) -> tuple[int, int]:
    if layout.rgb or colour.full_range:
        return 0, (1 << layout.depth) - 1
    return 16 << (layout.depth - 8), 235 << (layout.depth - 8)


class GrainLayer:
    """Puts grain over frames of a layout and size (height, width), ``scale`` times as large as what it was measured on."""

    def __init__(self, grain: Grain, layout: PixelLayout, colour: ColourTags, size: tuple[int, int], scale: float) -> None:
        self._grain, self._layout, self._size = grain, layout, size
        self._fineness = grain.fineness * scale
        self._range = _range(layout, colour)

    def __call__(self, frame: RawFrame) -> RawFrame:
        """The frame with grain; its chroma and alpha stay as they are."""
        colours = 3 if self._layout.rgb else 1
        noise = self._noise_of(frame.index)
        guide = frame.planes[0]
        return replace(
            frame, planes=(*(self._grained(plane, guide, noise) for plane in frame.planes[:colours]), *frame.planes[colours:])
        )

    def _grained(self, plane: NDArray[np.generic], guide: NDArray[np.generic], noise: NDArray[np.int8]) -> NDArray[np.generic]:
        result = np.empty_like(plane)
        for top in range(0, len(plane), _TALL):
            rows = slice(top, top + _TALL)
            sum_ = plane[rows] + noise[rows] * self._strength[guide[rows]]
            np.rint(sum_, out=sum_)
            result[rows] = np.clip(sum_, 0, (1 << self._layout.depth) - 1)
        return result

    def _noise_of(self, number: int) -> NDArray[np.int8]:
        """The noise of a frame, in steps."""
        height, width = self._size
        top, left, turned, mirrored = np.random.Generator(np.random.Philox(key=number)).integers(
            0, (_ROAM, _ROAM, 2, 2), dtype=np.int64
        )
        part = self._noise[top : top + height, left : left + width]
        return part[:: -1 if turned else 1, :: -1 if mirrored else 1]

    @cached_property
    def _noise(self) -> NDArray[np.int8]:
        shape = tuple(length + _ROAM for length in self._size)
        noise = np.random.Generator(np.random.Philox(key=_SEED)).standard_normal(shape, np.float32)
        for axis in (0, 1):
            noise = _smoothed(noise, self._fineness, axis)
        noise /= noise.std()
        return np.clip(np.rint(noise * _STEP), -127, 127).astype(np.int8)

    @cached_property
    def _strength(self) -> NDArray[np.float32]:
        """For each code, the strength of grain in codes, to a step of the noise."""
        black, white = self._range
        place = (np.arange(1 << self._layout.depth) - black) / (white - black)
        strengths = np.interp(place * LEVELS - 0.5, np.arange(LEVELS), self._grain.strengths)
        fading = np.clip(np.minimum(place, 1 - place) / _EDGE, 0, 1)
        return np.asarray(strengths * fading * (white - black) / _STEP, np.float32)


def _smoothed(noise: NDArray[np.float32], deviation: float, axis: int) -> NDArray[np.float32]:
    """By a bell, the noise being closed to a ring."""
    reach = int(np.ceil(3 * deviation))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    total = np.zeros_like(noise)
    for by, weight in zip(range(-reach, reach + 1), (weights / weights.sum()).tolist(), strict=True):
        total += np.float32(weight) * np.roll(noise, by, axis)
    return total
