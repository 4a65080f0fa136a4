"""Peak signal-to-noise ratio, of whole frames, of what a mask counts, and of the change between frames."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from upframe.metrics.frames import check_pair, images, total, unit, weights_for


def _mean_square(difference: Tensor, weights: Tensor | None) -> float:
    """(c, h, w), weights (1, h, w) -> the weighted mean of the squares; nan where the weights add up to nothing."""
    squares = difference.square_()
    if weights is None:
        return total(squares) / squares.numel()
    count = total(weights) * len(squares)
    return total(squares.mul_(weights)) / count if count > 0 else math.nan


def _decibels(mean_square: float, peak: float) -> float:
    return math.inf if mean_square == 0 else 10 * math.log10(peak * peak / mean_square)


def _difference(result: Tensor, reference: Tensor) -> Tensor:
    """In codes for uint8, where it is exact; otherwise in units of the full range."""
    if result.dtype is torch.uint8:
        return result.float().sub_(reference)
    return unit(result) - unit(reference)


def _peak(frame: Tensor) -> float:
    return 255.0 if frame.dtype is torch.uint8 else 1.0


def planes_psnr(result: Tensor, reference: Tensor, mask: Tensor | None = None) -> float:
    """``psnr`` of planes (n, c, h, w), which are not checked: luma, or frames that were checked before."""
    weights = None if mask is None else weights_for(mask, result)
    values = [
        _decibels(_mean_square(_difference(a, b), None if weights is None else weights[index]), _peak(a))
        for index, (a, b) in enumerate(zip(result, reference, strict=True))
    ]
    return sum(values) / len(values)


@torch.no_grad()
def psnr(result: Tensor, reference: Tensor, *, mask: Tensor | None = None) -> float:
    """PSNR over the three channels, dB: 10 log10(1 / mean squared difference), of values in [0, 1].

    result and reference (..., 3, h, w), uint8 or floating point in [0, 1] (not clamped here), on any device; of several
    images the mean of their values. Equal images give infinity. ``mask`` (h, w) or (n, h, w): weights of the pixels; where
    they add up to nothing the value is nan. Raises ShapeError for sizes or types that differ, InputError for NaN.
    """
    check_pair(result, reference)
    return planes_psnr(images(result), images(reference), mask)


@torch.no_grad()
def psnr_nsrr(result: Tensor, reference: Tensor) -> float:
    """What the open NSRR re-implementation prints as PSNR: 10 log10(255 / root mean squared difference), values in [0, 1].

    No PSNR in decibels: the root is not squared, and 255 is set against values up to 1. For comparison with that code only.
    Equal images give 100. Shapes and errors as for :func:`psnr`, but the mean is taken over all images at once.
    """
    check_pair(result, reference)
    mean_square = _mean_square(_difference(result, reference), None) / _peak(result) ** 2
    return 100.0 if mean_square == 0 else 10 * math.log10(255 / math.sqrt(mean_square))


@torch.no_grad()
def temporal_psnr(previous_result: Tensor, result: Tensor, previous_reference: Tensor, reference: Tensor) -> float:
    """PSNR of the change from one frame to the next, dB: flicker that the reference does not have lowers it.

    Four frames (3, h, w), uint8 or in [0, 1]; the difference of the two changes is set against a peak of 1, as in PSNR.
    Raises ShapeError for sizes or types that differ, InputError for NaN.
    """
    check_pair(result, reference)
    check_pair(previous_result, previous_reference)
    check_pair(result, previous_result)
    error = _difference(result, reference)
    return _decibels(_mean_square(error.sub_(_difference(previous_result, previous_reference)), None), _peak(result))
