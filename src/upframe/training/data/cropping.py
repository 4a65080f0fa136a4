"""Where a crop is cut, and how it is laid."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from upframe.errors import InputError
from upframe.training.data.settings import Flips

Pixels = NDArray[np.uint8]


def place(random: Generator, whole: tuple[int, int], size: int, name: str, step: int = 1) -> tuple[int, int]:
    """The first row and column of a random square in a ``whole`` of (height, width), multiples of ``step``.

    Raises InputError where it does not fit.
    """
    height, width = whole
    if min(whole) < size:
        raise InputError(
            f"{name}: {width}x{height} pixels are too few for data.crop, which needs {size}x{size} with its border"
        )
    return (
        step * int(random.integers((height - size) // step + 1)),
        step * int(random.integers((width - size) // step + 1)),
    )


def laid(frames: Pixels, flips: Flips, random: Generator) -> Pixels:
    """A clip (t, c, s, s) of squares, flipped and turned at random."""
    if flips == "none":
        return frames
    if flips == "thirds":
        axis = int(random.integers(3))
        frames = np.flip(frames, 1 + axis) if axis else frames
        return np.rot90(frames, int(random.integers(4)), (2, 3))
    for axis in (2, 3):
        frames = np.flip(frames, axis) if random.random() < 0.5 else frames
    return frames.swapaxes(2, 3) if random.random() < 0.5 else frames
