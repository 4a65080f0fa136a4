"""Where a video is divided: into segments that can be made by themselves, in any order, by anyone.

A segment begins at a cut where there is one, else every few seconds. A network that remembers is given the frames before a
segment first, and one that looks ahead those after it; their results are dropped. Nothing is carried across a cut, so that a
segment that begins at one needs no such frames.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Self

SHORTEST = 1.0  # seconds of a segment
LONGEST = 10.0  # seconds after which a segment is ended without a cut
SHARE = 0.03  # of a segment's frames that may be run for nothing, as warm-up and look-ahead


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a network depends on other frames: ``past`` ones until its result is that of the whole video to 1/255, ``future``
    ones that it looks at. ``step``: it works in chunks of so many frames, which a segment does not divide. ``start``: frames
    that are run once more wherever it starts.
    """

    past: int = 0
    future: int = 0
    step: int = 1
    start: int = 0


@dataclass(frozen=True, slots=True)
class Segment:
    """Frames ``first`` to ``stop`` - 1 of a video, counted from 0.

    ``warm_up`` frames before them and ``look_ahead`` after them are run, too, and their results dropped. ``tail``: frames after
    them that are shown to the encoder alone. ``cuts``: of all that are run, the frames at which a new shot begins.
    """

    index: int
    first: int
    stop: int
    warm_up: int = 0
    look_ahead: int = 0
    cuts: tuple[int, ...] = ()
    tail: int = 0

    @property
    def frames(self) -> int:
        return self.stop - self.first

    @property
    def begin(self) -> int:
        """The first frame that is run."""
        return self.first - self.warm_up

    @property
    def end(self) -> int:
        """After the last frame that is needed."""
        return self.stop + max(self.look_ahead, self.tail)

    @property
    def run_end(self) -> int:
        """After the last frame that is run."""
        return self.stop + self.look_ahead

    @property
    def is_cut(self) -> bool:
        """Whether a shot, or the video, begins with it."""
        return self.first == 0 or self.first in self.cuts

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """From :meth:`as_dict`, as JSON gives it back. Raises KeyError, TypeError or ValueError for anything else."""
        numbers = {name: int(values[name]) for name in ("index", "first", "stop", "warm_up", "look_ahead", "tail")}
        return cls(**numbers, cuts=tuple(int(cut) for cut in values["cuts"]))


def divide(times: Sequence[float], cuts: Sequence[int], reach: Reach, tail: int = 0) -> list[Segment]:
    """The segments of a video: every frame is in one of them, in order.

    ``times``: when each frame is shown, in seconds, ascending, and at last the end of the video. ``cuts``: the frames that
    begin a shot, ascending; frame 0 may be left out. ``tail``: frames that an encoder is shown after a segment that ends inside
    a shot. No segment is shorter than a second, unless the video is.
    """
    frames = len(times) - 1
    if frames < 1:
        return []
    shots = [0, *(cut for cut in cuts if 0 < cut < frames), frames]
    bounds = [0]
    while bounds[-1] < frames:
        bounds.extend(_next_bounds(bounds[-1], shots, times, reach))
    return [_segment(index, first, stop, shots, reach, tail) for index, (first, stop) in enumerate(pairwise(bounds))]


def _next_bounds(start: int, shots: Sequence[int], times: Sequence[float], reach: Reach) -> Iterator[int]:
    """Where the next segments end: at the last cut that is near enough, else in equal parts up to the one that is not."""
    frames = shots[-1]
    earliest = bisect_left(times, times[start] + SHORTEST)
    usual = bisect_right(times, times[start] + LONGEST) - 1
    longest = max(usual - start, round((reach.past + reach.future + reach.start) / SHARE), reach.step)
    ends = [cut for cut in shots if cut >= earliest and (cut == frames or times[frames] - times[cut] >= SHORTEST)]
    near = [end for end in ends if end <= start + longest]
    if near:
        yield near[-1]
        return
    end = ends[0] if ends else frames
    shot = shots[bisect_right(shots, start) - 1]
    parts = max((end - start) // longest, 1)
    for number in range(1, parts):
        bound = start + (end - start) * number // parts
        yield shot + round((bound - shot) / reach.step) * reach.step
    yield end


def _segment(index: int, first: int, stop: int, shots: Sequence[int], reach: Reach, tail: int) -> Segment:
    shot = shots[bisect_right(shots, first) - 1]
    following = shots[bisect_left(shots, stop)]  # the cut at which looking ahead ends
    past = -(-reach.past // reach.step) * reach.step  # whole chunks, so that they lie as they do in the whole video
    warm_up, look_ahead = min(first - shot, past), min(following - stop, reach.future)
    cuts = tuple(cut for cut in shots[:-1] if max(first - warm_up, 1) <= cut < stop + look_ahead)
    shown = 0 if following == stop else min(shots[-1] - stop, tail)  # beyond a cut there is nothing to predict
    return Segment(index, first, stop, warm_up, look_ahead, cuts, shown)
