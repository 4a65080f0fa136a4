"""A 3x3 convolution with all that follows it for each pixel: bias, GELU, a sum, layer normalisation over the channels.

RT4KSR's maps are wide and thin, 24 channels of 960x540 pixels for 1080p: every layer waits for memory, and in the plain form a
block is three layers. One program here has all channels of its pixels, so that it can normalise them for the *next* block
before they are written: a block reads its map once and writes it once. The first convolution reads the image unfolded, and
the last writes its pixels to where they belong in the upscaled one.
"""

# mypy: disable-error-code="import-not-found, import-untyped, no-untyped-def, no-untyped-call, untyped-decorator"
# A kernel is written in Triton's language: its values have other types than Python's.

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor, nn

ROWS, COLUMNS = 8, 16  # of the pixels of one program
SMALLEST_DOT = 16


@triton.jit
def _place(channel, row, column, stride_c, stride_y, stride_x, fold: tl.constexpr):
    """Where a channel of a pixel is in an image that is ``fold`` times as large: channels are c, then row and column."""
    cell: tl.constexpr = fold * fold
    y, x = row * fold + channel % cell // fold, column * fold + channel % fold
    return (channel // cell) * stride_c + y * stride_y + x * stride_x


@triton.jit
def _convolution_kernel(  # noqa: PLR0913, PLR0917  # pointers, sizes and strides, one by one
    image,
    kernel,
    bias,
    added,
    norm_weight,
    norm_bias,
    result,
    height,
    width,
    image_n,
    image_c,
    image_y,
    image_x,
    kernel_o,
    kernel_i,
    kernel_y,
    kernel_x,
    result_n,
    result_c,
    result_y,
    result_x,
    eps,
    inputs: tl.constexpr,
    outputs: tl.constexpr,
    padded_inputs: tl.constexpr,
    padded_outputs: tl.constexpr,
    folded: tl.constexpr,
    unfolds: tl.constexpr,
    gelu: tl.constexpr,
    sums: tl.constexpr,
    normalised: tl.constexpr,
    rows: tl.constexpr,
    columns: tl.constexpr,
    precision: tl.constexpr,
):
    """A tile of pixels of one map, all channels. Names with an axis at their end are strides, in values."""
    sample = tl.program_id(2).to(tl.int64)
    pixel = tl.arange(0, rows * columns)
    row = (tl.program_id(1) * rows + pixel // columns).to(tl.int64)[:, None]
    column = (tl.program_id(0) * columns + pixel % columns).to(tl.int64)[:, None]
    given, made = tl.arange(0, padded_inputs), tl.arange(0, padded_outputs)
    image += sample * image_n
    is_output = made < outputs
    total = tl.zeros((rows * columns, padded_outputs), tl.float32)
    for tap in range(9):
        y, x = row + (tap // 3 - 1), column + (tap % 3 - 1)
        here = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        values = tl.load(
            image + _place(given[None, :], y, x, image_c, image_y, image_x, folded),
            mask=here & (given < inputs)[None, :],
            other=0,
        )
        weights = tl.load(
            kernel + given[:, None] * kernel_i + made[None, :] * kernel_o + (tap // 3) * kernel_y + (tap % 3) * kernel_x,
            mask=(given < inputs)[:, None] & is_output[None, :],
            other=0,
        )
        total = tl.dot(values, weights, total, input_precision=precision)
    total += tl.load(bias + made, mask=is_output, other=0).to(tl.float32)[None, :]
    if gelu:
        total = 0.5 * total * (1 + tl.erf(total * 0.7071067811865476))
    places = sample * result_n + _place(made[None, :], row, column, result_c, result_y, result_x, unfolds)
    written = (row < height) & (column < width) & is_output[None, :]
    if sums:
        total += tl.load(added + places, mask=written, other=0).to(tl.float32)
    if normalised:
        mean = tl.sum(total, axis=1)[:, None] / outputs  # those that fill up are 0
        apart = tl.where(is_output[None, :], total - mean, 0)
        spread = tl.sum(apart * apart, axis=1)[:, None] / outputs
        scale = tl.load(norm_weight + made, mask=is_output, other=0).to(tl.float32)[None, :]
        shift = tl.load(norm_bias + made, mask=is_output, other=0).to(tl.float32)[None, :]
        total = apart * tl.rsqrt(spread + eps) * scale + shift
    tl.store(result + places, total.to(result.dtype.element_ty), mask=written)


def convolve(
    x: Tensor,
    conv: nn.Conv2d,
    *,
    gelu: bool = False,
    added: Tensor | None = None,
    norm: tuple[Tensor, Tensor, float] | None = None,
    unshuffle: int = 1,
    shuffle: int = 1,
) -> Tensor:
    """``pixel_shuffle(norm(gelu(conv(pixel_unshuffle(x, unshuffle))) + added), shuffle)``, all but the convolution at choice.

    (n, c, h, w) in any layout -> (n, outputs / shuffle**2, h / unshuffle * shuffle, w / unshuffle * shuffle) in
    ``channels_last`` memory, a shuffled one plain. ``conv``: 3x3, stride 1, padded by 1, with a bias. ``added`` is of the
    shape of the result. ``norm``: weight, bias and eps of a layer normalisation over the channels. Sums are kept in float32;
    products of float32 are exact ones, not TF32.
    """
    n, channels, height, width = x.shape
    inputs, outputs = channels * unshuffle**2, conv.out_channels
    height, width = height // unshuffle, width // unshuffle
    assert conv.bias is not None
    result = torch.empty(
        (n, outputs // shuffle**2, height * shuffle, width * shuffle),
        dtype=x.dtype,
        device=x.device,
        memory_format=torch.channels_last if shuffle == 1 else torch.contiguous_format,
    )
    added = None if added is None else added.contiguous(memory_format=torch.channels_last)
    weight, bias, eps = norm or (conv.bias, conv.bias, 0.0)
    grid = (triton.cdiv(width, COLUMNS), triton.cdiv(height, ROWS), n)
    with torch.cuda.device_of(x):
        _convolution_kernel[grid](
            x,
            conv.weight,
            conv.bias,
            conv.bias if added is None else added,
            weight,
            bias,
            result,
            height,
            width,
            *x.stride(),
            *conv.weight.stride(),
            *result.stride(),
            eps,
            inputs=inputs,
            outputs=outputs,
            padded_inputs=max(triton.next_power_of_2(inputs), SMALLEST_DOT),
            padded_outputs=max(triton.next_power_of_2(outputs), SMALLEST_DOT),
            folded=unshuffle,
            unfolds=shuffle,
            gelu=gelu,
            sums=added is not None,
            normalised=norm is not None,
            rows=ROWS,
            columns=COLUMNS,
            precision="ieee",
        )
    return result
