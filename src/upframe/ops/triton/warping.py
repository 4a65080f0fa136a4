"""The backward warp of :func:`upframe.ops.warp.warp`, bilinear, in one pass: no grid is written and read again.

The plain form writes positions, scales them to a grid, and samples: about eight floats a pixel, beside three colours of two
or four bytes. This one reads the flow and the image, and writes the result.
"""

# mypy: disable-error-code="import-not-found, import-untyped, no-untyped-def, no-untyped-call, untyped-decorator"
# A kernel is written in Triton's language: its values have other types than Python's.

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

PIXELS = 256  # of one program


@triton.jit
def _warp_kernel(  # noqa: PLR0913, PLR0917  # pointers, sizes and strides, one by one
    image,
    flow,
    result,
    channels,
    height,
    width,
    image_n,
    image_c,
    image_y,
    image_x,
    flow_n,
    flow_c,
    flow_y,
    flow_x,
    result_n,
    result_c,
    result_y,
    result_x,
    border: tl.constexpr,
    block: tl.constexpr,
):
    """One block of pixels of one image. Names with an axis at their end are strides, in values."""
    sample = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * block + tl.arange(0, block)
    inside = pixel < height * width
    row, column = (pixel // width).to(tl.int64), (pixel % width).to(tl.int64)
    steps = flow + sample * flow_n + row * flow_y + column * flow_x
    x = column.to(tl.float32) + tl.load(steps, mask=inside, other=0).to(tl.float32)
    y = row.to(tl.float32) + tl.load(steps + flow_c, mask=inside, other=0).to(tl.float32)
    # Limited before they become whole numbers, which the largest floats and NaN have no meaning as.
    margin: tl.constexpr = 0 if border else 2
    x = tl.minimum(tl.maximum(x, -margin), width - 1 + margin)
    y = tl.minimum(tl.maximum(y, -margin), height - 1 + margin)
    left, top = tl.floor(x), tl.floor(y)
    right_share, lower_share = x - left, y - top
    left, top = left.to(tl.int64), top.to(tl.int64)
    right, bottom = left + 1, top + 1
    # Outside an image nothing is read: with a border the share there is 0, without one what is there is.
    see_left, see_right = (left >= 0) & (left < width), (right >= 0) & (right < width)
    see_top, see_bottom = (top >= 0) & (top < height), (bottom >= 0) & (bottom < height)
    source = image + sample * image_n
    target = result + sample * result_n + row * result_y + column * result_x
    for _ in range(channels):
        upper_row, lower_row = source + top * image_y, source + bottom * image_y
        a = tl.load(upper_row + left * image_x, mask=inside & see_top & see_left, other=0).to(tl.float32)
        b = tl.load(upper_row + right * image_x, mask=inside & see_top & see_right, other=0).to(tl.float32)
        c = tl.load(lower_row + left * image_x, mask=inside & see_bottom & see_left, other=0).to(tl.float32)
        d = tl.load(lower_row + right * image_x, mask=inside & see_bottom & see_right, other=0).to(tl.float32)
        upper = a * (1 - right_share) + b * right_share
        lower = c * (1 - right_share) + d * right_share
        moved = upper * (1 - lower_share) + lower * lower_share
        tl.store(target, moved.to(result.dtype.element_ty), mask=inside)
        source += image_c
        target += result_c


def warp_bilinear(image: Tensor, flow: Tensor, *, border: bool) -> Tensor:
    """image (n, c, h, w) and flow (n, 2, h, w), any layout and floating type -> the warped image, in its type and layout.

    Convention: as :func:`upframe.ops.warp.warp`, to which it is equal up to the rounding of positions (1e-4 of a pixel at a
    width of 4000; here they are not scaled to a grid and back). ``border``: its padding "border", else "zeros".
    """
    n, channels, height, width = image.shape
    result = torch.empty_like(image)
    grid = (triton.cdiv(height * width, PIXELS), n)
    with torch.cuda.device_of(image):  # Triton starts kernels on the current device
        _warp_kernel[grid](
            image,
            flow,
            result,
            channels,
            height,
            width,
            *image.stride(),
            *flow.stride(),
            *result.stride(),
            border=border,
            block=PIXELS,
        )
    return result
