"""Networks that remember, behind a host that asks for frames in any order."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from typing import Any

import vapoursynth as vs

from upframe_vs.frames import Arrays, Frames

LEAD = 24  # frames before one that was jumped to, from which a run begins: what a network remembers has settled by then


class Ordered:
    """The results of a clip, frame by frame in order, a few of them kept.

    A run goes on as long as frames are asked for ahead of it, no farther than ``LEAD``, or among the results that are kept. Any
    other frame begins a run of its own, at the scene change before it or ``LEAD`` frames earlier, whichever is nearer.
    """

    def __init__(self, frames: Frames, cuts: str) -> None:
        self._frames, self._cuts = frames, cuts
        self._lock = Lock()
        self._kept: dict[int, Arrays] = {}
        self._keeps = 4 + 2 * vs.core.num_threads  # requests reach a filter as much out of order as there are threads
        self._next = 0
        self._run: Iterator[Arrays] | None = None

    def result(self, number: int, _: vs.VideoFrame) -> Arrays:
        """The result of a frame. Frames before it that the run has not seen are fetched from the clip."""
        with self._lock:
            if number in self._kept:
                return self._kept[number]
            if self._run is None or not self._next <= number <= self._next + LEAD:
                self._begin(number)
            try:
                while self._next <= number:
                    assert self._run is not None
                    self._keep(next(self._run))
            except BaseException:
                self._run = None  # a generator that has failed is over
                raise
            return self._kept[number]

    def _keep(self, result: Arrays) -> None:
        self._kept[self._next] = result
        self._next += 1
        for old in sorted(self._kept)[: -self._keeps]:
            del self._kept[old]

    def _begin(self, number: int) -> None:
        self._kept.clear()
        self._next = self._start(number)
        flags = _SceneChanges()
        clip = self._frames.clip

        def read(first: int) -> Iterator[vs.VideoFrame]:
            for index in range(first, clip.num_frames):
                with clip.get_frame(index) as frame:
                    flags.see(frame)
                    yield frame

        said = _is_said(clip.get_frame(self._next))
        self._run = self._frames.stream(read(self._next), flags.is_cut if said else self._cuts)

    def _start(self, number: int) -> int:
        clip = self._frames.clip
        for index in range(number, max(number - LEAD, 0), -1):
            if clip.get_frame(index).props.get("_SceneChangePrev") or clip.get_frame(index - 1).props.get("_SceneChangeNext"):
                return index
        return max(number - LEAD, 0)


def _is_said(frame: vs.VideoFrame) -> bool:
    return "_SceneChangePrev" in frame.props or "_SceneChangeNext" in frame.props


class _SceneChanges:
    """Where the properties of the frames say that one is the first of a scene."""

    def __init__(self) -> None:
        self._first = self._last = False

    def see(self, frame: vs.VideoFrame) -> None:
        """The next frame, which is asked about before another one is seen."""
        self._first = self._last or bool(frame.props.get("_SceneChangePrev"))
        self._last = bool(frame.props.get("_SceneChangeNext"))

    def is_cut(self, _: Any) -> bool:
        return self._first
