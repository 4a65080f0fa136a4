"""Light from all around: an environment from a file, and what a shader needs of one.

Layout of an environment and direction of its columns: see ``Scene``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from upframe.errors import InputError
from upframe.media.image.file import read_image

Panorama = NDArray[np.float32]


def directions(height: int) -> Panorama:
    """The direction through the middle of each pixel of an environment: (height, 2 * height, 3), of length 1."""
    up = np.pi * (0.5 - (np.arange(height) + 0.5) / height)[:, None]
    around = 2 * np.pi * (0.5 - (np.arange(2 * height) + 0.5) / (2 * height))[None]
    x, y, z = np.broadcast_arrays(np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up))
    return np.stack((x, y, z), axis=2).astype(np.float32)


def environment_file(path: Path, height: int = 256) -> Panorama:
    """An environment from an image twice as wide as high, brought to ``height`` and to a mean radiance of 0.5.

    Raises InputError for an image of another shape or without light of its own (EXR or HDR are wanted).
    """
    image = read_image(path)
    pixels = image.pixels
    if not image.linear or pixels.shape[2] != 3:
        raise InputError(f"{path}: an environment is scene-linear RGB", remedy="give an OpenEXR file")
    if pixels.shape[1] != 2 * pixels.shape[0]:
        raise InputError(f"{path}: an environment is twice as wide as high; this one is {pixels.shape[1]}x{pixels.shape[0]}")
    rows = np.arange(height + 1) * pixels.shape[0] // height
    columns = np.arange(2 * height + 1) * pixels.shape[1] // (2 * height)
    if pixels.shape[0] >= height:  # mean over what falls into each pixel
        sums = np.add.reduceat(
            np.add.reduceat(np.maximum(pixels, 0).astype(np.float64), rows[:-1], axis=0), columns[:-1], axis=1
        )
        pixels = sums / (np.diff(rows)[:, None, None] * np.diff(columns)[None, :, None])
    else:
        pixels = pixels[rows[:-1]][:, columns[:-1]]
    mean = float((pixels.mean(axis=2) * _solid_angles(height)).sum() / (4 * np.pi))
    if not (mean > 0 and np.isfinite(mean)):
        raise InputError(f"{path}: has no light in it, or values that are not finite")
    return np.asarray(pixels * (0.5 / mean), np.float32)


def _solid_angles(height: int) -> NDArray[np.float32]:
    """Of each pixel of an environment, steradians: (height, 2 * height)."""
    edges = np.sin(np.pi * (0.5 - np.arange(height + 1) / height))
    return np.repeat(((edges[:-1] - edges[1:]) * np.pi / height)[:, None], 2 * height, axis=1).astype(np.float32)


def _shrunk(environment: Panorama, height: int) -> Panorama:
    """Mean over blocks."""
    factor = environment.shape[0] // height
    return np.asarray(environment.reshape(height, factor, 2 * height, factor, 3).mean(axis=(1, 3)), np.float32)


def mean_radiance(environment: Panorama) -> float:
    """Over all directions."""
    return float((environment.mean(axis=2) * _solid_angles(environment.shape[0])).sum() / (4 * np.pi))


def irradiance_harmonics(environment: Panorama) -> NDArray[np.float32]:
    """Nine coefficients (9, 3) of the irradiance over pi, ordered as ``harmonics`` (Ramamoorthi, Hanrahan 2001)."""
    small = _shrunk(environment, 16)
    weights = harmonics(directions(16)) * _solid_angles(16)[..., None]
    coefficients = np.einsum("yxk,yxc->kc", weights, small)
    cosine = np.array([1.0] + [2 / 3] * 3 + [1 / 4] * 5)  # the cosine lobe's, over pi
    return np.asarray(coefficients * cosine[:, None], np.float32)


def harmonics(way: Panorama) -> NDArray[np.float32]:
    """Real spherical harmonics of bands 0, 1 and 2 in directions (..., 3): (..., 9)."""
    x, y, z = np.moveaxis(way, -1, 0)
    one = np.full_like(x, 0.282095)
    first = (0.488603 * y, 0.488603 * z, 0.488603 * x)
    second = (1.092548 * x * y, 1.092548 * y * z, 0.315392 * (3 * z * z - 1), 1.092548 * x * z, 0.546274 * (x * x - y * y))
    return np.stack((one, *first, *second), axis=-1)


def prefiltered(environment: Panorama, levels: int = 6) -> list[Panorama]:
    """The environment in ever rougher mirrors: level k of roughness k / (levels - 1), each half as large (Karis 2013)."""
    height = environment.shape[0]
    levels = min(levels, height.bit_length() - 1)
    result = [environment]
    for level in range(1, levels):
        side = height >> level
        coarse, source = min(side, 32), min(64 if level == 1 else 32, height)
        light, angles = _shrunk(environment, source).reshape(-1, 3), _solid_angles(source).reshape(-1)
        cosine = np.clip(directions(coarse).reshape(-1, 3) @ directions(source).reshape(-1, 3).T, -1, 1)
        alpha = (level / (levels - 1)) ** 2
        half_cosine = (1 + cosine) / 2  # squared cosine between the mirror's normal and the half vector
        lobe = (alpha**2 / (half_cosine * (alpha**2 - 1) + 1) ** 2) * np.maximum(cosine, 0) * angles
        blurred = (lobe @ light / lobe.sum(axis=1, keepdims=True)).reshape(coarse, 2 * coarse, 3)
        result.append(_upscaled(np.asarray(blurred, np.float32), side))
    return result


def _upscaled(environment: Panorama, height: int) -> Panorama:
    """Bilinear, around the seam too."""
    factor = height // environment.shape[0]
    if factor == 1:
        return environment
    rows, columns = ((np.arange(count * height) + 0.5) / factor - 0.5 for count in (1, 2))
    row, column = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = (rows - row)[:, None, None], (columns - column)[None, :, None]
    last, width = environment.shape[0] - 1, environment.shape[1]
    upper, lower = environment[np.clip(row, 0, last)], environment[np.clip(row + 1, 0, last)]
    lines = upper * (1 - down) + lower * down
    return np.asarray(lines[:, column % width] * (1 - right) + lines[:, (column + 1) % width] * right, np.float32)
