"""What the page and programs ask for: jobs handed in, looked at, paused, stopped, removed, and what they have made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from upframe.errors import InputError, OutputError
from upframe.media.files import search_inputs
from upframe.remedies import MAKE_ROOM
from upframe.serve.moments import is_image
from upframe.serve.places import Places, free_name, remove, safe_name
from upframe.serve.queued import ACTIVE, JobQueue, QueuedJob, new_name
from upframe.serve.running import CAN_PAUSE, Runner
from upframe.serve.telling import Told
from upframe.serve.wishes import Wishes, spoken

Action = Literal["pause", "go_on", "stop", "up", "down", "remove"]
MOST_FILES = 2000  # of one job: what a command line holds
SPARE = 1 << 28  # bytes of the disk that are left alone


@dataclass(frozen=True, slots=True)
class Result:
    """A file that a job has made, and what it was made of."""

    source: Path
    path: Path


class Desk:
    """The folders, the queue and its runner as one."""

    def __init__(self, places: Places, queue: JobQueue, runner: Runner) -> None:
        self.places, self.queue, self.runner = places, queue, runner

    def find(self, paths: Sequence[str | Path]) -> tuple[list[Path], list[str]]:
        """Files that may be read, those of folders among them; and what was refused, a sentence each."""
        found: list[Path] = []
        refused: list[str] = []
        for path in paths:
            try:
                allowed = self.places.allowed(path)
            except InputError as error:
                refused.append(f"{Path(path).name}: {error}" if str(path) else str(error))
                continue
            if allowed.is_file():
                found.append(allowed)
                continue
            search = search_inputs([str(allowed)], results=self.places.results)
            found += [self.places.allowed(item.path) for item in search.inputs if self._is_allowed(item.path)]
            refused += [str(error) for _, error in search.refused]
        return list(dict.fromkeys(found))[:MOST_FILES], refused

    def _is_allowed(self, path: Path) -> bool:
        try:
            self.places.allowed(path)
        except InputError:
            return False
        return True

    def submit(self, paths: Sequence[str | Path], wishes: Wishes) -> list[QueuedJob]:
        """Put files into the queue: every film as a job of its own, all images as one.

        Raises InputError for a file that may not be read, OutputError where there is no room to keep it.
        """
        files = [self.places.allowed(path) for path in paths]
        images = [path for path in files if is_image(path)]
        groups = [images] if images else []
        groups += [[path] for path in files if path not in images]
        return [self._add(group, wishes) for group in groups]

    def _add(self, files: Sequence[Path], wishes: Wishes) -> QueuedJob:
        name = new_name()
        inputs, results = self.places.inputs / name, self.places.results / name
        try:
            kept = tuple(str(self._keep(path, inputs)) for path in files)
            title = Path(kept[0]).name if len(kept) == 1 else f"{Path(kept[0]).name} and {len(kept) - 1} more"
            return self.queue.add(title, kept, str(results), wishes, name)
        except BaseException:
            remove(inputs)
            raise

    def _keep(self, path: Path, folder: Path) -> Path:
        """What was sent becomes the job's own; a file of the machine stays where it is."""
        if not self.places.is_sent(path):
            return path
        folder.mkdir(exist_ok=True)
        target = free_name(folder, safe_name(path.name))
        try:
            os.link(path, target)
        except OSError:
            if shutil.disk_usage(folder).free < path.stat().st_size + SPARE:
                raise OutputError(f"{path.name}: there is no room left to keep it", remedy=MAKE_ROOM) from None
            shutil.copyfile(path, target)
        return target

    def act(self, name: str, action: Action) -> None:
        """Do something to a job. Raises InputError for a job that is not there, or that runs and is to be removed."""
        match action:
            case "pause":
                self.runner.pause(name)
            case "go_on":
                self.runner.go_on(name)
            case "stop":
                self.runner.stop(name)
            case "up" | "down":
                self.queue.move(name, -1 if action == "up" else 1)
            case "remove":
                self.queue.remove(name)
                for folder in (self.places.inputs / name, self.places.results / name):
                    remove(folder)

    def results(self, name: str) -> list[Result]:
        """What a job has made and is there, in order. Raises InputError for a job that is not there."""
        job = self.queue.job(name)
        folder = self.places.results / job.name
        told = self.runner.told(name)
        made = {Path(output): Path(str(event["input"])) for output, event in told.made.items()}
        if job.state == "done" and folder.is_dir():  # what was whole when its command was killed, before it could say so
            sources = {Path(path).stem: Path(path) for path in job.inputs}
            for path in sorted(folder.iterdir()):
                if not path.name.startswith("."):
                    made.setdefault(path, sources.get(path.stem, Path(job.inputs[0])))
        found = [Result(source, path) for path, source in made.items()]
        return [each for each in found if each.path.is_file() and each.path.resolve().is_relative_to(folder)]

    def called(self, name: str, path: Path) -> str:
        """What a result is called when it is saved: ``film-x2.mp4``, so that it does not take its source's place."""
        started = self.runner.told(name).started
        (width, _), (wider, higher) = started.get("size", (0, 0)), started.get("output_size", (0, 0))
        label = f"x{wider // width}" if width and wider % width == 0 else f"{wider}x{higher}"
        return path.name if path.stem.endswith(label) else f"{path.stem}-{label}{path.suffix}"

    def view(self, job: QueuedJob) -> dict[str, Any]:
        """A job as the page and programs see it: plain values, and no path of this machine but those a person gave."""
        told = self.runner.told(job.name)
        failures = [
            {"input": Path(name).name, "error": _named(words, job), "remedy": way} for name, (words, way) in told.failed.items()
        ]
        if job.error:
            failures.append({"input": "", "error": _named(job.error, job), "remedy": ""})
        if job.state not in ("failed", "done"):
            failures = failures if len(job.inputs) > 1 else []
        results = self.results(job.name)
        return {
            "name": job.name,
            "title": job.title,
            "state": job.state,
            "actions": _actions(job),
            "share": 1.0 if job.state == "done" else _share(job, told),
            "frames": told.progress.get("frames"),
            "done": told.progress.get("done"),
            "fps": told.progress.get("fps") if job.state == "running" else None,
            "seconds_left": told.progress.get("seconds_left") if job.state == "running" else None,
            "files": len(job.inputs),
            "model": told.started.get("model"),
            "device": told.started.get("device"),
            "reason": told.started.get("reason") or "",
            "size": told.started.get("size"),
            "output_size": told.started.get("output_size"),
            "notes": [_named(note, job) for note in told.notes],
            "failures": failures,
            "results": [{"file": self.called(job.name, each.path), "bytes": each.path.stat().st_size} for each in results],
            "command": spoken(job.inputs, job.results, job.wishes),
            "folder": job.results,
        }

    def views(self) -> list[dict[str, Any]]:
        """All jobs, those that are over last, the newest of them first."""
        jobs = self.queue.jobs()
        current = [job for job in jobs if job.state in (*ACTIVE, "waiting")]
        over = [job for job in reversed(jobs) if job not in current]
        return [self.view(job) for job in sorted(current, key=lambda job: job.state == "waiting") + over]

    def tidy(self) -> None:
        """Remove what belongs to no job any more, and what was sent a day ago and handed in by nobody."""
        self.places.clean(older_than=24 * 3600)
        names = {job.name for job in self.queue.jobs()} | {path.stem for path in self.queue.unreadable}
        for folder in (self.places.inputs, self.places.results):
            for entry in folder.iterdir():
                if entry.name not in names:
                    with suppress(OSError):
                        remove(entry)


def _actions(job: QueuedJob) -> list[Action]:
    """What may be done to a job as it is."""
    known: dict[str, list[Action]] = {
        "waiting": ["up", "down", "stop", "remove"],
        "running": ["pause", "stop"] if CAN_PAUSE else ["stop"],
        "paused": ["go_on", "stop"],
        "stopped": ["go_on", "remove"],
        "failed": ["go_on", "remove"],
        "done": ["remove"],
    }
    return known[job.state]


def _share(job: QueuedJob, told: Told) -> float | None:
    """How much of a job is made: of many files by their number, of one by its frames."""
    if len(job.inputs) == 1:
        return told.share
    return (len(told.made) + len(told.failed)) / len(job.inputs)


def _named(text: str, job: QueuedJob) -> str:
    """A message of the command with the names of files alone in place of where they are kept."""
    for path in (*job.inputs, job.results):
        text = text.replace(f"{Path(path).parent}/", "").replace(path, Path(path).name)
    return text
