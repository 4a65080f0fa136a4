"""Moving images along a flow."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from upframe.errors import ShapeError
from upframe.ops.tracing import is_traced
from upframe.ops.triton import are_wanted

Padding = Literal["zeros", "border"]


def warp(
    image: Tensor, flow: Tensor, *, padding: Padding, interpolation: Literal["bilinear", "nearest", "bicubic"] = "bilinear"
) -> Tensor:
    """Backward warp: ``out(p) = image(p + flow(p))``, in the dtype of ``image``.

    Convention: image (n, c, h, w); flow (n, 2, h, w) in pixels of ``image``, channel 0 = x to the right, 1 = y down; whole
    pixels copy whole pixels, up to the rounding of positions in float32 (1e-4 of a pixel at a width of 4000). Outside:
    ``"zeros"`` fades to 0 within one pixel, ``"border"`` repeats the last row and column. Raises ShapeError if the two differ
    in n, h or w. Equal to TecoGAN's ``backward_warp`` with "border", to NSRR's and BasicVSR's with "zeros".
    """
    if is_traced() and flow.dtype == torch.float32:  # half precision cannot count the pixels of a row
        return F.grid_sample(image, _grid_by_sums(flow), mode=interpolation, padding_mode=padding, align_corners=False)
    n, _, height, width = image.shape
    if flow.shape != (n, 2, height, width):
        raise ShapeError(
            f"a flow for an image of {tuple(image.shape)} must be {(n, 2, height, width)}, not {tuple(flow.shape)}"
        )
    if interpolation == "bilinear" and are_wanted(image, flow):
        from upframe.ops.triton.warping import warp_bilinear

        return warp_bilinear(image, flow, border=padding == "border")
    # Half precision cannot tell neighbouring pixels apart beyond 2048 of them.
    dtype = torch.promote_types(torch.promote_types(image.dtype, flow.dtype), torch.float32)
    # torch.arange, not linspace: exported graphs then follow the size of their input.
    x = torch.arange(width, device=flow.device, dtype=dtype) + flow[:, 0]  # (n, h, w)
    y = torch.arange(height, device=flow.device, dtype=dtype)[:, None] + flow[:, 1]
    # The published codes align corners. This places samples alike, with a quarter of the rounding, and one pixel is a size too.
    grid = torch.stack(((2 * x + 1) / width - 1, (2 * y + 1) / height - 1), dim=-1)  # (n, h, w, 2)
    moved = F.grid_sample(image.to(dtype), grid, mode=interpolation, padding_mode=padding, align_corners=False)
    return moved.to(image.dtype)


def _grid_by_sums(flow: Tensor) -> Tensor:
    """The positions of :func:`warp`, (n, h, w, 2), counted in the graph: it has ones, their running sums and their sums."""
    along_x, along_y = flow[:, 0:1], flow[:, 1:2]  # (n, 1, h, w)
    ones = 0 * along_x + 1
    x = (2 * (torch.cumsum(ones, 3) + along_x) - 1) / torch.sum(ones, 3, keepdim=True) - 1  # the first of a row is 1
    y = (2 * (torch.cumsum(ones, 2) + along_y) - 1) / torch.sum(ones, 2, keepdim=True) - 1
    return torch.cat((x, y), dim=1).permute(0, 2, 3, 1)
