"""The spread and warped maps of :func:`upframe.ops.spread.warp_spread` in one pass.

At NSRR's sizes the result alone is 60 channels of two million pixels. The plain form makes positions, numbers and weights of
every pixel and frame on the way, writes the gathered maps, and reads them again to weight them. Here they are written once.
"""

# mypy: disable-error-code="import-not-found, import-untyped, no-untyped-def, no-untyped-call, untyped-decorator"
# A kernel is written in Triton's language: its values have other types than Python's.

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

PIXELS = 64  # of one program, one frame after the other


@triton.jit
def _spread_kernel(  # noqa: PLR0913, PLR0917  # pointers, sizes and strides, one by one
    images,
    flows,
    weights,
    result,
    frames,
    height,
    width,
    image_n,
    image_t,
    image_c,
    image_y,
    image_x,
    flow_n,
    flow_t,
    flow_c,
    flow_y,
    flow_x,
    weight_n,
    weight_t,
    weight_y,
    weight_x,
    result_n,
    result_c,
    result_y,
    result_x,
    factor: tl.constexpr,
    channels: tl.constexpr,
    padded_channels: tl.constexpr,
    block: tl.constexpr,
):
    """One block of pixels of the large image. Names with an axis at their end are strides, in values."""
    image = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * block + tl.arange(0, block)
    large = width * factor
    inside = pixel < height * factor * large
    row, column = (pixel // large).to(tl.int64), (pixel % large).to(tl.int64)
    channel = tl.arange(0, padded_channels)[None, :]
    is_channel = channel < channels
    images += image * image_n
    steps = flows + image * flow_n + row * flow_y + column * flow_x
    shares = weights + image * weight_n + row * weight_y + column * weight_x
    targets = result + image * result_n + (row * result_y + column * result_x)[:, None] + channel * result_c
    for _ in range(frames):
        x = column.to(tl.float32) + tl.load(steps, mask=inside, other=0).to(tl.float32)
        y = row.to(tl.float32) + tl.load(steps + flow_c, mask=inside, other=0).to(tl.float32)
        # Limited to where nothing is seen: the largest floats and NaN have no nearest sample.
        x = tl.minimum(tl.maximum(x, -factor), factor * (width + 1))
        y = tl.minimum(tl.maximum(y, -factor), factor * (height + 1))
        across, down = tl.floor(x / factor + 0.5), tl.floor(y / factor + 0.5)  # the nearest sample
        near = tl.maximum(1 - tl.abs(x - factor * across), 0) * tl.maximum(1 - tl.abs(y - factor * down), 0)
        seen = inside & (across >= 0) & (across < width) & (down >= 0) & (down < height) & (near > 0)
        share = near * tl.load(shares, mask=seen, other=0).to(tl.float32)
        places = images + (down.to(tl.int64) * image_y + across.to(tl.int64) * image_x)[:, None] + channel * image_c
        samples = tl.load(places, mask=seen[:, None] & is_channel, other=0).to(tl.float32)
        tl.store(targets, (samples * share[:, None]).to(result.dtype.element_ty), mask=inside[:, None] & is_channel)
        images += image_t
        steps += flow_t
        shares += weight_t
        targets += channels * result_c


def spread_warped(images: Tensor, flows: Tensor, weights: Tensor, *, factor: int) -> Tensor:
    """images (n, t, c, h, w), flows (n, t, 2, s*h, s*w), weights (n, t, s*h, s*w) -> (n, t*c, s*h, s*w), s being ``factor``.

    Equal to :func:`upframe.ops.spread.warp_spread` up to rounding, in the type of ``images`` and ``channels_last`` memory.
    ``factor`` is 2 or more.
    """
    n, frames, channels, height, width = images.shape
    size = (factor * height, factor * width)
    result = torch.empty(
        (n, frames * channels, *size), dtype=images.dtype, device=images.device, memory_format=torch.channels_last
    )
    with torch.cuda.device_of(images):  # Triton starts kernels on the current device
        _spread_kernel[triton.cdiv(size[0] * size[1], PIXELS), n](
            images,
            flows,
            weights,
            result,
            frames,
            height,
            width,
            *images.stride(),
            *flows.stride(),
            *weights.stride(),
            *result.stride(),
            factor=factor,
            channels=channels,
            padded_channels=triton.next_power_of_2(channels),
            block=PIXELS,
        )
    return result
