"""The degradations that low-resolution data are made with: named, and rounded as the published files are.

All are exact shrinkings by a whole number; what they round, and when, decides the last bit of a file and about 0.01 dB of a
score. High resolution is first cut to a multiple of the scale, at its bottom and right edge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from upframe.errors import InputError, ShapeError
from upframe.ops.blur import downscale_bd
from upframe.ops.resize import downscale, resize
from upframe.ops.sampling import Sampling, sampling_of

Kind = Literal["BI", "BD"]
Pixels = NDArray[Any]
"""(h, w, c) of uint8, uint16 or float."""

_Rounding = Callable[[Tensor], Tensor]
_FULL = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
_CENTRED_SIGMA = 1.6


@dataclass(frozen=True, slots=True)
class Degradation:
    """One way to make low resolution out of high.

    kind: as a model's card names what it was trained for. ``str`` of it says how it is made.
    """

    name: str
    kind: Kind
    summary: str
    _shrink: Callable[[Tensor, int, _Rounding], Tensor] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.kind}, {self.summary}"

    @property
    def sampling(self) -> Sampling:
        """Where a sample is in its cell."""
        return sampling_of(self.name)

    def tensor(self, images: Tensor, scale: int, *, levels: int | None = 255) -> Tensor:
        """Images (..., h, w) in [0, 1], floating point, any device -> (..., h // scale, w // scale), same type.

        ``levels``: the largest code of the files it stands for, 255 or 65535: the result is rounded to codes and limited to
        [0, 1]. None leaves it as computed. Raises ShapeError for integers and images that are too small.
        """
        if not images.is_floating_point():
            raise ShapeError(f"a degradation needs a floating-point tensor, got {images.dtype}")
        height, width = _whole(images.shape[-2], images.shape[-1], scale)
        images = images[..., :height, :width]
        if levels is None:
            return self._shrink(images, scale, lambda values: values)
        return self._shrink(images * levels, scale, _to_codes(levels)) / levels

    def pixels(self, pixels: Pixels, scale: int) -> Pixels:
        """An image (h, w, c) of uint8, uint16 or float -> (h // scale, w // scale, c), same type.

        Computed in double precision; integers are rounded, floats are neither rounded nor limited. Raises InputError for
        another type, ShapeError for an image that is too small.
        """
        full = _FULL.get(pixels.dtype)
        if full is None and not np.issubdtype(pixels.dtype, np.floating):
            raise InputError(f"an image to be degraded must be uint8, uint16 or float, not {pixels.dtype}")
        planes = torch.from_numpy(cut_to_multiple(pixels, scale).transpose(2, 0, 1).astype(np.float64))
        small = self._shrink(planes, scale, _to_codes(full) if full else lambda values: values)
        return np.ascontiguousarray(small.numpy().transpose(1, 2, 0)).astype(pixels.dtype)

    def clip(self, frames: Iterable[Pixels], scale: int, name: str) -> Iterator[Pixels]:
        """Each frame of a clip by itself, as :meth:`pixels`; the clip's ``name`` makes no difference."""
        return (self.pixels(frame, scale) for frame in frames)


def cut_to_multiple(pixels: Pixels, multiple: int) -> Pixels:
    """A view (h, w, c) without the last rows and columns that are no whole multiple. Raises ShapeError if nothing is left."""
    height, width = _whole(pixels.shape[0], pixels.shape[1], multiple)
    return pixels[:height, :width]


def _whole(height: int, width: int, multiple: int) -> tuple[int, int]:
    if multiple < 1 or min(height, width) < multiple:
        raise ShapeError(f"an image of {width}x{height} is too small: x{multiple} needs {multiple}x{multiple} at least")
    return height - height % multiple, width - width % multiple


def _to_codes(full: int) -> _Rounding:
    """Half up, as MATLAB rounds what is not negative."""
    return lambda values: (values + 0.5).floor().clamp(0, full)


def _bicubic(images: Tensor, scale: int, rounding: _Rounding) -> Tensor:
    return rounding(downscale(images, scale))


def _bicubic_of_8_bits(images: Tensor, scale: int, rounding: _Rounding) -> Tensor:
    """Rows first; rounded after each of the two passes; outside, the image's edge is repeated."""
    height, width = images.shape[-2:]
    samples = 3  # of the result: further than the kernel reaches, so that what ``resize`` does at its own edge is not seen
    border = samples * scale
    planes = F.pad(images.reshape(-1, 1, height, width), (0, 0, border, border), mode="replicate")
    planes = resize(planes, (height // scale + 2 * samples, width), scale=(1 / scale, 1.0))[..., samples:-samples, :]
    planes = F.pad(rounding(planes), (border, border, 0, 0), mode="replicate")
    planes = resize(planes, (height // scale, width // scale + 2 * samples), scale=(1.0, 1 / scale))[..., samples:-samples]
    return rounding(planes.reshape(*images.shape[:-2], *planes.shape[-2:]))


def _blurred(images: Tensor, scale: int, rounding: _Rounding) -> Tensor:
    return rounding(downscale_bd(images, scale))


def _blurred_at_centre(images: Tensor, scale: int, rounding: _Rounding) -> Tensor:
    """Sample ``i`` is in the middle of its cell; a kernel of even size has no pixel there, and so an even scale is needed."""
    if scale % 2:
        raise InputError(f"bd-centred is made for even scales, not x{scale}: its samples lie between two pixels")
    reach = math.ceil(3 * _CENTRED_SIGMA) + 1  # the published kernel is 12 wide
    distances = torch.arange(-reach, reach, dtype=images.dtype, device=images.device) + 0.5
    taps = torch.exp(distances.square() * (-0.5 / _CENTRED_SIGMA**2))
    taps = taps / taps.sum()
    border = reach - scale // 2
    planes = images.reshape(-1, 1, *images.shape[-2:])
    planes = F.pad(planes, (border,) * 4, mode="replicate")
    planes = F.conv2d(planes, taps.view(1, 1, -1, 1), stride=(scale, 1))
    planes = F.conv2d(planes, taps.view(1, 1, 1, -1), stride=(1, scale))
    return rounding(planes.reshape(*images.shape[:-2], *planes.shape[-2:]))


_ALL = (
    Degradation("bi", "BI", "MATLAB bicubic, rounded once", _bicubic),
    Degradation("bi-8bit", "BI", "MATLAB bicubic on integers, rounded after each pass", _bicubic_of_8_bits),
    Degradation("bd", "BD", "Gaussian 1.5, every scale-th pixel", _blurred),
    Degradation("bd-centred", "BD", "Gaussian 1.6, sampled at the middle of each cell", _blurred_at_centre),
)
DEGRADATIONS = {degradation.name: degradation for degradation in _ALL}
"""By name.

* ``bi``: ``imresize`` of doubles, rounded once as the file is written. TecoGAN's BI files (``generate_lr_bi.m`` of its PyTorch
  edition) and TTVSR's (``BI_degradation.m``). At the edge the image is mirrored.
* ``bi-8bit``: ``imresize`` of an 8-bit image in older MATLAB: each of the two passes is rounded, and at the edge the last
  pixel repeats. The published files of Set5, Set14 and BSD100 are of this kind, bit for bit.
* ``bd``: TecoGAN and FRVSR: sample ``i`` is centred on pixel ``i * scale``, the image mirrored at the edge.
* ``bd-centred``: TTVSR on Vimeo-90K, Vid4 and UDM10 (``BD_degradation.m``), and BasicVSR's BD: a kernel of 12 pixels, sample
  ``i`` centred on the middle of its cell, the edge repeated. Files of the two kinds lie about 1.5 pixels apart at x4.
"""


def named(name: str) -> Degradation:
    """The degradation of a name, in any case. Raises InputError, with those there are, for any other."""
    try:
        return DEGRADATIONS[name.lower()]
    except KeyError:
        raise InputError(f"unknown degradation {name!r}; choose one of {', '.join(DEGRADATIONS)}") from None
