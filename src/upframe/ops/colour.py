"""Video planes to RGB and back, so that what no network touched returns with the same codes.

Sources: ITU-R BT.601-7, BT.709-6, BT.2020-2 (non-constant luminance) and ITU-T H.273 (SMPTE ST 240, FCC, code ranges).
RGB is the gamma-corrected R'G'B' of those documents: the transfer curve and the primaries stay those of the clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from upframe.errors import ShapeError
from upframe.ops.chroma import ChromaLocation, reduce_chroma, subsampled_size, upscale_chroma

Matrix = Literal["bt601", "bt709", "bt2020", "smpte240m", "fcc", "rgb", "grey"]

_LUMA_WEIGHTS: dict[Matrix, tuple[float, float]] = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
    "smpte240m": (0.212, 0.087),
    "fcc": (0.30, 0.11),
    "grey": (0.2126, 0.0722),
}
"""Kr and Kb, the shares of red and blue in luma; Kg = 1 - Kr - Kb. Grey has no colour to weigh: BT.709's are as good as any."""


@dataclass(frozen=True, slots=True)
class _Codes:
    """How integer codes stand for luma (or R, G, B) in [0, 1] and for colour differences in [-0.5, 0.5]."""

    black: int
    luma_steps: int
    neutral: int
    chroma_steps: int

    @classmethod
    def of(cls, depth: int, full_range: bool) -> _Codes:
        """H.273, section 8.3. Raises ShapeError for a depth outside 8 to 16."""
        if not 8 <= depth <= 16:
            raise ShapeError(f"planes of {depth} bits are not supported: 8 to 16 are")
        largest, neutral, step = (1 << depth) - 1, 1 << (depth - 1), 1 << (depth - 8)
        if full_range:
            return cls(0, largest, neutral, largest)
        return cls(16 * step, 219 * step, neutral, 224 * step)


def _luma_weights(matrix: Matrix) -> tuple[float, float, float]:
    """Kr, Kg, Kb."""
    kr, kb = _LUMA_WEIGHTS[matrix]
    return kr, 1 - kr - kb, kb


def _check_matrix(matrix: Matrix) -> None:
    if matrix not in get_args(Matrix):
        raise ShapeError(f"colour matrix {matrix!r} is not one of {', '.join(get_args(Matrix))}")


def _check_planes(planes: Sequence[Tensor], matrix: Matrix, depth: int, subsampling: tuple[int, int]) -> None:
    if len(planes) != (1 if matrix == "grey" else 3):
        raise ShapeError(f"{len(planes)} planes given: {matrix} has {1 if matrix == 'grey' else 3}")
    if any(plane.ndim != 2 or 0 in plane.shape for plane in planes):
        raise ShapeError(f"planes are (h, w) and not empty, got {[tuple(plane.shape) for plane in planes]}")
    size = (planes[0].shape[0], planes[0].shape[1])
    expected = size if matrix == "rgb" else subsampled_size(size, subsampling)
    for plane in planes:
        if plane.dtype not in (torch.uint8, torch.uint16, torch.int16, torch.int32):
            raise ShapeError(f"planes hold integers (uint8, uint16, int16 or int32), got {plane.dtype}")
        if depth > 8 and plane.dtype is torch.uint8:
            raise ShapeError(f"planes of {depth} bits do not fit uint8")
    for plane in planes[1:]:
        if plane.shape != expected:
            raise ShapeError(f"a plane of {tuple(plane.shape)} does not fit an image of {size} subsampled by {subsampling}")


def _numeric(plane: Tensor, depth: int) -> Tensor:
    """Codes in a type that every device computes with: torch's uint16 can be stored, and little else."""
    if plane.dtype in (torch.uint16, torch.int16):
        plane = plane.view(torch.int16)
        return plane.to(torch.int32).bitwise_and_(0xFFFF) if depth == 16 else plane
    return plane


def _to_codes(values: Tensor, scale: float, offset: int, depth: int) -> Tensor:
    """``scale * values + offset``, rounded to the nearest code and clipped to the codes there are. Overwrites ``values``."""
    values.mul_(scale).add_(offset + 0.5).clamp_(0, (1 << depth) - 1)  # the conversion below rounds down
    if depth == 8:
        return values.to(torch.uint8)
    return (values.to(torch.int32) if depth == 16 else values).to(torch.int16).view(torch.uint16)


