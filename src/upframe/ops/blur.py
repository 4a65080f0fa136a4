"""The BD degradation of video super-resolution: a Gaussian blur, then every scale-th pixel.

Published with sigma 1.5 for every scale (TecoGAN, and FRVSR and DUF before it).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from upframe.errors import ShapeError

SIGMA = 1.5


def gaussian_taps(sigma: float, *, dtype: torch.dtype = torch.float32, device: torch.device | None = None) -> Tensor:
    """The Gaussian at whole pixels, cut at three sigma and with a sum of 1: (2 * int(3 * sigma) + 1,), so 9 for 1.5."""
    reach = int(3 * sigma)
    distances = torch.arange(-reach, reach + 1, dtype=dtype, device=device)
    taps = torch.exp(distances.square() * (-0.5 / sigma**2))
    return taps / taps.sum()


def downscale_bd(image: Tensor, scale: int, *, sigma: float = SIGMA, padded: bool = True) -> Tensor:
    """The BD degradation by an integer factor; its sibling for BI is ``ops.resize.downscale``.

    image (..., h, w), floating point -> (..., ceil(h / scale), ceil(w / scale)), not clamped. Convention: sample ``i`` of the
    result is centred on pixel ``i * scale`` of the image, the top left one of its cell; outside, the image is mirrored
    without repeating its edge (``c b | a b c``). ``padded=False`` keeps to samples whose blur is wholly inside, as in
    training: with a reach of ``int(3 * sigma)`` = 4 pixels, ((h - 9) // scale + 1, (w - 9) // scale + 1) of them, and sample
    ``i`` is centred on pixel ``i * scale + 4``. Raises ShapeError for integers and for an image smaller than the blur.
    """
    if not image.is_floating_point():
        raise ShapeError(f"downscale_bd needs a floating-point tensor, got {image.dtype}")
    reach = int(3 * sigma)
    height, width = image.shape[-2:]
    least = reach + 1 if padded else 2 * reach + 1
    if min(height, width) < least:
        raise ShapeError(f"an image of {height}x{width} (h x w) is too small to blur: sigma {sigma:g} needs {least}x{least}")
    planes = image.reshape(math.prod(image.shape[:-2]), 1, height, width)
    if padded:
        planes = F.pad(planes, (reach, reach, reach, reach), mode="reflect")
    taps = gaussian_taps(sigma, dtype=image.dtype, device=image.device)
    rows = F.conv2d(planes, taps.view(1, 1, -1, 1), stride=(scale, 1))
    result = F.conv2d(rows, taps.view(1, 1, 1, -1), stride=(1, scale))
    return result.reshape(*image.shape[:-2], *result.shape[-2:])
