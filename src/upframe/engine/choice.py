"""Which built-in weights suit an input: by its condition, by what they were trained for, and by how long they may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from upframe.engine.condition import Condition
from upframe.engine.upscaler import Upscaler
from upframe.models.info import Material, ModelInfo

Effort = Literal["fast", "good", "best"]
_CLASSES: dict[str, int] = {"rt4ksr": 0, "frvsr": 1, "ttvsr": 2}
"""The families that are chosen from: how much better, and slower, they are meant to be."""
_LEVELS: dict[Effort, int] = {"fast": 0, "good": 1, "best": 2}
_CROP = (192, 320)  # rows and columns of what an estimate is measured on
_MEASURED = 2  # frames


@dataclass(frozen=True, slots=True)
class Choice:
    """The name of a model, and why it was taken: what the input is like, and what there is for that."""

    name: str
    reason: str


def choose(
    condition: Condition, cards: Sequence[ModelInfo], factor: float | None, *, effort: Effort = "fast", moving: bool
) -> Choice:
    """The weights for an input in a condition.

    ``cards``: of all there are; none that is experimental is taken. ``factor``: how much larger the result is, None for 2;
    weights of the smallest scale that reaches it are taken, else of the largest. ``moving``: whether the input is video, for
    which networks that remember are taken, too; for images there is one class alone, whatever the effort.
    """
    offered = [card for card in cards if _offered(card, effort, moving=moving)]
    sound = [card for card in offered if not card.experimental]
    wanted = _materials(condition, moving=moving)
    scale = _scale(sound, 2 if factor is None else factor)
    chosen = _best(sound, scale, wanted)
    reason = f"{condition}: {chosen.name} is for {chosen.purpose}"
    better = _best(offered, scale, wanted)
    if wanted.index(better.material) < wanted.index(chosen.material):
        reason += f"; {better.name}, for {better.purpose}, is experimental and taken by its name alone"
    elif not condition.clean and chosen.material == "clean":
        reason += f"; there are no weights for {'compressed video' if moving else 'compressed images'} at x{scale}"
    if moving and _CLASSES[chosen.family] < _LEVELS[effort]:
        reason += "; nothing built in is slower and better for it than at less effort"
    return Choice(chosen.name, reason)


def _offered(card: ModelInfo, effort: Effort, *, moving: bool) -> bool:
    """Whether a card is of a class and a kind that may be taken."""
    kinds = ("image", "video") if moving else ("image",)
    return card.kind in kinds and _CLASSES.get(card.family, 3) <= _LEVELS[effort]


def _materials(condition: Condition, *, moving: bool) -> tuple[Material, ...]:
    """What weights may have been trained for, the best first. JPEGs are better served by those for video than by clean ones."""
    if condition.clean:
        return ("clean",)
    return ("film", "clean") if moving else ("photo", "film", "clean")


def _scale(cards: Sequence[ModelInfo], factor: float) -> int:
    scales = sorted({card.scale for card in cards if card.material == "clean"})
    return next((scale for scale in scales if scale >= factor), scales[-1])


def _best(cards: Sequence[ModelInfo], scale: int, wanted: tuple[Material, ...]) -> ModelInfo:
    suited = [card for card in cards if card.scale == scale and card.material in wanted]
    return min(suited, key=lambda card: (wanted.index(card.material), -_CLASSES[card.family], card.name))


def seconds_a_frame(upscaler: Upscaler, height: int, width: int) -> float:
    """How long the network alone takes for a frame of this size, by what it takes for two frames of a crop of it."""
    rows, columns = min(height, _CROP[0]), min(width, _CROP[1])
    frames = [np.full((rows, columns, 3), level, np.uint8) for level in (96, 97)[:_MEASURED]]
    seconds = min(_timed(lambda: list(upscaler.stream(frames, cuts="off"))) for _ in range(2))  # the first may warm up
    return seconds / len(frames) * (height * width) / (rows * columns)


def _timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def about(seconds: float) -> str:
    """A time as precisely as an estimate is: ``less than a minute``, ``about 12 minutes``, ``about 3.5 hours``."""
    if seconds < 60:
        return "less than a minute"
    minutes = seconds / 60
    if minutes < 90:
        return f"about {minutes:.0f} minute{'s' if round(minutes) > 1 else ''}"
    return f"about {minutes / 60:.1f} hours"
