"""Colour that is light, multiplied by alpha (OpenEXR, associated TIFF): taken apart for a network, and put together again.

What covers is upscaled as colour not multiplied by alpha, so that edges get no fringe; what shines without covering (alpha 0,
or too little for its light) is a layer of its own, which is added. Where there is neither, there is neither afterwards.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from upframe.engine.arrays import Pixels

Floats = NDArray[np.float32]
_NEAR = 5  # pixels: the side of the neighbourhood that interpolation reaches


class AssociatedParts(NamedTuple):
    """(h, w, c) colour as if alpha were 1, (h, w, 1) alpha or None where nothing covers, and light or None, float32."""

    colour: Floats
    alpha: Floats | None
    light: Floats | None


def take_apart(pixels: Pixels, alpha: Pixels) -> AssociatedParts:
    """Colour multiplied by alpha -> its parts. Whole numbers become floats with white at 1."""
    colour, cover = _unit(pixels), _unit(alpha)
    covered = cover > 0
    if not covered.any():  # a renderer that writes no alpha, or nothing but light
        return AssociatedParts(colour, None, None)
    straight: Floats = np.divide(colour, cover, out=np.zeros_like(colour), where=covered)
    # A little alpha beside much light would be colours without measure: what is above white stays light.
    straight = np.minimum(straight, np.maximum(colour, np.float32(1)), out=straight, where=cover < 1)
    light: Floats = colour - straight * cover
    light[np.abs(light) <= 1e-6 * np.abs(colour)] = 0  # rounding
    return AssociatedParts(straight, cover, light if light.any() else None)


def put_together(colour: Floats, alpha: Floats, light: Floats | None, given: Pixels) -> Pixels:
    """The upscaled parts as colour multiplied by alpha, in the type of ``given``."""
    result: Floats = colour * alpha if light is None else colour * alpha + light
    return as_kind(result, given)


def as_kind(samples: Floats, given: Pixels) -> Pixels:
    """Floats with white at 1, in the type of ``given``."""
    if given.dtype.kind != "u":
        return samples.astype(np.float32, copy=False)
    full = np.iinfo(given.dtype).max
    rounded: Pixels = np.rint(samples.clip(0, 1) * full).astype(given.dtype)
    return rounded


def within_neighbours(upscaled: Pixels, alpha: Pixels) -> Pixels:
    """Upscaled alpha (H, W, 1) within what was around in ``alpha`` (h, w, 1): solid stays solid, empty stays empty.

    For results that are smaller in either direction, which gather more than that, within all of it.
    """
    if upscaled.shape[0] < alpha.shape[0] or upscaled.shape[1] < alpha.shape[1]:
        return upscaled.clip(alpha.min(), alpha.max())
    low, high = _extremes(alpha, (upscaled.shape[0], upscaled.shape[1]))
    return np.clip(upscaled, low.astype(upscaled.dtype), high.astype(upscaled.dtype))


def where_lit(upscaled: Floats, light: Floats) -> Floats:
    """Upscaled light, 0 where there was none around."""
    lit = np.any(light != 0, axis=2, keepdims=True).astype(np.float32)
    if upscaled.shape[0] < light.shape[0] or upscaled.shape[1] < light.shape[1]:
        return upscaled
    return np.where(_extremes(lit, (upscaled.shape[0], upscaled.shape[1]))[1] > 0, upscaled, np.float32(0))


def _extremes(samples: Pixels, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """The smallest and the largest around each pixel, (h, w, 1) -> (H, W, 1) each."""
    tensor = torch.from_numpy(samples.astype(np.float32)).permute(2, 0, 1)[None]
    found = torch.cat([-F.max_pool2d(-tensor, _NEAR, 1, _NEAR // 2), F.max_pool2d(tensor, _NEAR, 1, _NEAR // 2)], dim=1)
    low, high = F.interpolate(found, size=size, mode="nearest-exact")[0].unsqueeze(-1).numpy()
    return low, high


def _unit(samples: Pixels) -> Floats:
    if samples.dtype.kind != "u":
        return samples.astype(np.float32, copy=False)
    return (samples / np.float32(np.iinfo(samples.dtype).max)).astype(np.float32)
