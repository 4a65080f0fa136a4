"""Between images as arrays and the layers networks for video take: colour, and opacity where there is one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from upframe.engine.arrays import Pixels, to_pixels, to_tensor
from upframe.engine.associated import within_neighbours
from upframe.errors import InputError
from upframe.ops.alpha import bleed
from upframe.ops.outliers import beyond, upscaled_excess
from upframe.ops.transfer import decode_linear, encode_linear

Item = TypeVar("Item")

_NETWORKS_SEE = (-1.0, 4.0)  # of floats, in a display's values (4 is 900 times white): no one sample upsets a running network


def split_channels(image: Pixels) -> tuple[Pixels, Pixels | None]:
    """An image (h, w) or (h, w, 1 to 4) as colour (h, w, 1 or 3) and, of two and four channels, straight alpha (h, w, 1).

    Raises InputError for an empty array or one of another shape.
    """
    if image.ndim not in (2, 3) or 0 in image.shape or (image.ndim == 3 and image.shape[2] > 4):
        raise InputError(f"an image must be (height, width) or (height, width, 1 to 4), not {image.shape}")
    if image.ndim == 2:
        return image[..., None], None
    colours = image.shape[2] - 1 + image.shape[2] % 2
    return image[..., :colours], image[..., colours:] if colours < image.shape[2] else None


def join_channels(layers: tuple[Pixels, Pixels | None], *, like: Pixels) -> Pixels:
    """The inverse of :func:`split_channels`, for an image with the channels of ``like``."""
    colour, alpha = layers
    if like.ndim == 2:
        return colour[..., 0]
    return colour if alpha is None else np.concatenate((colour, alpha), axis=2)


@torch.inference_mode()
def to_layers(colour: Pixels, alpha: Pixels | None, device: torch.device, *, linear: bool = False) -> list[Tensor]:
    """Colour (h, w, 1 or 3) and straight alpha (h, w, 1) -> (1, 3, h, w) each, nominally in [0, 1].

    ``linear``: scene-linear light, bent to a display's curve, as :func:`from_layers` undoes.
    """
    layers = [_seen(colour, device, linear=linear)[0]]
    if alpha is not None:
        opacity = to_tensor(alpha, device)
        layers = [bleed(layers[0], opacity), opacity]
    return [layer.expand(-1, 3, -1, -1) for layer in layers]


@torch.inference_mode()
def from_layers(
    layers: Sequence[Tensor], colour: Pixels, alpha: Pixels | None, *, linear: bool = False
) -> tuple[Pixels, Pixels | None]:
    """Upscaled layers as arrays of the kinds of ``colour`` and ``alpha``, the arrays they were made from."""
    rgb = layers[0] if colour.shape[2] == 3 else layers[0].mean(dim=1, keepdim=True)
    if colour.dtype.kind == "f":
        rgb = rgb + upscaled_excess(_seen(colour, rgb.device, linear=linear)[1], rgb.shape[-2:])
    upscaled = to_pixels(decode_linear(rgb) if linear else rgb, colour.dtype)
    if alpha is None:
        return upscaled, None
    return upscaled, within_neighbours(to_pixels(layers[1].mean(dim=1, keepdim=True), alpha.dtype), alpha)


def _seen(colour: Pixels, device: torch.device, *, linear: bool) -> tuple[Tensor, Tensor]:
    """What a network is shown of an image's colour, (1, 1 or 3, h, w), and what is beyond that."""
    rgb = to_tensor(colour, device)
    if colour.dtype.kind != "f":
        return rgb, torch.zeros_like(rgb)
    return beyond(encode_linear(rgb) if linear else rgb, *_NETWORKS_SEE)


def peek(items: Iterable[Item]) -> tuple[Item | None, Iterator[Item]]:
    """The first of the items, None if there is none; and all of them."""
    iterator = iter(items)
    for first in iterator:
        return first, chain((first,), iterator)
    return None, iterator
