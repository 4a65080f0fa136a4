"""The kinds of YCbCr the papers compute with: three, and their numbers differ. All are BT.601.

For the planes of video files, in any matrix, range and depth, see ``ops.colour``. Convention: the channel axis is the third
from the end, in the order R, G, B or Y, Cb, Cr; functions on floating point keep dtype and device and do not clamp.
"""

from __future__ import annotations

import torch
from torch import Tensor

from upframe.errors import ShapeError

_LIMITED_WEIGHTS = ((65.481, 128.553, 24.966), (-37.797, -74.203, 112.0), (112.0, -93.786, -18.214))
"""Y, Cb, Cr in codes for R, G, B in [0, 1]: BT.601-7, with 219 and 224 steps, rounded to three decimals as in MATLAB."""
_LIMITED_OFFSETS = (16, 128, 128)


def _channels(image: Tensor, *, floating: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    if image.ndim < 3 or image.shape[-3] != 3:
        raise ShapeError(f"a colour image is (..., 3, h, w), got {tuple(image.shape)}")
    if floating and not image.is_floating_point():
        raise ShapeError(f"a floating-point image is needed here, got {image.dtype}")
    red, green, blue = image.unbind(-3)
    return red, green, blue


def luma_bt601(rgb: Tensor) -> Tensor:
    """The luma of PSNR-Y and SSIM-Y: (..., 3, h, w) in [0, 1] -> (..., 1, h, w) in [16/255, 235/255].

    Equal to the first channel of MATLAB's ``rgb2ycbcr`` on floating point. Raises ShapeError for another shape or integers.
    """
    red, green, blue = _channels(rgb)
    of_red, of_green, of_blue = (weight / 255 for weight in _LIMITED_WEIGHTS[0])
    return (red * of_red + green * of_green + blue * of_blue + 16 / 255).unsqueeze(-3)


def rgb_to_ycbcr_uint8(rgb: Tensor) -> Tensor:
    """Limited-range YCbCr in whole codes: (..., 3, h, w) uint8 -> the same, Y in [16, 235], Cb and Cr in [16, 240].

    Computed in double precision and rounded to the nearest, as the evaluation of TecoGAN's PyTorch edition does (its numbers
    come from DUF-VSR). Raises ShapeError for another shape or dtype.
    """
    if rgb.dtype is not torch.uint8:
        raise ShapeError(f"rgb_to_ycbcr_uint8 needs uint8, got {rgb.dtype}")
    red, green, blue = (channel.double() for channel in _channels(rgb, floating=False))
    result = torch.empty_like(rgb)
    for index, (weights, offset) in enumerate(zip(_LIMITED_WEIGHTS, _LIMITED_OFFSETS, strict=True)):
        # Of all 2^24 colours 206 values lie half-way between two codes: the order of the additions decides which one is taken.
        of_red, of_green, of_blue = (round(weight / 255, 15) for weight in weights)
        values = (red * of_red).add_(green, alpha=of_green).add_(blue, alpha=of_blue).add_(offset)
        result.select(-3, index).copy_(values.round_())
    return result


def rgb_to_ycbcr_full(rgb: Tensor) -> Tensor:
    """Full-range YCbCr with Cb and Cr around 0.5: (..., 3, h, w) in [0, 1] -> the same shape, in [0, 1].

    kornia's, which NSRR computes in: Y = 0.299 R + 0.587 G + 0.114 B, Cb = 0.564 (B - Y) + 0.5, Cr = 0.713 (R - Y) + 0.5.
    Raises ShapeError for another shape and for integers.
    """
    red, green, blue = _channels(rgb)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return torch.stack((luma, (blue - luma) * 0.564 + 0.5, (red - luma) * 0.713 + 0.5), dim=-3)


def ycbcr_full_to_rgb(ycbcr: Tensor) -> Tensor:
    """The exact inverse of :func:`rgb_to_ycbcr_full`: (..., 3, h, w) -> the same shape.

    Not the weights of three decimals (1.403, 0.714, 0.344, 1.773) often seen, which miss the way back by up to 3e-4.
    Raises ShapeError for another shape and for integers.
    """
    luma, blue_difference, red_difference = _channels(ycbcr)
    blue = luma + (blue_difference - 0.5) / 0.564
    red = luma + (red_difference - 0.5) / 0.713
    return torch.stack((red, (luma - 0.299 * red - 0.114 * blue) / 0.587, blue), dim=-3)
