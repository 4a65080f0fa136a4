"""Resampling with the conventions of MATLAB's ``imresize``, the measuring stick of super-resolution.

Convention: pixel centres at +0.5, corners unaligned; sample ``i`` of the output is at ``(i + 0.5) / scale - 0.5`` of the
input. When shrinking with ``antialias`` the kernel is widened by ``1 / scale``. Outside the image it is mirrored with the
edge pixel repeated (``c b a | a b c``). Source: MATLAB's documentation of ``imresize``; Keys, 1981 (cubic kernel, a = -0.5).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from upframe.errors import ShapeError

Kernel = Literal["bicubic", "lanczos"]


def _cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel, a = -0.5, support [-2, 2]."""
    x = x.abs()
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return torch.where(x <= 1, near, torch.where(x <= 2, far, torch.zeros_like(x)))


def _lanczos3(x: Tensor) -> Tensor:
    """Lanczos kernel with three lobes, support [-3, 3]."""
    return torch.where(x.abs() < 3, torch.sinc(x) * torch.sinc(x / 3), torch.zeros_like(x))


_KERNELS: dict[Kernel, tuple[Callable[[Tensor], Tensor], float]] = {"bicubic": (_cubic, 4.0), "lanczos": (_lanczos3, 6.0)}


_BLOCK = 64  # output samples that are computed by one small matrix: few enough that it is mostly weights, not zeros


@lru_cache(maxsize=64)
def _blocks(
    length: int, out_length: int, scale: float, kernel: Kernel, antialias: bool
) -> tuple[tuple[slice, slice, Tensor], ...]:
    """The resampling of an axis as matrices near its diagonal: output samples, the input samples they read, and weights.

    The weights are (outputs, inputs), float64.
    """
    function, width = _KERNELS[kernel]
    stretch = min(scale, 1.0) if antialias else 1.0
    width /= stretch
    centre = (torch.arange(out_length, dtype=torch.float64) + 0.5) / scale - 0.5
    first = torch.floor(centre - width / 2).long()
    positions = first[:, None] + torch.arange(math.ceil(width) + 2)
    weights = function((centre[:, None] - positions) * stretch)
    weights /= weights.sum(dim=1, keepdim=True)
    mirrored = torch.remainder(positions, 2 * length)
    mirrored = torch.where(mirrored < length, mirrored, 2 * length - 1 - mirrored)
    blocks = []
    for start in range(0, out_length, _BLOCK):
        rows = slice(start, min(start + _BLOCK, out_length))
        read, weight = mirrored[rows], weights[rows]
        low, high = int(read.min()), int(read.max()) + 1
        matrix = torch.zeros(read.shape[0], high - low, dtype=torch.float64).scatter_add_(1, read - low, weight)
        blocks.append((rows, slice(low, high), matrix))
    return tuple(blocks)


def _resample(image: Tensor, dim: int, out_length: int, scale: float, kernel: Kernel, antialias: bool) -> Tensor:
    """One axis: -2 (rows) or -1 (columns)."""
    shape = list(image.shape)
    shape[dim] = out_length
    result = image.new_empty(shape)
    for outputs, inputs, matrix in _blocks(image.shape[dim], out_length, scale, kernel, antialias):
        weights = matrix.to(image.device, image.dtype)
        if dim == -2:
            result[..., outputs, :] = weights @ image[..., inputs, :]
        else:
            result[..., outputs] = image[..., inputs] @ weights.T
    return result


def resize(
    image: Tensor,
    size: tuple[int, int],
    *,
    scale: tuple[float, float] | None = None,
    kernel: Kernel = "bicubic",
    antialias: bool = True,
) -> Tensor:
    """Resample to ``size`` = (height, width); equal to MATLAB's ``imresize`` with the ``bicubic`` kernel.

    image (..., h, w), floating point -> (..., height, width), same dtype, not clamped. ``scale`` is the exact ratio
    (vertical, horizontal) where it is not ``size / (h, w)``, for instance 0.5 of an odd size. As ``imresize`` does, the axis
    that shrinks most is resampled first. Convention: see the module. Raises ShapeError for an empty or integer image.
    """
    if image.ndim < 2 or 0 in image.shape or min(size) < 1:
        raise ShapeError(f"cannot resize a tensor of shape {tuple(image.shape)} to {size}: both need at least one pixel")
    if not image.is_floating_point():
        raise ShapeError(f"resize needs a floating-point tensor, got {image.dtype}")
    ratios = scale or (size[0] / image.shape[-2], size[1] / image.shape[-1])
    for axis in sorted((0, 1), key=lambda a: ratios[a]):
        if size[axis] != image.shape[axis - 2] or ratios[axis] != 1:
            image = _resample(image, axis - 2, size[axis], ratios[axis], kernel, antialias)
    return image


def downscale(image: Tensor, scale: int) -> Tensor:
    """The BI degradation: MATLAB bicubic with antialiasing by an integer factor.

    image (..., h, w) -> (..., ceil(h / scale), ceil(w / scale)), not clamped.
    """
    height, width = image.shape[-2:]
    return resize(image, (math.ceil(height / scale), math.ceil(width / scale)), scale=(1 / scale, 1 / scale))


def upscale(image: Tensor, scale: int, *, kernel: Kernel = "bicubic") -> Tensor:
    """Upscale by an integer factor: image (..., h, w) -> (..., scale * h, scale * w), not clamped."""
    return resize(image, (image.shape[-2] * scale, image.shape[-1] * scale), kernel=kernel)
