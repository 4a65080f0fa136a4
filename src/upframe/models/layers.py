"""A network for images as plain data, for hosts that know neither torch nor graphs: convolutions in a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Norm:
    """Layer normalisation over the channels of each pixel: ``weight`` and ``bias`` (c,)."""

    weight: Tensor
    bias: Tensor
    eps: float


@dataclass(frozen=True, slots=True)
class Layer:
    """``activation(convolution(norm(x))) + added``, the convolution padded with zeros to the same size.

    ``weight`` (out, in, k, k) with k odd, ``bias`` (out,). ``added``: what this layer got, what the first one gave, or nothing.
    """

    weight: Tensor
    bias: Tensor
    norm: Norm | None = None
    activation: Literal["gelu", "lrelu", "relu"] | None = None
    added: Literal["input", "first"] | None = None


@dataclass(frozen=True, slots=True)
class Layers:
    """An image is folded by ``fold`` (pixel-unshuffle), passes the layers, and is unfolded by ``unfold`` (pixel-shuffle).

    ``skip``: the bilinear upscaling of the image is added.
    """

    fold: int
    layers: tuple[Layer, ...]
    unfold: int
    skip: bool


@runtime_checkable
class Layered(Protocol):
    """A network that may be such a row of layers."""

    def layers(self) -> Layers | None:
        """Its weights as they are now; None where it has other parts, too."""
