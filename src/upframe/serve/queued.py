"""Jobs as a small folder of descriptions: one JSON file each, replaced whole, so that nothing is lost with the program."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from upframe.errors import InputError, OutputError
from upframe.media.atomic import atomic_output
from upframe.serve.wishes import Wishes

JobState = Literal["waiting", "running", "paused", "stopped", "done", "failed"]
ACTIVE: tuple[JobState, ...] = ("running", "paused")
OVER: tuple[JobState, ...] = ("stopped", "done", "failed")


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """One call of the command.

    ``inputs``: absolute paths. ``results``: the folder they go to, which is this job's alone. ``order``: the least waiting one
    is next. ``pid``: of the command while it runs. ``error``: of a job that failed before it could tell anything itself.
    """

    name: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    title: str
    inputs: tuple[str, ...]
    results: str
    wishes: Wishes = field(default_factory=Wishes)
    state: JobState = "waiting"
    order: float = 0.0
    made: float = 0.0
    pid: int | None = None
    error: str = ""


_reader = TypeAdapter(QueuedJob)


class JobQueue:
    """The jobs of a folder. Only one program writes it (:func:`upframe.serve.application.hold`), from any of its threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.changed = threading.Condition(threading.RLock())
        self.unreadable: list[Path] = []
        self._unwritten: set[str] = set()
        self._jobs: dict[str, QueuedJob] = {}
        for path in sorted(folder.glob("*.json")):
            try:
                job = _reader.validate_json(path.read_bytes())
                self._jobs[job.name] = job
            except (ValidationError, OSError):
                self.unreadable.append(path)

    def jobs(self) -> list[QueuedJob]:
        """All of them, in the order they are to be made."""
        with self.changed:
            return sorted(self._jobs.values(), key=lambda job: job.order)

    def job(self, name: str) -> QueuedJob:
        """Raises InputError for a job that is not there (any more)."""
        with self.changed:
            if name not in self._jobs:
                raise InputError("this job is not in the queue any more")
            return self._jobs[name]

    def events(self, name: str) -> Path:
        """What the command has printed on standard output, one JSON object a line."""
        return self.folder / f"{name}.jsonl"

    def errors(self, name: str) -> Path:
        """What it has printed on standard error."""
        return self.folder / f"{name}.log"

    def add(self, title: str, inputs: tuple[str, ...], results: str, wishes: Wishes, name: str = "") -> QueuedJob:
        """A new job at the end. Raises OutputError where it cannot be written down: it is not in the queue then."""
        with self.changed:
            last = max((job.order for job in self._jobs.values()), default=0.0)
            job = QueuedJob(name or new_name(), title, inputs, results, wishes, order=last + 1, made=time.time())
            self._write(job)
            self._jobs[job.name] = job
            self.changed.notify_all()
            return job

    def change(self, name: str, decide: Callable[[QueuedJob], dict[str, Any]]) -> QueuedJob:
        """Change a job, by what it is at that moment. On a full disk it is changed, too, and written when there is room."""
        with self.changed:
            before = self.job(name)
            after = replace(before, **decide(before))
            if after != before:
                self._jobs[name] = after
                self._unwritten.add(name)
                self.write_late()
                self.changed.notify_all()
            return after

    def write_late(self) -> None:
        """Write what could not be written before."""
        with self.changed:
            for name in list(self._unwritten):
                with suppress(OutputError):
                    if name in self._jobs:
                        self._write(self._jobs[name])
                    self._unwritten.discard(name)

    def move(self, name: str, by: int) -> None:
        """Move a waiting job before or after its neighbours that wait, too."""
        with self.changed:
            waiting = [job for job in self.jobs() if job.state == "waiting"]
            place = next((at for at, job in enumerate(waiting) if job.name == name), None)
            if place is None:
                return
            other = waiting[min(max(place + by, 0), len(waiting) - 1)]
            own = waiting[place]
            self.change(own.name, lambda _: {"order": other.order})
            self.change(other.name, lambda _: {"order": own.order})

    def remove(self, name: str) -> QueuedJob:
        """Take a job that does not run out of the queue. Raises InputError for one that does."""
        with self.changed:
            job = self.job(name)
            if job.state in ACTIVE:
                raise InputError(f"{job.title}: is being made; stop it first")
            for path in (self.folder / f"{name}.json", self.events(name), self.errors(name), self.folder / f"{name}.lock"):
                path.unlink(missing_ok=True)
            del self._jobs[name]
            self.changed.notify_all()
            return job

    def _write(self, job: QueuedJob) -> None:
        with atomic_output(self.folder / f"{job.name}.json", overwrite=True) as path:
            path.write_text(json.dumps(asdict(job)), encoding="utf-8")


def new_name() -> str:
    """A name for a job that nobody guesses."""
    return secrets.token_hex(6)
