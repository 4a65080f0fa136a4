"""Pictures are made to fit the sizes a network can take, and its results are cut back."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from upframe.models.info import ModelInfo


def fit(picture: Tensor, info: ModelInfo) -> Tensor:
    """(n, c, h, w) with its last row and column repeated until both sides are what the network demands."""
    height, width = picture.shape[-2:]
    bottom, right = (fitting_side(side, info) - side for side in (height, width))
    return F.pad(picture, (0, right, 0, bottom), mode="replicate") if bottom or right else picture


def fitting_side(side: int, info: ModelInfo) -> int:
    """The smallest side a network can take that holds ``side`` pixels."""
    least = max(side, info.minimum)
    return least + -least % info.multiple
