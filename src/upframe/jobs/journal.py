"""A job's folder: what is planned and which parts are whole, written so that it survives whatever ends the program.

``.NAME.upframe/`` lies beside the result NAME and holds ``journal``, one JSON object a line, ``parts/``, and ``lock``, which a
running job holds. Lines are only ever added, and are on the disk before anything relies on them. A line that was torn by a
crash is dropped. A part is written under another name, brought to the disk, renamed, and then entered with its SHA-256: a part
that is entered is whole, and is looked at again before it is used.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from upframe import locks
from upframe.errors import InputError, OutputError
from upframe.jobs.segments import Segment
from upframe.models.header import sha256

FOLDER_SUFFIX = ".upframe"
VERSION = 2
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """A part file that is whole: of which segment, how long, and its SHA-256."""

    segment: int
    size: int
    sha256: str
    frames: int


@dataclass(slots=True)
class Record:
    """What a journal says. ``header``: the job's own description; ``segments`` is None until the plan is complete.

    joined: the SHA-256 of the result, once that was complete under another name.
    """

    header: dict[str, Any] = field(default_factory=dict)
    segments: list[Segment] | None = None
    plan: dict[str, Any] = field(default_factory=dict)
    parts: dict[int, Part] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    joined: str = ""

    @property
    def frames(self) -> int:
        return sum(segment.frames for segment in self.segments or ())

    @property
    def frames_done(self) -> int:
        return sum(part.frames for part in self.parts.values())


def job_folder(output: Path) -> Path:
    """Where the job that makes ``output`` is kept."""
    return output.with_name(f".{output.name}{FOLDER_SUFFIX}")


def output_of(folder: Path) -> Path:
    """The result that a job's folder belongs to."""
    return folder.with_name(folder.name.removeprefix(".").removesuffix(FOLDER_SUFFIX))


def is_unfinished(output: Path) -> bool:
    """Whether an earlier run has begun a result, in segments that another can go on with.

    For example:

        >>> from pathlib import Path
        >>> import upframe
        >>> upframe.is_unfinished(Path("large.mkv"))
        False
    """
    return Journal(job_folder(output)).exists


def is_job(folder: Path) -> bool:
    return folder.name.startswith(".") and folder.name.endswith(FOLDER_SUFFIX) and (folder / "journal").is_file()


def find_jobs(folder: Path) -> list[Path]:
    """The folders of all unfinished jobs in a folder and those below it."""
    found = []
    for place, folders, _ in os.walk(folder):
        jobs = sorted(path for name in folders if is_job(path := Path(place, name)))
        found += jobs
        folders[:] = sorted(name for name in folders if not name.startswith("."))
    return found


def read_journal(folder: Path) -> Record:
    """What a job's journal says; a torn last line is dropped. Raises InputError for a damaged one or another version's."""
    path = folder / "journal"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    record = Record()
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        try:
            if not line.endswith(b"\n"):
                raise ValueError("the line is torn")
            _enter(record, json.loads(line))
            _check_version(record, path)
        except (ValueError, LookupError, TypeError) as error:
            if number > content.count(b"\n"):
                break  # the last one: it was being written when the program ended
            raise InputError(f"{path}: line {number} is damaged ({error}); remove the job with: upframe jobs clean") from error
    return record


def _check_version(record: Record, path: Path) -> None:
    if record.header.get("version", VERSION) != VERSION:
        raise InputError(f"{path}: was written by another version of Upframe; finish the job with that, or remove the folder")


def _enter(record: Record, entry: Mapping[str, Any]) -> None:
    match entry["entry"]:
        case "job":
            record.header = dict(entry)
        case "plan":
            record.segments = [Segment.from_dict(segment) for segment in entry["segments"]]
            record.plan = {key: value for key, value in entry.items() if key not in ("entry", "segments")}
        case "part":
            part = Part(int(entry["segment"]), int(entry["size"]), str(entry["sha256"]), int(entry["frames"]))
            record.parts[part.segment] = part
            record.failed.pop(part.segment, None)
        case "lost":
            record.parts.pop(int(entry["segment"]), None)
        case "joined":
            record.joined = str(entry["sha256"])
        case "failed":
            record.failed[int(entry["segment"])] = str(entry["message"])


