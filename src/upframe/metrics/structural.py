"""Structural similarity (Wang et al., 2004), with the windows that published numbers were computed with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from upframe.errors import ShapeError
from upframe.metrics.frames import check_pair, images, total, unit, weights_for

_BAND_VALUES = 1 << 18
"""Samples of one plane's band of rows, roughly: what is computed on it at a time then stays in the processor's cache."""


@dataclass(frozen=True, slots=True)
class SSIMWindow:
    """How local means and variances are taken, and what the stabilising constants are relative to.

    ``size`` x ``size`` pixels, Gaussian of ``sigma``, or uniform where that is None. ``padding`` "valid" counts only windows
    that lie in the image; the others give every pixel one, over zeros or the mirrored image. ``sample_covariance``
    divides by one less than the number of pixels. ``range_of_result`` takes the largest less the smallest value of the result
    for the range of the samples, in place of the full range.
    """

    name: str
    size: int = 11
    sigma: float | None = 1.5
    padding: Literal["valid", "zeros", "reflect"] = "valid"
    sample_covariance: bool = False
    range_of_result: bool = False

    def __str__(self) -> str:
        shape = "uniform" if self.sigma is None else f"Gaussian of sigma {self.sigma:g}"
        padding = {"valid": "inside the image", "zeros": "padded with zeros", "reflect": "mirrored at the border"}
        covariance = ", sample covariance" if self.sample_covariance else ""
        extent = ", constants relative to the range of the result" if self.range_of_result else ""
        return f"{self.size}x{self.size} {shape}, {padding[self.padding]}{covariance}{extent}"


GAUSSIAN = SSIMWindow("gaussian")
"""The usual one: the authors' MATLAB code, SwinIR's and BasicSR's scripts (and with them RT4KSR's, STSSNet's, TTVSR's)."""
TECOGAN = SSIMWindow("tecogan", size=7, sigma=None, sample_covariance=True, range_of_result=True)
"""scikit-image's defaults, with the range that TecoGAN's script gives it."""
PADDED = SSIMWindow("padded", padding="zeros")
"""The ``pytorch_ssim`` of the open NSRR re-implementation."""


@lru_cache(maxsize=16)
def _taps(window: SSIMWindow) -> tuple[float, ...]:
    if window.sigma is None:
        return (1 / window.size,) * window.size
    centre = (window.size - 1) / 2
    weights = [math.exp(-((k - centre) ** 2) / (2 * window.sigma**2)) for k in range(window.size)]
    return tuple(weight / sum(weights) for weight in weights)


def _filtered(planes: Tensor, taps: tuple[float, ...]) -> Tensor:
    """(..., h, w) -> (..., h - size + 1, w - size + 1): weighted sums by rows, then by columns.

    Shifted additions: on a CPU twenty times as quick as a convolution of one channel.
    """
    height, width = planes.shape[-2] - len(taps) + 1, planes.shape[-1] - len(taps) + 1
    rows = planes[..., :height, :] * taps[0]
    for k, tap in enumerate(taps[1:], start=1):
        rows.add_(planes[..., k : k + height, :], alpha=tap)
    result = rows[..., :width] * taps[0]
    for k, tap in enumerate(taps[1:], start=1):
        result.add_(rows[..., k : k + width], alpha=tap)
    return result


def _padded(planes: Tensor, window: SSIMWindow) -> Tensor:
    if window.padding == "valid":
        return planes
    before, after = window.size // 2, (window.size - 1) // 2
    mode = "constant" if window.padding == "zeros" else "reflect"
    return F.pad(planes, (before, after, before, after), mode)


def _map(x: Tensor, y: Tensor, window: SSIMWindow, data_range: float) -> Tensor:
    """The SSIM of every window that is in the planes (n, c, h, w), given in floating point.

    Of the sum and the difference of the two, in place of the two and their product: four moments to filter and not five. The
    sum is centred first, which takes nothing from its variance and much from the rounding of its square.
    """
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    together, difference = x + y - 1, x - y
    moments = _filtered(torch.stack((together, difference, together * together, difference * difference)), _taps(window))
    mean_together, mean_difference, square_together, square_difference = moments.unbind()
    factor = window.size**2 / (window.size**2 - 1) if window.sample_covariance else 1.0
    variance_together = (square_together - mean_together * mean_together) * (factor / 2)  # half the variance of x + y
    variance_difference = (square_difference - mean_difference * mean_difference) * (factor / 2)
    mean_squares, mean_gap = (mean_together + 1).square() / 2, mean_difference.square() / 2
    luminance = (mean_squares - mean_gap + c1) / (mean_squares + mean_gap + c1)  # above: 2 mean(x) mean(y) + c1
    structure = (variance_together - variance_difference + c2) / (variance_together + variance_difference + c2)
    return luminance * structure


def _check_size(frames: Tensor, window: SSIMWindow) -> None:
    height, width = frames.shape[-2:]
    smallest = window.size // 2 + 1 if window.padding == "reflect" else 1 if window.padding == "zeros" else window.size
    if min(height, width) < smallest:
        raise ShapeError(
            f"an image of {width}x{height} is too small for SSIM with a window of {window.size}x{window.size}: "
            f"{smallest} pixels each way are needed"
        )


def ssim_map(result: Tensor, reference: Tensor, *, window: SSIMWindow = GAUSSIAN) -> Tensor:
    """The local SSIM, differentiable: (..., c, h, w) -> (n, c, h', w'), h' = h, or h - size + 1 where padding is "valid".

    Both in [0, 1] or uint8, any number of channels. Raises ShapeError for sizes that differ or are too small for the window.
    """
    if result.shape != reference.shape:
        raise ShapeError(f"the result is {tuple(result.shape)}, the reference {tuple(reference.shape)}")
    _check_size(result, window)
    x, y = images(unit(result)), images(unit(reference))
    return _map(_padded(x, window), _padded(y, window), window, _range(x, window))


def _range(result: Tensor, window: SSIMWindow) -> float:
    return (result.amax() - result.amin()).item() if window.range_of_result else 1.0


def _bands(height: int, width: int, size: int) -> Iterator[tuple[slice, slice]]:
    """Rows of the map, and the rows of the planes they are computed from."""
    rows = max(32, _BAND_VALUES // (width * 4))
    edges = [*range(0, height - size + 1, rows), height - size + 1]
    for first, last in pairwise(edges):
        yield slice(first, last), slice(first, last + size - 1)


def planes_ssim(result: Tensor, reference: Tensor, mask: Tensor | None = None, window: SSIMWindow = GAUSSIAN) -> float:
    """``ssim`` of planes (n, c, h, w), which are only checked for their size: luma, or frames that were checked before."""
    _check_size(result, window)
    weights = None if mask is None else weights_for(mask, result)
    cut = (window.size // 2, -((window.size - 1) // 2) or None) if window.padding == "valid" else (0, None)
    values = []
    for index, (a, b) in enumerate(zip(result, reference, strict=True)):
        x, y = unit(a[None]), unit(b[None])
        data_range = _range(x, window)
        x, y = _padded(x, window), _padded(y, window)
        inside = None if weights is None else weights[index, :, slice(*cut), slice(*cut)]
        summed = count = 0.0
        for rows, source in _bands(x.shape[-2], x.shape[-1], window.size):
            band = _map(x[..., source, :], y[..., source, :], window, data_range)
            if inside is not None:
                band *= inside[:, rows]
                count += total(inside[:, rows]) * x.shape[1]
            else:
                count += band.numel()
            summed += total(band)
        values.append(summed / count if count > 0 else math.nan)
    return sum(values) / len(values)


@torch.no_grad()
def ssim(result: Tensor, reference: Tensor, *, mask: Tensor | None = None, window: SSIMWindow = GAUSSIAN) -> float:
    """SSIM of each channel, averaged: at most 1, which equal images reach.

    result and reference (..., 3, h, w), uint8 or floating point in [0, 1], on any device; of several images the mean.
    ``mask`` (h, w) or (n, h, w): weights of the pixels at the centres of the windows; where they add up to nothing the value
    is nan. Raises ShapeError for sizes or types that differ or are too small for the window, InputError for NaN.
    """
    check_pair(result, reference)
    return planes_ssim(images(result), images(reference), mask, window)
