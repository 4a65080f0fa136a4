"""The kinds of luma that published numbers were computed on; they differ by up to a decibel."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from upframe.metrics.frames import unit
from upframe.ops.ycbcr import luma_bt601, rgb_to_ycbcr_full, rgb_to_ycbcr_uint8

Luma = Literal["bt601", "bt601-swapped", "bt601-rounded", "full-range"]

LUMA_KINDS: dict[Luma, str] = {
    "bt601": "Y of BT.601 in limited range, unrounded (MATLAB's rgb2ycbcr of floating point)",
    "bt601-swapped": "Y of BT.601 in limited range, unrounded, with red and blue exchanged, as RT4KSR's script prints it",
    "bt601-rounded": "Y of BT.601 in limited range, rounded to whole codes (the PyTorch edition of TecoGAN)",
    "full-range": "Y of BT.601 in full range, unrounded (kornia, NSRR)",
}
"""What each kind is, for the descriptions of protocols."""


def luma(frame: Tensor, kind: Luma = "bt601") -> Tensor:
    """(..., 3, h, w) uint8 or in [0, 1] -> (..., 1, h, w): uint8 for ``"bt601-rounded"``, else floating point.

    ``"bt601-rounded"`` takes uint8 only (ShapeError from ``ops.ycbcr``).
    """
    if kind == "bt601-rounded":
        return rgb_to_ycbcr_uint8(frame)[..., :1, :, :]
    rgb = unit(frame)
    if kind == "full-range":
        return rgb_to_ycbcr_full(rgb)[..., :1, :, :]
    return luma_bt601(rgb.flip(-3) if kind == "bt601-swapped" else rgb)
