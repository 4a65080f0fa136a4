"""Images from files: upscaled with their transparency, depth and light, all that surrounds the pixels kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from upframe.engine.arrays import Pixels
from upframe.engine.associated import AssociatedParts, as_kind, put_together, take_apart, where_lit
from upframe.engine.clips import upscale_in_order
from upframe.engine.cuts import Cuts
from upframe.engine.finite import finite
from upframe.engine.layers import from_layers, peek, to_layers
from upframe.engine.size import Target
from upframe.engine.upscaler import Upscaler
from upframe.media.image.image import Image
from upframe.ops.resize import resize

Key = TypeVar("Key")


def upscale_image(image: Image, upscaler: Upscaler, target: Target, on_note: Callable[[str], None]) -> Image:
    """The same image, larger: same type, same metadata. Values that are no numbers are noted and replaced."""
    image = _finite(image, on_note)
    if image.alpha is None or not image.associated:
        colour, alpha = upscaler.upscale_layers(image.pixels, image.alpha, target, linear=image.linear)
        return replace(image, pixels=colour, alpha=alpha)
    parts = take_apart(image.pixels, image.alpha)
    colour, cover = upscaler.upscale_layers(parts.colour, parts.alpha, target, linear=image.linear)
    light = None if parts.light is None else _interpolated(parts.light, colour.shape[:2])
    return _joined(image, colour, cover, light)


def upscale_images(
    pairs: Iterable[tuple[Image, Key]], upscaler: Upscaler, target: Target, cuts: Cuts, on_note: Callable[[str], None]
) -> Iterator[tuple[Image, Key]]:
    """Images that are the frames of a clip, each with something it is known by, in order.

    A network for video takes them as a clip; a new size, or a change of transparency, begins a new one.
    """
    if upscaler.info.kind != "video":
        yield from ((upscale_image(image, upscaler, target, on_note), key) for image, key in pairs)
        return
    for _, shot in groupby(pairs, lambda pair: (pair[0].alpha is None, pair[0].associated, pair[0].linear)):
        yield from _upscale_clip(shot, upscaler, target, cuts, on_note)


def _upscale_clip(
    pairs: Iterable[tuple[Image, Key]], upscaler: Upscaler, target: Target, cuts: Cuts, on_note: Callable[[str], None]
) -> Iterator[tuple[Image, Key]]:
    """Images of one kind: all with transparency or all without, all linear or none."""
    first, pairs = peek((_finite(image, on_note), key) for image, key in pairs)
    opaque = first is None or first[0].alpha is None
    clip = upscaler.open_clip(target, layers=1 if opaque else 2, cuts=cuts)

    def layers(pair: tuple[Image, Key]) -> list[Tensor]:
        image, parts = pair[0], _parts(pair[0])
        cover = parts.alpha
        if image.alpha is not None and cover is None:  # nothing covers: colour is light alone
            return to_layers(parts.colour, np.ones_like(image.alpha), upscaler.device, linear=image.linear)
        return to_layers(parts.colour, cover, upscaler.device, linear=image.linear)

    def result(pair: tuple[Image, Key], layers: tuple[Tensor, ...]) -> tuple[Image, Key]:
        (image, key), parts = pair, _parts(pair[0])
        colour, alpha = from_layers(layers, parts.colour, parts.alpha, linear=image.linear)
        if not image.associated or image.alpha is None:
            return replace(image, pixels=colour, alpha=alpha), key
        light = None if parts.light is None else _interpolated(parts.light, colour.shape[:2])
        return _joined(image, colour, alpha, light), key

    yield from upscale_in_order(pairs, clip, layers, result)


def _parts(image: Image) -> AssociatedParts:
    """Colour and alpha as networks see them."""
    if image.alpha is None or not image.associated:
        return AssociatedParts(image.pixels, image.alpha, None)
    return take_apart(image.pixels, image.alpha)


def _joined(image: Image, colour: Pixels, cover: Pixels | None, light: Pixels | None) -> Image:
    """The larger image from its upscaled parts. Where nothing covered, nothing does."""
    assert image.alpha is not None
    if cover is None:
        empty = np.zeros((*colour.shape[:2], 1), image.alpha.dtype)
        return replace(image, pixels=as_kind(colour, image.pixels), alpha=empty)
    return replace(image, pixels=put_together(colour, cover, light, image.pixels), alpha=as_kind(cover, image.alpha))


def _interpolated(light: Pixels, size: tuple[int, ...]) -> Pixels:
    """Light without cover, (h, w, c), upscaled without a network, which would sharpen its edges; none is invented."""
    tensor = torch.from_numpy(light).permute(2, 0, 1)[None]
    upscaled: Pixels = resize(tensor, (size[0], size[1]))[0].permute(1, 2, 0).numpy()
    low, high = light.min(axis=(0, 1)), light.max(axis=(0, 1))
    return where_lit(upscaled.clip(np.minimum(low, 0), high), light)


def _finite(image: Image, on_note: Callable[[str], None]) -> Image:
    alpha = None if image.alpha is None else finite(image.alpha, on_note)
    return replace(image, pixels=finite(image.pixels, on_note), alpha=alpha)
