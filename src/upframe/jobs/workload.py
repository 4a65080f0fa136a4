"""How far a command with several inputs is: by the pixels of all their frames, and not by files."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from operator import mul

import PIL.Image

from upframe.engine.events import Event, Finished, Progress
from upframe.errors import UpframeError
from upframe.media.files import Input
from upframe.media.video.probe import open_video


class Workload:
    """The work on several inputs, which is looked up in their headers beside it; until that is done nothing is known.

    What an earlier run has made, or what failed, counts as done, and not for the pace by which the rest is reckoned.
    """

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._inputs = inputs
        self._work: list[float] = []
        self._started = time.monotonic()
        self._free: list[float] = []  # of each input so far, the share of it that cost nothing in this run
        self._weighing = threading.Thread(target=self._weigh, daemon=True)
        if len(inputs) > 1:
            self._weighing.start()

    def _weigh(self) -> None:
        work = [work_on(item) for item in self._inputs]
        self._work = work

    def follow(self, number: int, told: Generator[Event, None, None]) -> Iterator[Event]:
        """The events of the work on an input, with how far the whole is."""
        before, share = None, 0.0  # the shares of it that were made before this run, and by now
        with closing(told):
            for event in told:
                if isinstance(event, Progress) and event.frames:
                    share = min(event.done / event.frames, 1.0)
                    before = (event.done - 1) / event.frames if before is None else before
                elif isinstance(event, Finished):
                    share = 1.0
                if isinstance(event, Progress | Finished):
                    overall, left = self._measured(number, share, before or 0.0)
                    yield replace(event, overall=overall, overall_seconds_left=left)
                else:
                    yield event
        self._free.append(1 - share + (before or 0.0))

    def _measured(self, number: int, share: float, before: float) -> tuple[float | None, float | None]:
        """The share of all work that is done, and the seconds that the rest takes."""
        total = sum(self._work)
        if not total:
            return None, None
        done = sum(self._work[:number]) + share * self._work[number]
        free = sum(map(mul, self._work, [*self._free, before]))
        seconds = time.monotonic() - self._started
        left = (total - done) * seconds / (done - free) if done > free else None
        return round(min(done / total, 1.0), 4), None if left is None else round(left, 1)


def work_on(item: Input) -> float:
    """Pixels of all frames of an input, or what can be guessed of them."""
    path = item.frames[0]
    try:
        if item.kind == "video":
            with open_video(path) as container:
                stream = container.streams.video[0]
                length = (container.duration or 0) / 1_000_000 * float(stream.average_rate or 25)
                return stream.width * stream.height * float(stream.frames or length or 1)
        with PIL.Image.open(path) as image:
            frames = getattr(image, "n_frames", 1) if item.kind == "animation" else len(item.frames)
            return float(image.width * image.height * frames)
    except (OSError, ValueError, IndexError, SyntaxError, UpframeError, PIL.Image.DecompressionBombError):
        return _size(item)  # a byte a pixel, nearly


def _size(item: Input) -> float:
    try:
        return float(item.frames[0].stat().st_size * len(item.frames))
    except OSError:
        return 0.0
