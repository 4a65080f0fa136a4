"""What is far brighter or darker than the rest: upscaled beside a network, so that no one sample decides for all."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

_USUAL = 0.995  # of the pixels; small lights are beyond it, and are shown all the same
_LIGHT = 5  # pixels: what does not fill a square of that side is a small light
_AROUND = 16  # pixels: the side of the squares within which, and beside which, a light may be as bright as another
_COUNTED = 2**16  # pixels of an image that are looked at for it, at most about so many


def usual_range(image: Tensor) -> tuple[Tensor, Tensor]:
    """[0, 1], widened to the darkest and the brightest that fill 2x2 pixels of (n, c, h, w); scalars on the device."""
    window = _window(image, 2)
    darkest, brightest = F.max_pool2d(image, window, 1).amin(), (-F.max_pool2d(-image, window, 1)).amax()
    return darkest.clamp_max(0), brightest.clamp_min(1)


def usual_brightest(image: Tensor) -> Tensor:
    """What 99.5 % of the pixels of every image of (n, c, h, w) do not exceed, at least 1; a scalar on the device.

    Small lights do not count: a pixel is as bright as the darkest of the 5x5 around it.
    """
    height, width = image.shape[-2:]
    stride = max(round(math.sqrt(height * width / _COUNTED)), 1)
    filling = -F.max_pool2d(-image.amax(dim=1, keepdim=True), _window(image, _LIGHT), stride)
    pixels = filling.flatten(1)
    place = max(int(pixels.shape[1] * _USUAL), 1)
    return pixels.kthvalue(place, dim=1).values.amax().clamp_min(1)


def around_brightest(image: Tensor) -> Tensor:
    """The brightest around each pixel of (..., 3, h, w) that fills 2x2 pixels, at least 1: (1, 1, h, w), of all images.

    Around: in the square of 16 pixels a pixel is in, and in the eight beside that.
    """
    height, width = image.shape[-2:]
    colour = F.pad(image.flatten(0, -4).amax(dim=(0, 1), keepdim=True), (0, 1, 0, 1), mode="replicate")
    squares = F.max_pool2d(-F.max_pool2d(-colour, 2, 1), _AROUND, ceil_mode=True)
    squares = F.max_pool2d(squares, 3, 1, padding=1).clamp_min(1)
    return squares.repeat_interleave(_AROUND, -2).repeat_interleave(_AROUND, -1)[..., :height, :width]


def _window(image: Tensor, side: int) -> tuple[int, int]:
    return min(side, image.shape[-2]), min(side, image.shape[-1])


def beyond(image: Tensor, low: Tensor | float, high: Tensor | float) -> tuple[Tensor, Tensor]:
    """An image within [low, high] for a network, and what is beyond, which is upscaled beside it."""
    inside = torch.clamp(image, torch.as_tensor(low, device=image.device), torch.as_tensor(high, device=image.device))
    return inside, image - inside


def upscaled_excess(excess: Tensor, size: Sequence[int]) -> Tensor:
    """What was beyond a network's range, (n, c, h, w), at (height, width): by bilinear interpolation, which has no ringing."""
    return F.interpolate(excess, size=list(size), mode="bilinear", align_corners=False)
