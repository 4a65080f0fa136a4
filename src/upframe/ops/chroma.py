"""Chroma planes of half size upscaled to the size of luma and reduced again, exactly and in place.

Along an axis that is halved, chroma sample ``k`` belongs to the pair of luma samples ``2k`` and ``2k + 1``, and is on the
first of them, between the two, or on the second (its *siting*: ITU-T H.273, figure 1). Each siting has one pair of filters:

* *between*: the chroma sample is taken as the mean of the pair, and the pair is upscaled to that mean minus and plus a
  slope, ``22 (c[k+1] - c[k-1]) - 3 (c[k+2] - c[k-2])`` 128ths. Reduction is the mean of the pair. Whatever the slope,
  it cancels.
* *first* (*second* is its mirror image): the luma sample on the chroma sample takes its value, the other one is predicted by
  four-point interpolation, ``(-1, 9, 9, -1) / 16``. Reduction predicts in the same way from the samples on the chroma
  positions, and adds a quarter of what the two neighbouring predictions missed. In an upscaled plane they miss nothing,
  so that those samples come back untouched; in any other, that quarter makes a low-pass filter of nine taps,
  ``(1, 0, -8, 16, 46, 16, -8, 0, 1) / 64``, with a zero at the frequency where plain decimation folds worst.

So ``reduce(upscale(c)) == c`` by construction: for any length, at the borders (where the outermost sample is repeated) and for
values of any size; all weights are binary fractions. The last sample of an odd length has no partner and takes the value of its
chroma sample as it is. Both pairs are known as wavelets: interpolating (4, 2), and average-interpolating (1, 5).

Why not bilinear upscaling: of all its exact inverses none is a low-pass filter when the siting is *between* (the gain at
half the chroma rate is 1.41). Chroma of 11 photographs, reduced then upscaled, PSNR in dB: *between* 53.2 (bilinear with
its shortest inverse 52.5, with the mean 50.3); *first* 53.2 (bilinear with its shortest inverse 52.3, with decimation 51.3).
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from upframe.errors import ShapeError

ChromaLocation = Literal["left", "center", "topleft", "top", "bottomleft", "bottom"]
Siting = Literal["first", "between", "second"]

_SITINGS: dict[ChromaLocation, tuple[Siting, Siting]] = {
    "left": ("between", "first"),
    "center": ("between", "between"),
    "topleft": ("first", "first"),
    "top": ("first", "between"),
    "bottomleft": ("second", "first"),
    "bottom": ("second", "between"),
}
"""Vertical and horizontal siting; H.273 numbers the locations 0 to 5 in this order."""


def sitings(location: ChromaLocation) -> tuple[Siting, Siting]:
    """The siting along y and x of a chroma location. Raises ShapeError for a name that is none."""
    if location not in _SITINGS:
        raise ShapeError(f"chroma location {location!r} is not one of {', '.join(get_args(ChromaLocation))}")
    return _SITINGS[location]


def subsampled_size(size: tuple[int, int], subsampling: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of the chroma planes of an image: halved and rounded up where ``subsampling`` (y, x) is 2.

    Raises ShapeError for a subsampling other than 1 and 2 (4:1:1 and 4:1:0 video).
    """
    if any(factor not in (1, 2) for factor in subsampling):
        raise ShapeError(f"chroma subsampled by {subsampling} (y, x) is not supported: 4:4:4, 4:2:2, 4:4:0 and 4:2:0 are")
    return (-(-size[0] // subsampling[0]), -(-size[1] // subsampling[1]))


def _extended(x: Tensor, count: int) -> Tensor:
    """The axis before the last with its first and last sample repeated ``count`` times outwards."""
    return torch.cat((*[x[..., :1, :]] * count, x, *[x[..., -1:, :]] * count), dim=-2)


def _half_slopes(chroma: Tensor) -> Tensor:
    """(..., m, r) -> (..., m, r): how far each pair departs from its mean, so that five neighbouring pairs keep their means."""
    c = _extended(chroma, 2)
    slopes = (c[..., 3:-1, :] - c[..., 1:-3, :]).mul_(22 / 128)
    return slopes.add_(c[..., 4:, :], alpha=-3 / 128).add_(c[..., :-4, :], alpha=3 / 128)


def _midpoints(chroma: Tensor) -> Tensor:
    """(..., m, r) -> (..., m + 1, r): midway between neighbours, from half a step before the first to half after the last."""
    c = _extended(chroma, 2)
    sums = c[..., 1:, :] + c[..., :-1, :]
    middle = sums[..., 1:-1, :] * (10 / 16)
    return middle.add_(sums[..., 2:, :], alpha=-1 / 16).add_(sums[..., :-2, :], alpha=-1 / 16)


def _interpolate_axis(chroma: Tensor, out: Tensor, siting: Siting) -> None:
    """The axis before the last: (..., ceil(n / 2), r) into ``out`` (..., n, r)."""
    pairs = out.shape[-2] // 2
    first, second, paired = out[..., 0 : 2 * pairs : 2, :], out[..., 1::2, :], chroma[..., :pairs, :]
    if siting == "between":
        slopes = _half_slopes(chroma)[..., :pairs, :]
        torch.sub(paired, slopes, out=first)
        torch.add(paired, slopes, out=second)
    elif siting == "first":
        first.copy_(paired)
        second.copy_(_midpoints(chroma)[..., 1 : pairs + 1, :])
    else:
        first.copy_(_midpoints(chroma)[..., :pairs, :])
        second.copy_(paired)
    out[..., 2 * pairs :, :].copy_(chroma[..., pairs:, :])


def _reduce_axis(full: Tensor, siting: Siting) -> Tensor:
    """The axis before the last: (..., n, r) -> (..., ceil(n / 2), r); the exact inverse of ``_interpolate_axis``."""
    pairs = full.shape[-2] // 2
    if pairs == 0:
        return full
    first, second, unpaired = full[..., 0 : 2 * pairs : 2, :], full[..., 1::2, :], full[..., 2 * pairs :, :]
    if siting == "between":
        return torch.cat(((first + second).mul_(0.5), unpaired), dim=-2)
    sited, other, shift = (first, second, 1) if siting == "first" else (second, first, 0)
    chroma = torch.cat((sited, unpaired), dim=-2)
    missed = _extended(other - _midpoints(chroma)[..., shift : pairs + shift, :], 1)
    nearby = missed[..., 1 - shift : pairs + 1 - shift, :] + missed[..., 2 - shift : pairs + 2 - shift, :]
    chroma[..., :pairs, :].add_(nearby, alpha=1 / 4)
    return chroma


def upscale_chroma(chroma: Tensor, out: Tensor, *, location: ChromaLocation, subsampling: tuple[int, int]) -> Tensor:
    """Chroma planes at the size of luma, written to ``out`` (which may be a view) and returned.

    chroma (..., ceil(h / sub_y), ceil(w / sub_x)) -> (..., h, w), floating point, not clamped. Convention: see the module.
    Raises ShapeError when the sizes do not fit, or for a location or subsampling that is not supported.
    """
    vertical, horizontal = sitings(location)
    expected = subsampled_size((out.shape[-2], out.shape[-1]), subsampling)
    if chroma.shape[-2:] != expected:
        raise ShapeError(f"chroma planes of {tuple(chroma.shape[-2:])} do not fit an image of {tuple(out.shape[-2:])}")
    if subsampling[0] == 2:
        rows = out if subsampling[1] == 1 else chroma.new_empty((*out.shape[:-1], chroma.shape[-1]))
        _interpolate_axis(chroma, rows, vertical)
        chroma = rows
    if subsampling[1] == 2:
        _interpolate_axis(chroma.unsqueeze(-1), out.unsqueeze(-1), horizontal)
    elif subsampling[0] == 1:
        out.copy_(chroma)
    return out


def reduce_chroma(chroma: Tensor, *, location: ChromaLocation, subsampling: tuple[int, int]) -> Tensor:
    """Chroma planes at the size they are stored in; the exact inverse of ``upscale_chroma``.

    chroma (..., h, w) -> (..., ceil(h / sub_y), ceil(w / sub_x)), floating point, not clamped; ``chroma`` itself where
    nothing is halved. Raises ShapeError for a location or subsampling that is not supported.
    """
    vertical, horizontal = sitings(location)
    subsampled_size((chroma.shape[-2], chroma.shape[-1]), subsampling)
    if subsampling[0] == 2:
        chroma = _reduce_axis(chroma, vertical)
    return _reduce_axis(chroma.unsqueeze(-1), horizontal).squeeze(-1) if subsampling[1] == 2 else chroma
