"""Moving pictures along a flow."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from upframe.errors import ShapeError

Padding = Literal["zeros", "border"]


def warp(
    image: Tensor, flow: Tensor, *, padding: Padding, interpolation: Literal["bilinear", "nearest"] = "bilinear"
) -> Tensor:
    """Backward warp: ``out(p) = image(p + flow(p))``.

    Convention: image (n, c, h, w); flow (n, 2, h, w) in pixels of ``image``, channel 0 = x to the right, 1 = y down; a flow
    of zero copies the image exactly, whole pixels copy whole pixels (in the words of ``grid_sample``: positions are
    normalised by size - 1 and sampled with align_corners true). Outside: ``"zeros"`` fades to 0 within one pixel,
    ``"border"`` repeats the last row and column. Raises ShapeError if the two differ in n, h or w.
    Equal to TecoGAN's ``backward_warp`` with "border", to NSRR's and BasicVSR's with "zeros".
    """
    n, _, height, width = image.shape
    if flow.shape != (n, 2, height, width):
        raise ShapeError(f"a flow for an image of {tuple(image.shape)} must be {(n, 2, height, width)}, not {tuple(flow.shape)}")
    # torch.arange, not linspace: exported graphs then follow the size of their input.
    x = torch.arange(width, device=flow.device, dtype=flow.dtype) + flow[:, 0]  # (n, h, w)
    y = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None] + flow[:, 1]
    grid = torch.stack((x * (2 / max(width - 1, 1)) - 1, y * (2 / max(height - 1, 1)) - 1), dim=-1)  # (n, h, w, 2)
    return F.grid_sample(image, grid, mode=interpolation, padding_mode=padding, align_corners=True)
