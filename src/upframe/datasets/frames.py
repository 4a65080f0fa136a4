"""The frames of a clip as arrays, whatever they are stored as, read one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from upframe.datasets.degradation import Degradation, Pixels, cut_to_multiple
from upframe.datasets.images import read_rgb
from upframe.errors import InputError, ShapeError

__all__ = ["CutFrames", "DegradedFrames", "Frames", "ImageFrames", "read_rgb"]


class Frames(Protocol):
    """Frames in order. ``read`` gives (h, w, 3) RGB of uint8, uint16 or float32, display-referred, the caller's to change."""

    @property
    def names(self) -> tuple[str, ...]:
        """What each frame is called, without a folder or suffix."""
        ...

    def read(self, index: int) -> Pixels:
        """A frame; quick in ascending order. Raises InputError, naming the file, for what cannot be read."""
        ...

    def label(self, index: int) -> str:
        """Where a frame comes from, as a message names it."""
        ...


class ImageFrames:
    """A file for each frame."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self._last: tuple[int, Pixels] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(path.stem for path in self.paths)

    def read(self, index: int) -> Pixels:
        if self._last is None or self._last[0] != index:
            self._last = index, read_rgb(self.paths[index])
        return self._last[1].copy()

    def label(self, index: int) -> str:
        return str(self.paths[index])


class DegradedFrames:
    """Low resolution made of high as it is asked for."""

    def __init__(self, high: Frames, degradation: Degradation, scale: int) -> None:
        self._high, self._degradation, self._scale = high, degradation, scale

    @property
    def names(self) -> tuple[str, ...]:
        return self._high.names

    def read(self, index: int) -> Pixels:
        try:
            return self._degradation.pixels(self._high.read(index), self._scale)
        except ShapeError as error:
            raise InputError(f"{self.label(index)}: {error}") from error

    def label(self, index: int) -> str:
        return self._high.label(index)


class CutFrames:
    """High resolution, cut to a multiple of the scale at its bottom and right edge."""

    def __init__(self, high: Frames, multiple: int) -> None:
        self._high, self._multiple = high, multiple

    @property
    def names(self) -> tuple[str, ...]:
        return self._high.names

    def read(self, index: int) -> Pixels:
        try:
            return np.ascontiguousarray(cut_to_multiple(self._high.read(index), self._multiple))
        except ShapeError as error:
            raise InputError(f"{self.label(index)}: {error}") from error

    def label(self, index: int) -> str:
        return self._high.label(index)
