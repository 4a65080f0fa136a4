"""The two upscalings of FRVSR and TecoGAN, for images and for flows.

A network upscales in the way its degradation has placed the samples. BD leaves each sample on the top left pixel of its cell,
BI in the cell's middle. A flow is upscaled like an image; its values, which are in pixels, must be multiplied by the scale.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from upframe.ops.tracing import is_traced

Degradation = Literal["BD", "BI"]


def cubic_taps(offset: float, a: float = -0.75) -> tuple[float, float, float, float]:
    """Weights of the samples at -1, 0, 1 and 2 for a point between 0 and 1 (Keys, 1981: cubic convolution)."""

    def near(x: float) -> float:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: float) -> float:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return far(1 + offset), near(offset), near(1 - offset), far(2 - offset)


def _interpolate_axis(image: Tensor, scale: int, axis: Literal[-2, -1]) -> Tensor:
    length = image.shape[axis]
    extended = F.pad(image, (0, 0, 1, 2) if axis == -2 else (1, 2, 0, 0), mode="replicate")
    phases = []
    for phase in range(scale):
        first, *others = cubic_taps(phase / scale)
        samples = extended.narrow(axis, 0, length) * first
        for start, weight in enumerate(others, start=1):
            samples.add_(extended.narrow(axis, start, length), alpha=weight)
        phases.append(samples)
    return torch.stack(phases, dim=axis).flatten(axis - 1, axis)


def interpolate_bicubic(image: Tensor, scale: int) -> Tensor:
    """Cubic convolution with a = -0.75, aligned as in TensorFlow 1: (n, c, h, w) -> (n, c, scale*h, scale*w), not clamped.

    Convention: sample ``i`` of the result is at ``i / scale`` of the input (pixel centres at integer coordinates, the top
    left corner aligned), so that every scale-th sample is the input's own. Outside: the last row and column are repeated.
    Equal to the ``BicubicUpsampler`` of TecoGAN's PyTorch edition, to the last bit: columns first, taps in ascending order.
    """
    if is_traced():
        return _bicubic_by_convolution(image, scale)
    return _interpolate_axis(_interpolate_axis(image, scale, -2), scale, -1)


def _bicubic_by_convolution(image: Tensor, scale: int) -> Tensor:
    """The same as one convolution a channel, which gives all pixels of a cell."""
    taps = image.new_tensor([cubic_taps(phase / scale) for phase in range(scale)])  # (s, 4)
    kernels = (taps[:, None, :, None] * taps[None, :, None, :]).reshape(scale**2, 1, 4, 4)
    channels = int(image.shape[1])
    extended = F.pad(image, (1, 2, 1, 2), mode="replicate")
    cells = F.conv2d(extended, kernels.repeat(channels, 1, 1, 1), groups=channels)  # (n, c * s**2, h, w)
    return F.pixel_shuffle(cells, scale)


def interpolate_bilinear(image: Tensor, scale: int) -> Tensor:
    """Bilinear: (n, c, h, w) -> (n, c, scale*h, scale*w).

    Convention: pixel centres at +0.5, corners unaligned; outside, the last row and column are repeated.
    """
    return F.interpolate(image, scale_factor=scale, mode="bilinear", align_corners=False)


def interpolate(image: Tensor, scale: int, degradation: Degradation) -> Tensor:
    """The one that goes with a degradation, bicubic for BD, bilinear for BI: (n, c, h, w) -> (n, c, scale*h, scale*w)."""
    return interpolate_bicubic(image, scale) if degradation == "BD" else interpolate_bilinear(image, scale)
