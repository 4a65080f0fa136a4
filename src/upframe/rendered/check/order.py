"""Whether the frames of a clip are in order: two files that were exchanged fit their neighbours when they are put back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

from upframe.rendered.check.motion import NeighbourMatch, compare
from upframe.rendered.check.readings import Reading
from upframe.rendered.frame import RenderedFrame

ODD = 1.25  # times the usual error: such a frame does not go on from the one before
MOST_ODD = 8  # frames; where there are more, something else is wrong
PUT_BACK = 0.75  # two frames were exchanged when less than this part of the error is left with them put back


class Exchange(NamedTuple):
    """Two frames whose files, or all of them, were exchanged, and the error as it is and with them put back."""

    frames: tuple[int, int]
    stated: float
    error: float


def exchanged(
    frames: Sequence[RenderedFrame], pairs: Sequence[NeighbourMatch], reading: Reading, number: int, exposure: float
) -> Exchange | None:
    """The two frames that fit best when they are exchanged, if any do; ``number``: of ``reading`` among the errors."""
    errors = {pair.frame: float(pair.errors[number]) for pair in pairs}
    usual = sorted(errors.values())[len(errors) // 4]  # the error of most: exchanged frames spoil two each
    odd = {index for index, error in errors.items() if error > ODD * usual}
    if not odd or len(odd) > MOST_ODD:
        return None
    suspects = sorted({index for last in odd for index in (last - 1, last)})
    best = None
    for one, other in combinations(suspects, 2):
        touched = [index for index in sorted({one, one + 1, other, other + 1}) if index in errors]
        if len(odd.intersection(touched)) < 2:
            continue
        stated = sum(errors[index] for index in touched) / len(touched)
        for keeps_jitter in (True, False):
            error = _error(frames, _put_back(frames, one, other, keeps_jitter=keeps_jitter), touched, reading, exposure)
            if error < PUT_BACK * stated and (best is None or error / stated < best.error / best.stated):
                best = Exchange((one, other), stated, error)
    return best


def _put_back(frames: Sequence[RenderedFrame], one: int, other: int, *, keeps_jitter: bool) -> Mapping[int, RenderedFrame]:
    """Two frames in each other's place. ``keeps_jitter``: files alone were exchanged, not what clip.json says of them."""
    first, second = frames[one], frames[other]
    if keeps_jitter:
        return {one: replace(second, jitter=first.jitter), other: replace(first, jitter=second.jitter)}
    return {one: second, other: first}


def _error(
    frames: Sequence[RenderedFrame],
    instead: Mapping[int, RenderedFrame],
    touched: Sequence[int],
    reading: Reading,
    exposure: float,
) -> float:
    """The mean of how well each frame goes on from the one before; infinite where one cannot be compared."""
    total = 0.0
    for index in touched:
        earlier, later = (instead.get(place) or frames[place] for place in (index - 1, index))
        if earlier.size != later.size:
            return float("inf")
        pair = compare(earlier, later, index, exposure, [reading])
        if pair is None:
            return float("inf")
        total += float(pair.errors[0])
    return total / len(touched)
