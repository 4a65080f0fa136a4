"""The gather of :func:`upframe.models.stssnet.gather_alike` in one launch instead of about a hundred and fifty.

The maps are small (120x68 at an input of 960x540), so that the plain form waits for its launches; and it reads and writes its
sums once for each of the 25 neighbours. Here they stay in registers.
"""

# mypy: disable-error-code="import-not-found, import-untyped, no-untyped-def, no-untyped-call, untyped-decorator"
# A kernel is written in Triton's language: its values have other types than Python's.

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

PIXELS = 32  # of one program; each holds its keys, and the sums of all channels


@triton.jit
def _gather_kernel(  # noqa: PLR0913, PLR0917  # pointers, sizes and strides, one by one
    latent,
    keys,
    mask,
    result,
    height,
    width,
    latent_n,
    latent_c,
    latent_y,
    latent_x,
    keys_n,
    keys_c,
    keys_y,
    keys_x,
    mask_n,
    mask_y,
    mask_x,
    result_n,
    result_c,
    result_y,
    result_x,
    channels: tl.constexpr,
    key_size: tl.constexpr,
    padded_channels: tl.constexpr,
    padded_key_size: tl.constexpr,
    reach: tl.constexpr,
    block: tl.constexpr,
):
    """One block of pixels of one map. Names with an axis at their end are strides, in values."""
    image = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * block + tl.arange(0, block)
    inside = pixel < height * width
    row, column = (pixel // width).to(tl.int64), (pixel % width).to(tl.int64)
    key, channel = tl.arange(0, padded_key_size)[None, :], tl.arange(0, padded_channels)[None, :]
    keys, latent, mask = keys + image * keys_n + key * keys_c, latent + image * latent_n, mask + image * mask_n
    is_key, is_channel = inside[:, None] & (key < key_size), inside[:, None] & (channel < channels)
    own = tl.load(keys + (row * keys_y + column * keys_x)[:, None], mask=is_key, other=0).to(tl.float32)
    total = tl.zeros((block, padded_channels), tl.float32)
    weights = tl.zeros((block,), tl.float32)
    for down in range(-reach, reach + 1):
        for across in range(-reach, reach + 1):
            y, x = row + down, column + across
            here = inside & (y >= 0) & (y < height) & (x >= 0) & (x < width)
            theirs = tl.load(keys + (y * keys_y + x * keys_x)[:, None], mask=is_key & here[:, None], other=0)
            seen = tl.load(mask + y * mask_y + x * mask_x, mask=here, other=0).to(tl.float32)
            weight = tl.maximum(tl.sum(theirs.to(tl.float32) * own, axis=1) * seen, 0)
            places = latent + (y * latent_y + x * latent_x)[:, None] + channel * latent_c
            values = tl.load(places, mask=is_channel & here[:, None], other=0).to(tl.float32)
            total += values * weight[:, None]
            weights += weight
    mean = total / tl.maximum(weights, 1e-6)[:, None]
    places = result + image * result_n + (row * result_y + column * result_x)[:, None] + channel * result_c
    tl.store(places, mean.to(result.dtype.element_ty), mask=is_channel)


def gather(latent: Tensor, keys: Tensor, mask: Tensor, *, reach: int) -> Tensor:
    """latent (n, c, h, w), keys (n, k, h, w), mask (n, 1, h, w), any layout -> (n, c, h, w), in the layout of ``latent``.

    Equal to :func:`upframe.models.stssnet.gather_alike` for neighbours up to ``reach`` pixels away, up to rounding: sums are
    kept in float32, whatever the type of the maps.
    """
    n, channels, height, width = latent.shape
    key_size = keys.shape[1]
    result = torch.empty_like(latent)
    mask_n, _, mask_y, mask_x = mask.stride()
    with torch.cuda.device_of(latent):  # Triton starts kernels on the current device
        _gather_kernel[triton.cdiv(height * width, PIXELS), n](
            latent,
            keys,
            mask,
            result,
            height,
            width,
            *latent.stride(),
            *keys.stride(),
            mask_n,
            mask_y,
            mask_x,
            *result.stride(),
            channels=channels,
            key_size=key_size,
            padded_channels=triton.next_power_of_2(channels),
            padded_key_size=triton.next_power_of_2(key_size),
            reach=reach,
            block=PIXELS,
        )
    return result
