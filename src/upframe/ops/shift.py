"""Moving a whole picture by a part of a pixel."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

A = -0.5  # of Keys' cubic kernel: straight lines and parabolas stay what they are


def shift(image: Tensor, x: float, y: float) -> Tensor:
    """A picture read beside its pixels: (n, c, h, w) -> the same shape.

    **Convention.** Backward, as :func:`upframe.ops.warp.warp` with one flow everywhere: out(p) = image(p + (x, y)), in pixels,
    x to the right, y down. Keys' cubic interpolation (IEEE ASSP 1981); beyond the edge the last row and column are repeated.
    """
    return _along(_along(image, x, -1), y, -2)


def _along(image: Tensor, distance: float, axis: int) -> Tensor:
    whole = math.floor(distance)
    if distance == 0:
        return image
    channels, size = image.shape[-3], image.shape[axis]
    positions = torch.arange(-1, size + 2, device=image.device).add_(whole).clamp_(0, size - 1)
    taps = image.new_tensor(_taps(distance - whole))
    kernel = taps.view(1, 1, 1, 4) if axis == -1 else taps.view(1, 1, 4, 1)
    return F.conv2d(image.index_select(axis, positions), kernel.expand(channels, 1, -1, -1), groups=channels)


def _taps(fraction: float) -> list[float]:
    """The weights of the pixels at -1, 0, 1 and 2 for a place ``fraction`` after pixel 0."""

    def weight(distance: float) -> float:
        d = abs(distance)
        if d <= 1:
            return (A + 2) * d**3 - (A + 3) * d**2 + 1
        return A * (d**3 - 5 * d**2 + 8 * d - 4)

    return [weight(fraction - place) for place in (-1, 0, 1, 2)]
