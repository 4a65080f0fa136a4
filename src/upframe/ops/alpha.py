"""Transparency: what an image holds where nothing is seen must not show when it is upscaled."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from upframe.errors import ShapeError


def _surroundings(colour: Tensor, weight: Tensor) -> Tensor:
    """For each pixel the weighted mean colour around it, from the smallest neighbourhood that holds enough weight.

    colour (1, c, h, w), weight (1, 1, h, w), not all 0 -> (1, c, h, w). A pyramid: each level halves the size with overlapping
    windows of 4x4, so that no neighbour is cut off by the grid. A window whose weights add up to less than 1 makes up the
    rest from the next level.
    """
    sums = F.avg_pool2d(torch.cat((colour * weight, weight), dim=1), 4, 2, padding=1, ceil_mode=True, divisor_override=1)
    total = sums[:, -1:]
    mean = sums[:, :-1] / total.clamp_min(torch.finfo(colour.dtype).tiny)
    if mean.shape[-2:] != (1, 1) and (total < 1).any():
        share = total.clamp_max(1)
        mean = torch.lerp(_surroundings(mean, share), mean, share)
    return F.interpolate(mean, size=colour.shape[-2:], mode="bilinear", align_corners=False)


def bleed(colour: Tensor, alpha: Tensor) -> Tensor:
    """Fill fully transparent pixels with the colours around them, so that upscaling does not draw in whatever they held.

    colour (1, c, h, w), straight (not multiplied by alpha), floating point; alpha (1, 1, h, w), opaque = 1 -> (1, c, h, w).
    A pixel with alpha > 0 keeps its colour and lends it in proportion to its alpha; the others become a smooth mixture, mostly
    of what is nearest. An image without a fully transparent pixel, or with nothing else, is returned as it is.
    Raises ShapeError if the two differ in size.
    """
    if colour.ndim != 4 or alpha.shape != (colour.shape[0], 1, *colour.shape[2:]):
        raise ShapeError(f"colour of {tuple(colour.shape)} and alpha of {tuple(alpha.shape)} do not belong together")
    hole = alpha <= 0
    if not hole.any() or hole.all():
        return colour
    # Zeroed, not only weighted by zero: transparent pixels of a float image may hold infinities.
    around = _surroundings(colour.masked_fill(hole, 0), alpha.clamp_min(0).to(colour.dtype))
    return torch.where(hole, around, colour)
