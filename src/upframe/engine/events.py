"""What a running job tells whoever started it; the command line prints these, ``--json`` as one object a line."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from upframe.errors import UpframeError
from upframe.remedies import Remedy

if TYPE_CHECKING:
    from upframe.media.files import FoundInputs


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one input."""

    input: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values with the event's name first."""
        return {"event": type(self).__name__.lower()} | asdict(self)


@dataclass(frozen=True, slots=True)
class Started(Event):
    """Work starts. ``frames`` is 1 for an image, None where a video does not say how many it has. Sizes: (width, height).

    ``reason``: why this model, where the input decided; empty where it was named.
    """

    output: str
    kind: str
    model: str
    device: str
    size: tuple[int, int]
    output_size: tuple[int, int]
    frames: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """Frames done so far, frames a second, and seconds left where they can be known.

    job, segment, worker: of a video that is made in segments, the result it becomes, the segment of the last frame, and the
    device that made it. overall, overall_seconds_left: of all inputs of the command, by their pixels, the share that is done,
    and how long the rest will take; None where there is one input, and while that is not known.
    """

    done: int
    frames: int | None
    fps: float
    seconds_left: float | None
    job: str = ""
    segment: int | None = None
    worker: str = ""
    overall: float | None = None
    overall_seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class Planned(Event):
    """A video is divided. ``job``: the result it becomes. done: segments and frames that an earlier run has made."""

    job: str
    segments: int
    frames: int
    segments_done: int
    frames_done: int


@dataclass(frozen=True, slots=True)
class SegmentMade(Event):
    """A segment of a video is whole."""

    job: str
    segment: int
    segments: int
    frames: int
    worker: str


@dataclass(frozen=True, slots=True)
class Note(Event):
    """Something a user should know that did not stop the work."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """The output is whole and under its final name. overall, overall_seconds_left: as of Progress."""

    output: str
    frames: int
    seconds: float
    fps: float
    overall: float | None = None
    overall_seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class Failed(Event):
    """This input could not be done; others go on. ``remedy``: what to do about it, where that is known."""

    error: str
    remedy: Remedy | None = None

    @classmethod
    def of(cls, name: object, error: UpframeError) -> Self:
        """That an error ended the input of a name."""
        return cls(str(name), str(error), error.remedy)

    def as_dict(self) -> dict[str, Any]:
        """Plain values; the remedy as a sentence."""
        remedy = None if self.remedy is None else str(self.remedy)
        return {"event": "failed", "input": self.input, "error": self.error, "remedy": remedy}


@dataclass(frozen=True, slots=True)
class Summary(Event):
    """The end of a job of several inputs, or of one of which something was passed over. ``input``: empty.

    failed: inputs. passed_over: what lay in the folders given and was not taken, each with the reason. errors: of each input
    that failed, what its Failed said.
    """

    done: int
    failed: tuple[str, ...]
    passed_over: tuple[tuple[str, str], ...]
    errors: tuple[tuple[str, str], ...] = ()


def summary_of(count: int, failures: Sequence[Failed], found: FoundInputs) -> Iterator[Summary]:
    """The end of a job of ``count`` inputs; nothing where there was one alone."""
    if count > 1 or found.passed_over:
        passed_over = tuple((str(entry.path), entry.reason) for entry in found.passed_over)
        failed = tuple(failure.input for failure in failures)
        errors = tuple((failure.input, failure.error) for failure in failures)
        yield Summary("", count - len(failed), failed, passed_over, errors)


class Meter:
    """Counts frames and tells how fast they come: over the last few seconds, so that a slow start is soon forgotten."""

    WINDOW = 10.0  # seconds

    def __init__(self, name: str, frames: int | None, done: int = 0) -> None:
        """``done``: frames that an earlier run has made."""
        self.name, self.frames, self.done = name, frames, done
        self._started = time.monotonic()
        self._before = done
        self._recent: deque[tuple[float, int]] = deque([(self._started, done)])

    def tick(self) -> Progress:
        """One more frame is done."""
        now = time.monotonic()
        self.done += 1
        self._recent.append((now, self.done))
        while len(self._recent) > 2 and now - self._recent[0][0] > self.WINDOW:
            self._recent.popleft()
        since, before = self._recent[0]
        fps = (self.done - before) / max(now - since, 1e-6)
        left = None if self.frames is None else max(self.frames - self.done, 0) / fps
        return Progress(self.name, self.done, self.frames, round(fps, 2), left if left is None else round(left, 1))

    def finished(self, output: str) -> Finished:
        """All are done, and the output is whole."""
        seconds = max(time.monotonic() - self._started, 1e-6)
        made = self.done - self._before
        return Finished(self.name, output, self.done, round(seconds, 3), round(made / seconds, 2))
