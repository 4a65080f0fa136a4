"""Images are extended to the sizes a network can take, and beyond their borders; its results are cut back."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from upframe.models.info import ModelInfo


def fit(image: Tensor, info: ModelInfo) -> Tensor:
    """(n, c, h, w) with its last row and column repeated until both sides are what the network demands."""
    height, width = image.shape[-2:]
    bottom, right = (fitting_side(side, info) - side for side in (height, width))
    return F.pad(image, (0, right, 0, bottom), mode="replicate") if bottom or right else image


def extend(image: Tensor, info: ModelInfo) -> Tensor:
    """(n, c, h, w) with ``info.margin`` pixels more on every side, and :func:`fit`: the outermost pixels are repeated."""
    around = info.margin
    return fit(F.pad(image, (around,) * 4, mode="replicate") if around else image, info)


def cut_back(result: Tensor, height: int, width: int, info: ModelInfo) -> Tensor:
    """What a network made of :func:`extend`, without what was added: (n, c, scale*height, scale*width)."""
    first = info.margin * info.scale
    return result[..., first : first + height * info.scale, first : first + width * info.scale]


def fitting_side(side: int, info: ModelInfo) -> int:
    """The smallest side a network can take that holds ``side`` pixels."""
    least = max(side, info.minimum)
    return least + -least % info.multiple
