"""Bad samples stay where they are: what is not a number is filled from around it, and no single value decides for others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from upframe.engine.arrays import Pixels


def finite(pixels: Pixels, on_note: Callable[[str], None]) -> Pixels:
    """Float samples (h, w, c) with NaN as the mean around it, infinities as the largest and the smallest finite value.

    A network would spread them. Whole numbers, and floats without such samples, are returned as they are.
    """
    if pixels.dtype.kind != "f":
        return pixels
    with np.errstate(over="ignore"):
        samples = pixels.astype(np.float32, copy=False)  # beyond its range is infinity
    bad = ~np.isfinite(samples)
    if not bad.any():
        return pixels
    good = np.where(bad, np.float32(0), samples)
    filled: NDArray[Any] = np.nan_to_num(samples, nan=0.0, posinf=float(good.max()), neginf=float(good.min()))
    unknown = np.isnan(samples)
    filled[unknown] = _around(samples, unknown)
    count = int(bad.sum())
    what = "1 sample is not a finite number" if count == 1 else f"{count} samples are not finite numbers"
    on_note(f"{what}: NaN is replaced by what is around it, infinity by the largest value there is")
    return filled


def _around(samples: NDArray[Any], unknown: NDArray[np.bool_]) -> NDArray[Any]:
    """The mean of the finite samples next to each that is unknown, 0 where there are none."""
    rows, columns, channels = np.nonzero(unknown)
    total, count = np.zeros(len(rows), np.float64), np.zeros(len(rows))
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            y, x = rows + down, columns + right
            inside = (y >= 0) & (y < samples.shape[0]) & (x >= 0) & (x < samples.shape[1])
            near = samples[y.clip(0, samples.shape[0] - 1), x.clip(0, samples.shape[1] - 1), channels]
            known = inside & np.isfinite(near)
            total += np.where(known, near, 0)
            count += known
    return (total / np.maximum(count, 1)).astype(np.float32)


def usual_range(layer: Tensor) -> tuple[float, float]:
    """[0, 1], widened to the darkest and the brightest that fill 2x2 pixels of (n, c, h, w), so that no one sample decides."""
    window = (min(2, layer.shape[-2]), min(2, layer.shape[-1]))
    darkest, brightest = F.max_pool2d(layer, window, 1).amin(), (-F.max_pool2d(-layer, window, 1)).amax()
    return min(float(darkest), 0.0), max(float(brightest), 1.0)


def beyond(layer: Tensor, low: float, high: float) -> tuple[Tensor, Tensor | None]:
    """A layer within [low, high] for a network, and what is beyond, which is upscaled beside it; None where nothing does."""
    inside = layer.clamp(low, high)
    excess = layer - inside
    return inside, excess if excess.any() else None


@torch.inference_mode()
def with_excess(piece: Tensor, excess: Tensor | None) -> Tensor:
    """An upscaled layer and what lay beyond the network's range, upscaled by bilinear interpolation: it has no ringing."""
    if excess is None:
        return piece
    return piece + F.interpolate(excess, size=piece.shape[-2:], mode="bilinear", align_corners=False)
