"""Samples that are unknown, replaced by what is around them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_COARSER = (4, 16)  # pixels: the sides of the squares whose mean stands where nothing within 3x3 is known


def filled(image: Tensor, known: Tensor) -> Tensor:
    """(n, c, h, w) with each sample that is not ``known``, a mask of the same shape, as the mean of those known around it.

    Within 3x3 pixels; where none of them is known, in a square of 4 pixels, then of 16; NaN where there is none at all. What is
    unknown may be anything. Nothing is asked of the device.
    """
    mask = known.to(image.dtype)
    values = image.where(known, 0)
    count = F.avg_pool2d(mask, 3, 1, padding=1)
    around = (F.avg_pool2d(values, 3, 1, padding=1) / count).where(count > 0, torch.nan)
    for side in _COARSER:
        around = around.where(around.isfinite(), _square_means(values, mask, side))
    return image.where(known, around)


def _square_means(values: Tensor, mask: Tensor, side: int) -> Tensor:
    """The mean of what is known in the square a pixel is in, NaN where nothing is: of the shape of ``values``."""
    height, width = values.shape[-2:]
    total, count = (F.avg_pool2d(image, side, ceil_mode=True) for image in (values, mask))
    means = (total / count).where(count > 0, torch.nan)
    return means.repeat_interleave(side, -2).repeat_interleave(side, -1)[..., :height, :width]
