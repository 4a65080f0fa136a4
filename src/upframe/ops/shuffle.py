"""Moving pixels between space and channels."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from upframe.errors import ShapeError
from upframe.ops.tracing import is_traced


def space_to_depth(image: Tensor, factor: int) -> Tensor:
    """Fold blocks of pixels into channels, as TensorFlow does: (n, c, h, w) -> (n, factor**2 * c, h / factor, w / factor).

    Convention: the channels are ordered by the row inside the block, then by the column, then by the channel it came from
    (``torch.nn.functional.pixel_unshuffle`` has the channel first). Raises ShapeError if a side is no multiple of ``factor``.
    """
    if is_traced():
        return _folded_by_convolution(image, factor)
    n, c, height, width = image.shape
    if height % factor or width % factor:
        raise ShapeError(f"space_to_depth: {height}x{width} (h x w) is no multiple of {factor}")
    blocks = image.reshape(n, c, height // factor, factor, width // factor, factor)
    return blocks.permute(0, 3, 5, 1, 2, 4).reshape(n, factor * factor * c, height // factor, width // factor)


def _folded_by_convolution(image: Tensor, factor: int) -> Tensor:
    """The same as a convolution over blocks, each of whose kernels picks one pixel of one channel."""
    channels = int(image.shape[1])
    picks = image.new_zeros((factor, factor, channels, channels, factor, factor))  # (row, column, c; c, row, column)
    for row in range(factor):
        for column in range(factor):
            picks[row, column, :, :, row, column].fill_diagonal_(1)
    return F.conv2d(image, picks.flatten(0, 2), stride=factor)


def zero_upsample(image: Tensor, factor: int) -> Tensor:
    """Spread pixels apart: (n, c, h, w) -> (n, c, factor*h, factor*w).

    Convention: each pixel becomes the top left one of its ``factor`` x ``factor`` cell, the others are 0 (NSRR, section 3.2).
    """
    n, c, height, width = image.shape
    spread = image.new_zeros((n, c, height, factor, width, factor))
    spread[:, :, :, 0, :, 0] = image
    return spread.view(n, c, factor * height, factor * width)
