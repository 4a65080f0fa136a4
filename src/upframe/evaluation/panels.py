"""What a page shows, chosen from what was kept of each clip and brought together for all subjects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from upframe.evaluation.images import LOOKED_AT, LOW, REFERENCE, BlockPlace, Layers, SubjectImages

BLOCKS = 3  # worst, and as many best
PLAIN_FAMILY = "bicubic"
TEMPORAL_FAMILY = "taau"  # what networks for rendered frames are compared with beside it


@dataclass(frozen=True, slots=True)
class ClipImages:
    """What was kept of a clip, by subject, in their order."""

    clip: str
    frame_names: Sequence[str]
    images: Mapping[str, SubjectImages]


@dataclass(frozen=True, slots=True)
class Panel:
    """Images of one place, by what they show: low resolution first, then bicubic, the others, the reference."""

    kind: Literal["window", "profile", "worst", "best"]
    title: str
    layers: Layers


def gather(kept: Sequence[ClipImages]) -> tuple[Panel, ...]:
    """The panels of a page: every window and profile there is, and the worst and best blocks of all clips."""
    found: list[Panel] = []
    for clip_images in kept:
        windows = _merged([images.window for images in clip_images.images.values()])
        if windows:
            found.append(Panel("window", clip_images.clip, windows))
        profiles = _merged([images.profile for images in clip_images.images.values()])
        if profiles:
            found.append(Panel("profile", clip_images.clip, profiles))
    places = [(place, clip_images) for clip_images in kept for place in _first(clip_images).blocks]
    worst = sorted((pair for pair in places if pair[0].verdict == "worst"), key=lambda pair: pair[0].value)
    best = sorted((pair for pair in places if pair[0].verdict == "best"), key=lambda pair: -pair[0].value)
    found += [_block(place, clip_images) for place, clip_images in (*_spread(worst), *_spread(best))]
    return tuple(found)


def crops_told(clips: int) -> dict[str, str | int]:
    """What is to be said of where the worst and best blocks come from."""
    return {"crops": f"from the first {LOOKED_AT} clips"} if clips > LOOKED_AT else {}


def _first(clip_images: ClipImages) -> SubjectImages:
    """Those of the subject that chose the places."""
    return next(iter(clip_images.images.values()))


def _spread(places: Sequence[tuple[BlockPlace, ClipImages]]) -> Iterator[tuple[BlockPlace, ClipImages]]:
    """The first few, from different clips as far as there are."""
    clips: list[str] = []
    firsts: list[tuple[BlockPlace, ClipImages]] = []
    others: list[tuple[BlockPlace, ClipImages]] = []
    for place, clip_images in places:
        (others if clip_images.clip in clips else firsts).append((place, clip_images))
        clips.append(clip_images.clip)
    chosen = [*firsts[:BLOCKS], *others][:BLOCKS]
    return (pair for pair in places if pair in chosen)


def _block(place: BlockPlace, clip_images: ClipImages) -> Panel:
    layers = _merged([images.blocks.get(place, {}) for images in clip_images.images.values()])
    value = f"{place.value:+.2f} dB over bicubic" if place.gain else f"{place.value:.2f} dB"
    frame = f", frame {clip_images.frame_names[place.frame]}" if len(clip_images.frame_names) > 1 else ""
    return Panel(place.verdict, f"{clip_images.clip}{frame}: {value}", layers)


def _merged(layers: Sequence[Layers]) -> Layers:
    together = {name: image for some in layers for name, image in some.items()}
    return dict(sorted(together.items(), key=lambda layer: _rank(layer[0])))


def _rank(name: str) -> int:
    if name == LOW:
        return 0
    if name == REFERENCE:
        return 3
    return 1 if name.startswith(PLAIN_FAMILY) else 2
