"""What a page shows, chosen from what was kept of each clip and brought together for all subjects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from upframe.evaluation.gallery import LOOKED_AT, LOW, REFERENCE, Layers, Images, Place

BLOCKS = 3  # worst, and as many best
PLAIN_FAMILY = "bicubic"


@dataclass(frozen=True, slots=True)
class Showing:
    """What was kept of a clip, by subject, in their order."""

    clip: str
    frame_names: Sequence[str]
    images: Mapping[str, Images]


@dataclass(frozen=True, slots=True)
class Exhibit:
    """Images of one place, by what they show: low resolution first, then bicubic, the others, the reference."""

    kind: Literal["window", "profile", "worst", "best"]
    title: str
    layers: Layers


def gather(showings: Sequence[Showing]) -> tuple[Exhibit, ...]:
    """The exhibits of a page: every window and profile there is, and the worst and best blocks of all clips."""
    found: list[Exhibit] = []
    for showing in showings:
        windows = _merged([images.window for images in showing.images.values()])
        if windows:
            found.append(Exhibit("window", showing.clip, windows))
        profiles = _merged([images.profile for images in showing.images.values()])
        if profiles:
            found.append(Exhibit("profile", showing.clip, profiles))
    places = [(place, showing) for showing in showings for place in _first(showing).blocks]
    worst = sorted((pair for pair in places if pair[0].verdict == "worst"), key=lambda pair: pair[0].value)
    best = sorted((pair for pair in places if pair[0].verdict == "best"), key=lambda pair: -pair[0].value)
    found += [_block(place, showing) for place, showing in (*_spread(worst), *_spread(best))]
    return tuple(found)


def crops_told(clips: int) -> dict[str, str | int]:
    """What is to be said of where the worst and best blocks come from."""
    return {"crops": f"from the first {LOOKED_AT} clips"} if clips > LOOKED_AT else {}


def _first(showing: Showing) -> Images:
    """Those of the subject that chose the places."""
    return next(iter(showing.images.values()))


def _spread(places: Sequence[tuple[Place, Showing]]) -> Iterator[tuple[Place, Showing]]:
    """The first few, from different clips as far as there are."""
    clips: list[str] = []
    firsts: list[tuple[Place, Showing]] = []
    others: list[tuple[Place, Showing]] = []
    for place, showing in places:
        (others if showing.clip in clips else firsts).append((place, showing))
        clips.append(showing.clip)
    chosen = [*firsts[:BLOCKS], *others][:BLOCKS]
    return (pair for pair in places if pair in chosen)


def _block(place: Place, showing: Showing) -> Exhibit:
    layers = _merged([images.blocks.get(place, {}) for images in showing.images.values()])
    value = f"{place.value:+.2f} dB over bicubic" if place.gain else f"{place.value:.2f} dB"
    frame = f", frame {showing.frame_names[place.frame]}" if len(showing.frame_names) > 1 else ""
    return Exhibit(place.verdict, f"{showing.clip}{frame}: {value}", layers)


def _merged(layers: Sequence[Layers]) -> Layers:
    together = {name: image for some in layers for name, image in some.items()}
    return dict(sorted(together.items(), key=lambda layer: _rank(layer[0])))


def _rank(name: str) -> int:
    if name == LOW:
        return 0
    if name == REFERENCE:
        return 3
    return 1 if name.startswith(PLAIN_FAMILY) else 2
