"""What a job has told so far, gathered from the lines that its command prints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PROGRESS = b'{"event": "progress"'  # of a long video a hundred thousand lines: only the last is looked into
_MOST_NOTES = 50
_MOST_BYTES = 1 << 22  # read at a time


@dataclass(slots=True)
class Told:
    """The sum of a job's events.

    ``made``: each result, with the input it was made of. ``failed``: input, what is wrong, what to do. ``started`` and
    ``progress``: the last event of these. ``over``: whether the last run came to its end by itself.
    """

    started: Mapping[str, Any] = field(default_factory=dict)
    planned: Mapping[str, Any] = field(default_factory=dict)
    progress: Mapping[str, Any] = field(default_factory=dict)
    made: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    failed: dict[str, tuple[str, str]] = field(default_factory=dict)
    over: bool = False

    def take(self, event: Mapping[str, Any]) -> None:
        """One event more; of a kind that is not known, nothing is taken."""
        match event.get("event"):
            case "started":
                self.started, self.progress, self.planned, self.over = event, {}, {}, False
                self.failed.pop(str(event["input"]), None)
            case "planned":
                self.planned = event
            case "progress":
                self.progress = event
            case "note" if len(self.notes) < _MOST_NOTES:
                self.notes[str(event["text"])] = None
            case "finished":
                self.made[str(event["output"])] = event
                self.over = True
            case "failed":
                self.failed[str(event["input"])] = (str(event["error"]), str(event.get("remedy") or ""))
                self.over = True

    @property
    def share(self) -> float | None:
        """How much of the input at hand is made, 0 to 1; None where it does not say how long it is."""
        at = self.progress or self.planned
        frames, done = at.get("frames"), at.get("done", at.get("frames_done", 0))
        return min(done / frames, 1.0) if frames else None


class Listener:
    """Reads a file of events as it grows, each line once."""

    def __init__(self, path: Path) -> None:
        self._path, self._at, self._rest = path, 0, b""
        self.told = Told()

    def listen(self) -> Told:
        """All that is told by now."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                while block := file.read(_MOST_BYTES):
                    self._at += len(block)
                    self._take(block)
        except OSError:  # nothing yet, or no more
            pass
        return self.told

    def _take(self, block: bytes) -> None:
        *lines, self._rest = (self._rest + block).split(b"\n")
        progress = b""
        for line in lines:
            if line.startswith(_PROGRESS):
                progress = line
            else:
                self._enter(progress)
                progress = b""
                self._enter(line)
        self._enter(progress)

    def _enter(self, line: bytes) -> None:
        try:
            event = json.loads(line) if line else {}
            self.told.take(event if isinstance(event, dict) else {})
        except (ValueError, LookupError, TypeError):
            return  # a line that was torn when the program ended
