"""What NSRR does with zero-upsampled maps, without making them: fifteen of sixteen of their values are zeros at x4.

Both are for inference. Where gradients or graphs are recorded, and for a factor of 1, the plain forms run.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.errors import ShapeError
from upframe.ops.convolution import is_channels_last_inference, is_eager_inference
from upframe.ops.shuffle import zero_upsample
from upframe.ops.triton import are_wanted
from upframe.ops.warp import warp


def warp_spread(images: Tensor, flows: Tensor, weights: Tensor, factor: int) -> Tensor:
    """Several small images, zero-upsampled, moved to where the flow says, weighted, and joined in their channels.

    images (n, t, c, h, w); flows (n, t, 2, s*h, s*w); weights (n, t, s*h, s*w) -> (n, t*c, s*h, s*w), s being ``factor``.
    Convention: that of :func:`upframe.ops.warp.warp` with ``"zeros"``, to which it is equal up to the rounding of positions.
    A bilinear sample reads four neighbours; of an image spread by 2 or more, one of them at most is not zero, the nearest
    sample of the small image. Raises ShapeError for sizes that do not belong together.
    """
    n, t, channels, height, width = images.shape
    size = (factor * height, factor * width)
    if flows.shape != (n, t, 2, *size) or weights.shape != (n, t, *size):
        raise ShapeError(
            f"images of {tuple(images.shape)} spread by {factor} need flows of {(n, t, 2, *size)} and weights of "
            f"{(n, t, *size)}, not {tuple(flows.shape)} and {tuple(weights.shape)}"
        )
    if factor == 1 or not is_eager_inference():
        spread = zero_upsample(images.flatten(0, 1), factor)  # (n*t, c, s*h, s*w)
        moved = warp(spread, flows.flatten(0, 1), padding="zeros") * weights.flatten(0, 1).unsqueeze(1)
        return moved.reshape(n, t * channels, *moved.shape[-2:])
    if are_wanted(images, flows, weights):
        from upframe.ops.triton.spreading import spread_warped

        return spread_warped(images, flows, weights, factor=factor)
    flows = flows.to(torch.promote_types(flows.dtype, torch.float32))
    sides = (torch.arange(side, device=flows.device, dtype=flows.dtype) for side in size)
    y, x = torch.meshgrid(*sides, indexing="ij")
    # What is far outside or not a number is brought to where nothing is seen: it has no nearest sample.
    outside = -2.0 * factor
    x = (x + flows[:, :, 0]).nan_to_num_(outside).clamp_(outside, size[1] + factor)  # (n, t, s*h, s*w)
    y = (y + flows[:, :, 1]).nan_to_num_(outside).clamp_(outside, size[0] + factor)
    column, row = (x / factor).round(), (y / factor).round()  # of the nearest sample
    nearness = (1 - (x - factor * column).abs()).clamp_min(0) * (1 - (y - factor * row).abs()).clamp_min(0)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    number = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).long()
    number += height * width * torch.arange(n * t, device=number.device).view(n, t, 1, 1)
    # Pixel by pixel, the frames side by side: as the joined channels lie in channels_last memory.
    samples = images.permute(0, 1, 3, 4, 2).reshape(-1, channels)
    moved = F.embedding(number.permute(0, 2, 3, 1), samples)  # (n, s*h, s*w, t, c)
    moved *= (nearness * inside * weights).permute(0, 2, 3, 1).unsqueeze(-1)
    return moved.flatten(3).permute(0, 3, 1, 2)


def spread_conv(x: Tensor, conv: nn.Conv2d, factor: int) -> Tensor:
    """``conv(zero_upsample(x, factor))`` for a 3x3 convolution: (n, c, h, w) -> (n, outputs, factor*h, factor*w).

    The kernel is narrower than a cell: every tap meets the sample of a cell at one place only, nine places in all. The other
    pixels are the bias.
    """
    if factor == 1 or not is_channels_last_inference(x):
        result: Tensor = conv(zero_upsample(x, factor))
        return result
    n, _, height, width = x.shape
    assert conv.bias is not None
    rows = F.pad(x, (0, 1, 0, 1)).permute(0, 2, 3, 1)  # (n, h + 1, w + 1, c): the cells, and the zeros after the last ones
    cells = conv.bias.expand(n, height, factor, width, factor, -1).contiguous()
    # (place in the cell, tap, cell): the first tap is on the sample of a cell at its place 1, the last at the place before.
    meetings = ((1, 0, 0), (0, 1, 0), (factor - 1, 2, 1))
    for i, tap_row, below in meetings:
        for j, tap_column, right in meetings:
            samples = rows[:, below : below + height, right : right + width]
            cells[:, :, i, :, j] += samples @ conv.weight[:, :, tap_row, tap_column].T
    return cells.view(n, factor * height, factor * width, -1).permute(0, 3, 1, 2)
