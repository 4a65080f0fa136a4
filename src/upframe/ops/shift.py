"""Moving a whole image by a part of a pixel."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from upframe.ops.interpolate import cubic_taps

A = -0.5  # of Keys' cubic kernel: straight lines and parabolas stay what they are


def shift(image: Tensor, x: float, y: float) -> Tensor:
    """An image read beside its pixels: (n, c, h, w) -> the same shape.

    **Convention.** Backward, as :func:`upframe.ops.warp.warp` with one flow everywhere: out(p) = image(p + (x, y)), in pixels,
    x to the right, y down. Keys' cubic interpolation (IEEE ASSP 1981); beyond the edge the last row and column are repeated.
    """
    return _along(_along(image, x, -1), y, -2)


def centred(result: Tensor, scale: int, offset: tuple[float, float]) -> Tensor:
    """A result where its pixels are: (n, c, scale*h, scale*w), upscaled from samples that lay beside the middle of theirs.

    offset: of the samples, right and down, in pixels before upscaling, less what the network knows of it: the jitter of a
    rendered frame, or the difference of two samplings (:mod:`upframe.ops.sampling`).
    """
    return shift(result, *(-scale * distance for distance in offset))


def _along(image: Tensor, distance: float, axis: int) -> Tensor:
    if distance == 0:
        return image
    whole = math.floor(distance)
    size = image.shape[axis]
    positions = torch.arange(-1, size + 2, device=image.device).add_(whole).clamp_(0, size - 1)
    extended = image.index_select(axis, positions)
    first, *others = cubic_taps(distance - whole, A)
    moved = extended.narrow(axis, 0, size) * first
    for start, weight in enumerate(others, start=1):
        moved.add_(extended.narrow(axis, start, size), alpha=weight)
    return moved
