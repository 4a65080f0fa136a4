"""Clips as models are run on them: cut, where that is wanted, to sizes that no model has to pad."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from upframe.errors import InputError
from upframe.models.info import ModelInfo

LARGEST_CUT = 8  # low-resolution pixels; networks that want larger multiples pad


class ScoredClip(Protocol):
    """What of an :class:`upframe.datasets.clips.EvaluationClip` is used here."""

    @property
    def name(self) -> str: ...
    @property
    def frame_names(self) -> tuple[str, ...]: ...
    @property
    def scored(self) -> tuple[int, ...]: ...
    def high(self, index: int) -> NDArray[Any]: ...
    def low(self, index: int) -> NDArray[Any]: ...
    def has_low(self, index: int) -> bool: ...
    def hole(self, index: int) -> NDArray[Any]: ...


@dataclass(frozen=True, slots=True)
class CutClip:
    """A clip whose low resolution is cut to a multiple at the bottom and the right edge, and high resolution to match.

    As RT4KSR's script does it: low resolution is made, or read, first. Raises InputError, on reading, where nothing is left.
    """

    whole: ScoredClip
    scale: int
    multiple: int

    @property
    def name(self) -> str:
        return self.whole.name

    @property
    def frame_names(self) -> tuple[str, ...]:
        return self.whole.frame_names

    @property
    def scored(self) -> tuple[int, ...]:
        return self.whole.scored

    def high(self, index: int) -> NDArray[Any]:
        return self._cut(self.whole.high(index), self.multiple * self.scale)

    def low(self, index: int) -> NDArray[Any]:
        return self._cut(self.whole.low(index), self.multiple)

    def has_low(self, index: int) -> bool:
        return self.whole.has_low(index)

    def hole(self, index: int) -> NDArray[Any]:
        return self._cut(self.whole.hole(index), self.multiple)

    def _cut(self, pixels: NDArray[Any], multiple: int) -> NDArray[Any]:
        height, width = (side - side % multiple for side in pixels.shape[:2])
        if not height or not width:
            raise InputError(
                f"{self.name}: an image of {pixels.shape[1]}x{pixels.shape[0]} is too small to be cut to {multiple}"
            )
        return pixels[:height, :width]


def common_multiple(models: Iterable[ModelInfo]) -> int:
    """The multiple of low-resolution pixels that all models take without padding; 1 where that would cut away too much."""
    multiple = math.lcm(*(info.multiple for info in models))
    return multiple if multiple <= LARGEST_CUT else 1
