"""When each stage of a job was busy: for those who want to see what overlaps, and what waits.

Nothing is measured unless a timeline is given, and then by two readings of the clock a stage and frame. A GPU's work is only
started by the call that asks for it: there a span tells how long the asking took.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Item = TypeVar("Item")
Result = TypeVar("Result")

Stage = Literal["read", "convert", "network", "convert back", "write"]
"""A video's: decode, planes to RGB, upscale, RGB to planes, encode. Each stage takes the frames in order, one at a time."""


@dataclass(frozen=True, slots=True)
class StageSpan:
    """A stage at work on an item, or on what it still owes at the end: seconds of ``time.perf_counter``."""

    stage: Stage
    started: float
    ended: float


class Timeline:
    """The spans of all stages, each stage's in order. Stages of several threads may write to it at once."""

    def __init__(self) -> None:
        self.spans: list[StageSpan] = []

    def timed(self, stage: Stage, work: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        """The same function, whose calls are spans of ``stage``."""

        def watched(*arguments: Arguments.args, **options: Arguments.kwargs) -> Result:
            started = time.perf_counter()
            try:
                return work(*arguments, **options)
            finally:
                self.spans.append(StageSpan(stage, started, time.perf_counter()))

        return watched

    def awaited(self, stage: Stage, items: Iterable[Item]) -> Iterator[Item]:
        """The same items; the time that each took to come is a span of ``stage``."""
        coming = iter(items)
        step = self.timed(stage, lambda: next(coming))
        with suppress(StopIteration):
            while True:
                yield step()
