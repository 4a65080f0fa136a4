"""Noise that repeats without a seam: what procedural textures and skies are made of. Values (size, size) float32."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Values = NDArray[np.floating[Any]]


def gradient_noise(rng: np.random.Generator, size: int, cells: int | tuple[int, int]) -> Plane:
    """Perlin's gradient noise on a lattice of ``cells`` (rows, columns) that wraps around; about [-1, 1], mean 0."""
    rows, columns = (cells, cells) if isinstance(cells, int) else cells
    angles = rng.uniform(0, 2 * np.pi, (rows, columns)).astype(np.float32)
    y, x = (np.arange(size, dtype=np.float32) + 0.5) * rows / size, (np.arange(size, dtype=np.float32) + 0.5) * columns / size
    row, column = y.astype(int), x.astype(int)
    dy, dx = (y - row)[:, None], (x - column)[None]

    def corner(down: int, right: int) -> Plane:
        angle = angles[((row + down) % rows)[:, None], ((column + right) % columns)[None]]
        return np.asarray(np.cos(angle) * (dx - right) + np.sin(angle) * (dy - down), np.float32)

    fade_y, fade_x = (d * d * d * (d * (d * 6 - 15) + 10) for d in (dy, dx))
    top = corner(0, 0) * (1 - fade_x) + corner(0, 1) * fade_x
    bottom = corner(1, 0) * (1 - fade_x) + corner(1, 1) * fade_x
    return np.asarray((top * (1 - fade_y) + bottom * fade_y) * 1.6, np.float32)


def cloudy(rng: np.random.Generator, size: int, cells: int | tuple[int, int], octaves: int = 5, gain: float = 0.5) -> Plane:
    """Sum of gradient noises, each twice as fine and ``gain`` times as strong; about [-1, 1]."""
    rows, columns = (cells, cells) if isinstance(cells, int) else cells
    total, strength, sum_of_squares = np.zeros((size, size), np.float32), 1.0, 0.0
    for _ in range(octaves):
        if sum_of_squares and max(rows, columns) > size // 2:
            break
        total += strength * gradient_noise(rng, size, (rows, columns))
        sum_of_squares += strength**2
        rows, columns, strength = rows * 2, columns * 2, strength * gain
    return total / np.float32(sum_of_squares**0.5)


def grain(rng: np.random.Generator, size: int) -> Plane:
    """Independent values in [-1, 1], one a pixel."""
    return rng.uniform(-1, 1, (size, size)).astype(np.float32)


def cellular(
    rng: np.random.Generator, size: int, cells: int, irregularity: float = 0.9
) -> tuple[Plane, Plane, NDArray[np.int64]]:
    """Worley's cells: for each pixel the distance to the nearest point, how much farther the second is, and whose cell it is.

    Distances in units of a cell's side; one point in each of cells x cells squares, wrapped around.
    """
    points = (rng.random((cells, cells, 2)) - 0.5).astype(np.float32) * np.float32(irregularity) + 0.5
    position = (np.arange(size, dtype=np.float32) + 0.5) * cells / size
    square = position.astype(int)
    within = position - square
    nearest, second = np.full((size, size), 9, np.float32), np.full((size, size), 9, np.float32)
    owner = np.zeros((size, size), np.int64)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            row, column = ((square + down) % cells)[:, None], ((square + right) % cells)[None]
            point = points[row, column]
            distance = np.hypot(point[..., 0] + down - within[:, None], point[..., 1] + right - within[None])
            closer = distance < nearest
            second = np.where(closer, nearest, np.minimum(second, distance))
            owner = np.where(closer, row * cells + column, owner)
            nearest = np.minimum(nearest, distance)
    return nearest, second - nearest, owner


def smoothstep(low: float, high: float, values: Values) -> Plane:
    """0 below ``low``, 1 above ``high``, smooth between; falling where ``low`` is the larger."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
