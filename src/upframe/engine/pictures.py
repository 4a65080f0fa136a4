"""Pictures from files: enlarged with their transparency, depth and light, all that surrounds the pixels kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import TypeVar

from torch import Tensor

from upframe.engine.clips import enlarge_in_order
from upframe.engine.cuts import Cuts
from upframe.engine.finite import finite
from upframe.engine.layers import from_layers, peek, to_layers
from upframe.engine.size import Target
from upframe.engine.upscaler import Upscaler
from upframe.media.pictures.picture import Picture

Key = TypeVar("Key")


def enlarge_picture(picture: Picture, upscaler: Upscaler, target: Target, on_note: Callable[[str], None]) -> Picture:
    """The same picture, larger: same type, same metadata. Values that are no numbers are noted and replaced."""
    picture = _finite(picture, on_note)
    colour, alpha = upscaler.upscale_layers(picture.pixels, picture.alpha, target, linear=picture.linear)
    return replace(picture, pixels=colour, alpha=alpha)


def enlarge_pictures(
    pairs: Iterable[tuple[Picture, Key]], upscaler: Upscaler, target: Target, cuts: Cuts, on_note: Callable[[str], None]
) -> Iterator[tuple[Picture, Key]]:
    """Pictures that are the frames of a clip, each with something it is known by, in order.

    A network for video takes them as a clip; a new size, or a change of transparency, begins a new one.
    """
    if upscaler.info.kind != "video":
        yield from ((enlarge_picture(picture, upscaler, target, on_note), key) for picture, key in pairs)
        return
    for _, shot in groupby(pairs, lambda pair: (pair[0].alpha is None, pair[0].linear)):
        yield from _enlarge_clip(shot, upscaler, target, cuts, on_note)


def _enlarge_clip(
    pairs: Iterable[tuple[Picture, Key]], upscaler: Upscaler, target: Target, cuts: Cuts, on_note: Callable[[str], None]
) -> Iterator[tuple[Picture, Key]]:
    """Pictures of one kind: all with transparency or all without, all linear or none."""
    first, pairs = peek((_finite(picture, on_note), key) for picture, key in pairs)
    opaque = first is None or first[0].alpha is None
    clip = upscaler.open_clip(target, layers=1 if opaque else 2, cuts=cuts)

    def layers(pair: tuple[Picture, Key]) -> list[Tensor]:
        return to_layers(pair[0].pixels, pair[0].alpha, upscaler.device, linear=pair[0].linear)

    def result(pair: tuple[Picture, Key], layers: tuple[Tensor, ...]) -> tuple[Picture, Key]:
        picture, key = pair
        colour, alpha = from_layers(layers, picture.pixels, picture.alpha, linear=picture.linear)
        return replace(picture, pixels=colour, alpha=alpha), key

    yield from enlarge_in_order(pairs, clip, layers, result)


def _finite(picture: Picture, on_note: Callable[[str], None]) -> Picture:
    alpha = None if picture.alpha is None else finite(picture.alpha, on_note)
    return replace(picture, pixels=finite(picture.pixels, on_note), alpha=alpha)
