"""Pictures from files: enlarged with their transparency, depth and light, all that surrounds the pixels kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from upframe.engine.arrays import Pixels
from upframe.engine.associated import Parts, as_kind, put_together, take_apart, where_lit
from upframe.engine.clips import enlarge_in_order
from upframe.engine.cuts import Cuts
from upframe.engine.finite import finite
from upframe.engine.layers import from_layers, peek, to_layers
from upframe.engine.size import Target
from upframe.engine.upscaler import Upscaler
from upframe.media.pictures.picture import Picture
from upframe.ops.resize import resize

Key = TypeVar("Key")


def enlarge_picture(picture: Picture, upscaler: Upscaler, target: Target, on_note: Callable[[str], None]) -> Picture:
    """The same picture, larger: same type, same metadata. Values that are no numbers are noted and replaced."""
    picture = _finite(picture, on_note)
    if picture.alpha is None or not picture.associated:
        colour, alpha = upscaler.upscale_layers(picture.pixels, picture.alpha, target, linear=picture.linear)
        return replace(picture, pixels=colour, alpha=alpha)
    parts = take_apart(picture.pixels, picture.alpha)
    colour, cover = upscaler.upscale_layers(parts.colour, parts.alpha, target, linear=picture.linear)
    light = None if parts.light is None else _interpolated(parts.light, colour.shape[:2])
    return _joined(picture, colour, cover, light)


def enlarge_pictures(
    pairs: Iterable[tuple[Picture, Key]], upscaler: Upscaler, target: Target, cuts: Cuts, on_note: Callable[[str], None]
) -> Iterator[tuple[Picture, Key]]:
    """Pictures that are the frames of a clip, each with something it is known by, in order.

    A network for video takes them as a clip; a new size, or a change of transparency, begins a new one.
    """
    if upscaler.info.kind != "video":
        yield from ((enlarge_picture(picture, upscaler, target, on_note), key) for picture, key in pairs)
        return
    for _, shot in groupby(pairs, lambda pair: (pair[0].alpha is None, pair[0].associated, pair[0].linear)):
        yield from _enlarge_clip(shot, upscaler, target, cuts, on_note)


def _enlarge_clip(
    pairs: Iterable[tuple[Picture, Key]], upscaler: Upscaler, target: Target, cuts: Cuts, on_note: Callable[[str], None]
) -> Iterator[tuple[Picture, Key]]:
    """Pictures of one kind: all with transparency or all without, all linear or none."""
    first, pairs = peek((_finite(picture, on_note), key) for picture, key in pairs)
    opaque = first is None or first[0].alpha is None
    clip = upscaler.open_clip(target, layers=1 if opaque else 2, cuts=cuts)

    def layers(pair: tuple[Picture, Key]) -> list[Tensor]:
        picture, parts = pair[0], _parts(pair[0])
        cover = parts.alpha
        if picture.alpha is not None and cover is None:  # nothing covers: colour is light alone
            return to_layers(parts.colour, np.ones_like(picture.alpha), upscaler.device, linear=picture.linear)
        return to_layers(parts.colour, cover, upscaler.device, linear=picture.linear)

    def result(pair: tuple[Picture, Key], layers: tuple[Tensor, ...]) -> tuple[Picture, Key]:
        (picture, key), parts = pair, _parts(pair[0])
        colour, alpha = from_layers(layers, parts.colour, parts.alpha, linear=picture.linear)
        if not picture.associated or picture.alpha is None:
            return replace(picture, pixels=colour, alpha=alpha), key
        light = None if parts.light is None else _interpolated(parts.light, colour.shape[:2])
        return _joined(picture, colour, alpha, light), key

    yield from enlarge_in_order(pairs, clip, layers, result)


def _parts(picture: Picture) -> Parts:
    """Colour and alpha as networks see them."""
    if picture.alpha is None or not picture.associated:
        return Parts(picture.pixels, picture.alpha, None)
    return take_apart(picture.pixels, picture.alpha)


def _joined(picture: Picture, colour: Pixels, cover: Pixels | None, light: Pixels | None) -> Picture:
    """The larger picture from its enlarged parts. Where nothing covered, nothing does."""
    assert picture.alpha is not None
    if cover is None:
        empty = np.zeros((*colour.shape[:2], 1), picture.alpha.dtype)
        return replace(picture, pixels=as_kind(colour, picture.pixels), alpha=empty)
    return replace(picture, pixels=put_together(colour, cover, light, picture.pixels), alpha=as_kind(cover, picture.alpha))


def _interpolated(light: Pixels, size: tuple[int, ...]) -> Pixels:
    """Light without cover, (h, w, c), enlarged without a network, which would sharpen its edges; none is invented."""
    tensor = torch.from_numpy(light).permute(2, 0, 1)[None]
    enlarged: Pixels = resize(tensor, (size[0], size[1]))[0].permute(1, 2, 0).numpy()
    low, high = light.min(axis=(0, 1)), light.max(axis=(0, 1))
    return where_lit(enlarged.clip(np.minimum(low, 0), high), light)


def _finite(picture: Picture, on_note: Callable[[str], None]) -> Picture:
    alpha = None if picture.alpha is None else finite(picture.alpha, on_note)
    return replace(picture, pixels=finite(picture.pixels, on_note), alpha=alpha)
