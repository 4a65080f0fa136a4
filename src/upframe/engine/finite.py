"""Samples of images that are not numbers are filled from around them: a network would spread them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from upframe.engine.arrays import Pixels
from upframe.ops.filling import filled


def finite(pixels: Pixels, on_note: Callable[[str], None]) -> Pixels:
    """Float samples (h, w, c) with NaN as the mean around it, infinities as the largest and the smallest finite value.

    Whole numbers, and floats without such samples, are returned as they are.
    """
    if pixels.dtype.kind != "f":
        return pixels
    with np.errstate(over="ignore"):
        samples = pixels.astype(np.float32, copy=False)  # beyond its range is infinity
    bad = ~np.isfinite(samples)
    if not bad.any():
        return pixels
    good = np.where(bad, np.float32(0), samples)
    whole: NDArray[Any] = np.nan_to_num(samples, nan=0.0, posinf=float(good.max()), neginf=float(good.min()))
    unknown = np.isnan(samples)
    if unknown.any():
        image, known = (torch.from_numpy(array).permute(2, 0, 1)[None] for array in (good, ~bad))
        around = filled(image, known)[0].nan_to_num(0.0).permute(1, 2, 0).numpy()
        whole[unknown] = around[unknown]
    count = int(bad.sum())
    what = "1 sample is not a finite number" if count == 1 else f"{count} samples are not finite numbers"
    on_note(f"{what}: NaN is replaced by what is around it, infinity by the largest value there is")
    return whole
