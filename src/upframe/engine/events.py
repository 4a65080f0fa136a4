"""What a running job tells whoever started it; the command line prints these, ``--json`` as one object a line."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one input."""

    input: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values with the event's name first."""
        return {"event": type(self).__name__.lower()} | asdict(self)


@dataclass(frozen=True, slots=True)
class Started(Event):
    """Work has begun. ``frames`` is 1 for a picture, and None where a film does not say how many it has. Sizes: (width, height)."""

    output: str
    kind: str
    model: str
    device: str
    size: tuple[int, int]
    output_size: tuple[int, int]
    frames: int | None


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """Frames done so far, frames a second, and seconds left where they can be known."""

    done: int
    frames: int | None
    fps: float
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class Note(Event):
    """Something a user should know that did not stop the work."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """The output is whole and under its final name."""

    output: str
    frames: int
    seconds: float
    fps: float


@dataclass(frozen=True, slots=True)
class Failed(Event):
    """This input could not be done; others go on."""

    message: str


def path_text(path: Path) -> str:
    """A path as it is printed."""
    return path.as_posix()