def planes_to_rgb(
    planes: Sequence[Tensor],
    *,
    matrix: Matrix,
    full_range: bool,
    depth: int,
    chroma_location: ChromaLocation = "left",
    subsampling: tuple[int, int] = (1, 1),
) -> Tensor:
    """Integer planes of one frame -> RGB (1, 3, h, w), float32, nominally in [0, 1] but not clamped.

    planes: Y, U, V; or G, B, R with matrix ``rgb``, which is never subsampled; or one plane with ``grey``, which becomes three
    equal channels. Y is (h, w), U and V are (ceil(h / sub_y), ceil(w / sub_x)) with ``subsampling`` = (sub_y, sub_x), 1 or 2.
    uint8, uint16, int16 (the bits of uint16) or int32, ``depth`` of 8 to 16 bits in the low end; any strides, any device.
    Codes outside the nominal range become values outside [0, 1], so that ``rgb_to_planes`` gives each code back.
    Raises ShapeError for planes that do not fit together and for a kind that is not supported.
    """
    codes = _Codes.of(depth, full_range)
    _check_matrix(matrix)
    _check_planes(planes, matrix, depth, subsampling)
    numeric = [_numeric(plane, depth) for plane in planes]
    height, width = planes[0].shape
    rgb = torch.empty(1, 3, height, width, dtype=torch.float32, device=planes[0].device)
    if matrix == "grey":
        return rgb.copy_(numeric[0]).sub_(codes.black).mul_(1 / codes.luma_steps)
    if matrix == "rgb":
        for channel, plane in zip((1, 2, 0), numeric, strict=True):
            rgb[0, channel].copy_(plane)
        return rgb.sub_(codes.black).mul_(1 / codes.luma_steps)

    kr, kg, kb = _luma_weights(matrix)
    red_blue, green = rgb[0, 0::2], rgb[0, 1]
    differences = red_blue.new_empty((2, *planes[1].shape))  # R - Y, B - Y
    for difference, plane, weight in zip(differences, reversed(numeric[1:]), (kr, kb), strict=True):
        difference.copy_(plane).sub_(codes.neutral).mul_(2 * (1 - weight) / codes.chroma_steps)
    upscale_chroma(differences, red_blue, location=chroma_location, subsampling=subsampling)
    green.copy_(numeric[0]).sub_(codes.black).mul_(1 / codes.luma_steps)  # Y for now
    red_blue.add_(green)
    green.mul_(1 / kg).sub_(red_blue[0], alpha=kr / kg).sub_(red_blue[1], alpha=kb / kg)
    return rgb


def rgb_to_planes(
    rgb: Tensor,
    *,
    matrix: Matrix,
    full_range: bool,
    depth: int,
    chroma_location: ChromaLocation = "left",
    subsampling: tuple[int, int] = (1, 1),
) -> tuple[Tensor, ...]:
    """RGB (1, 3, h, w) -> the integer planes ``planes_to_rgb`` takes, in the same order; exact both ways at the same size.

    Rounded to the nearest code and clipped to [0, 2^depth - 1]: a limited range keeps its foot- and headroom; only a
    cable reserves the outermost codes, a file does not. uint8, or uint16 above 8 bits; ``numpy()`` does not copy.
    Raises ShapeError for a tensor of another shape and for a kind that is not supported.
    """
    codes = _Codes.of(depth, full_range)
    _check_matrix(matrix)
    if rgb.ndim != 4 or rgb.shape[:2] != (1, 3) or 0 in rgb.shape or not rgb.is_floating_point():
        raise ShapeError(f"an image is (1, 3, h, w) and floating point, got {tuple(rgb.shape)}, {rgb.dtype}")
    image = rgb[0].to(torch.float32)
    if matrix == "rgb":
        return tuple(_to_codes(torch.stack((image[1], image[2], image[0])), codes.luma_steps, codes.black, depth))
    kr, kg, kb = _luma_weights(matrix)
    luma = (image[1] * kg).add_(image[0], alpha=kr).add_(image[2], alpha=kb)
    if matrix == "grey":
        return (_to_codes(luma, codes.luma_steps, codes.black, depth),)
    # Two differences are reduced rather than three colours. Written to a new tensor, they are contiguous whatever rgb is.
    full_size = torch.sub(image[0::2], luma, out=luma.new_empty((2, *luma.shape)))  # R - Y, B - Y
    red_difference, blue_difference = reduce_chroma(full_size, location=chroma_location, subsampling=subsampling)
    return (
        _to_codes(luma, codes.luma_steps, codes.black, depth),
        _to_codes(blue_difference, codes.chroma_steps / (2 * (1 - kb)), codes.neutral, depth),
        _to_codes(red_difference, codes.chroma_steps / (2 * (1 - kr)), codes.neutral, depth),
    )