class Journal:
    """A job's folder while the job runs: one process at a time.

    Raises OutputError where another process runs the job, and in place of an OSError, which a full disk for instance gives.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts_folder = folder / "parts"
        self._lock: IO[bytes] | None = None
        self._file: IO[bytes] | None = None
        self.record = Record()

    @property
    def exists(self) -> bool:
        return (self.folder / "journal").is_file()

    @property
    def is_open(self) -> bool:
        return self._file is not None

    def read(self) -> Record:
        """What is known of the job, without running it. Raises InputError as ``read_journal`` does."""
        return read_journal(self.folder)

    def lock(self) -> None:
        """Keep all other processes from the job. Raises OutputError where one is at work on it."""
        self._lock = self._lock or _locked(self.folder)

    def open(self, header: Mapping[str, Any]) -> Record:
        """Begin the job, or go on with it where it has begun: what is known of it then. ``header``: of a job that begins."""
        self.parts_folder.mkdir(parents=True, exist_ok=True)
        self.lock()
        self.record = Record()
        if self.exists:
            self.record = read_journal(self.folder)
            _drop_torn_line(self.folder / "journal")
        self._file = (self.folder / "journal").open("ab", buffering=0)  # a line that cannot be written is not tried again
        if not self.record.header:
            self.add({"entry": "job", "version": VERSION, "begun": round(time.time())} | dict(header))
            sync_folder(self.folder)
            sync_folder(self.folder.parent)
        self._remove_unfinished()
        return self.record

    def close(self) -> None:
        for file in (self._file, self._lock):
            if file is not None:
                file.close()
        self._file = self._lock = None

    def remove(self) -> None:
        """The job is done, or given up: nothing of it stays."""
        self.close()
        (self.folder / "journal").unlink(missing_ok=True)  # first: what is left over otherwise is no job
        shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, entry: Mapping[str, Any]) -> None:
        """Write a line, and wait until it is on the disk."""
        assert self._file is not None
        line = json.dumps(dict(entry), separators=(",", ":")).encode() + b"\n"
        before = os.fstat(self._file.fileno()).st_size
        try:
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.folder))
            os.fsync(self._file.fileno())
        except OSError:
            with suppress(OSError):  # what was written of it would spoil the next line
                os.ftruncate(self._file.fileno(), before)
            raise
        _enter(self.record, entry)

    def add_plan(self, segments: list[Segment], **facts: Any) -> None:
        self.add({"entry": "plan", "segments": [segment.as_dict() for segment in segments]} | facts)

    def add_part(self, part: Part) -> None:
        """Enter a part whose file is whole under its name."""
        self.add({"entry": "part", "segment": part.segment, "size": part.size, "sha256": part.sha256, "frames": part.frames})

    def add_failure(self, segment: int, message: str) -> None:
        self.add({"entry": "failed", "segment": segment, "message": message})

    def part_path(self, segment: int) -> Path:
        return self.parts_folder / f"{segment:06d}.part"

    def missing(self) -> list[Segment]:
        """The segments whose parts have to be made: those without one, and those whose file is not what was entered."""
        for part in list(self.record.parts.values()):
            if not is_whole(self.part_path(part.segment), part):
                self.add({"entry": "lost", "segment": part.segment})
        return [segment for segment in self.record.segments or () if segment.index not in self.record.parts]

    def _remove_unfinished(self) -> None:
        for path in self.parts_folder.iterdir():
            if path.suffix != ".part":
                path.unlink(missing_ok=True)


@contextmanager
def part_file(path: Path) -> Iterator[Path]:
    """Another name to write a part to, which takes its own when it is whole and on the disk; removed if anything goes wrong."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def describe_part(segment: Segment, path: Path) -> Part:
    """The entry of a part that has just been made."""
    return Part(segment.index, path.stat().st_size, sha256(path), segment.frames)


def is_whole(path: Path, part: Part) -> bool:
    """Whether a part's file is what was entered."""
    try:
        return path.stat().st_size == part.size and sha256(path) == part.sha256
    except OSError:
        return False


def sync_folder(folder: Path) -> None:
    """Wait until a folder's list of names is on the disk, where the system can say so."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # file systems without it
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _locked(folder: Path) -> IO[bytes]:
    """The folder's lock, held until the file is closed or this process ends."""
    file = (folder / "lock").open("ab")
    if not locks.taken(file):
        file.close()
        raise OutputError(f"{output_of(folder)}: is being made by another process; wait for it, or stop it")
    return file


def is_running(folder: Path) -> bool:
    """Whether a process holds the lock of a job's folder."""
    try:
        _locked(folder).close()
    except OutputError:
        return True
    except OSError:
        return False
    return False


def _drop_torn_line(path: Path) -> None:
    """Cut what follows the last whole line, so that the next line begins by itself."""
    with path.open("rb+") as file:
        content = file.read()
        end = content.rfind(b"\n") + 1
        if end < len(content):
            file.truncate(end)
            os.fsync(file.fileno())
