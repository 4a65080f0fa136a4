"""Workers: one process for each device, fed from one list of segments.

A worker that dies is replaced, and its segment is made again, twice at most; then the job goes on with the others, and says
which is missing. Where a device has no memory left for a frame, its worker goes on in smaller tiles, as without workers.
"""

from __future__ import annotations

import multiprocessing
import re
import signal
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from upframe.errors import DeviceError, OutputError, UpframeError, as_upframe_error
from upframe.jobs.journal import Part
from upframe.jobs.making import FrameMade, PartMaker, VideoTask
from upframe.jobs.segments import Segment

AGAIN = 2  # times that a segment is made again after a worker has died of it
_CPUS = re.compile(r"cpu\*([0-9]+)")


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """Where a worker runs. name: as events call it. threads: of the processor, for its network."""

    name: str
    device: str
    threads: int


def choose_workers(devices: str, threads: int) -> list[WorkerPlace]:
    """The workers that ``devices`` names: ``auto``, or names with commas between them; ``cpu*4`` are four on the processor.

    ``auto``: one for each CUDA device, else one on MPS, else two on the processor, which are quicker than one with all threads
    (docs/jobs.md). Workers on the processor share its ``threads``.
    Raises DeviceError for a name that is none.
    """
    if devices == "auto":
        count = torch.cuda.device_count()
        others = ["mps"] if torch.backends.mps.is_available() else ["cpu"] * min(threads, 2)
        names = [f"cuda:{number}" for number in range(count)] or others
    else:
        names = []
        for word in devices.replace(" ", "").split(","):
            match = _CPUS.fullmatch(word)
            names += ["cpu"] * int(match[1]) if match else [word]
    if not names or "" in names:
        raise DeviceError(f"devices {devices!r}: names such as cuda:0,cuda:1 or cpu*2 are expected, or auto")
    each = max(threads // max(names.count("cpu"), 1), 1)
    return [WorkerPlace(f"{name}#{number}", name, each) for number, name in enumerate(names)]


@dataclass(slots=True)
class _Worker:
    """A process at work, and the segment that it has."""

    place: WorkerPlace
    process: BaseProcess
    connection: Connection
    segment: Segment | None = None


@dataclass(slots=True)
class WorkerPool:
    """Makes segments in processes. ``on_failure``: told which segment could not be made, and why.

    ``part_path``: where the part of a segment, by its number, is to be.
    """

    places: list[WorkerPlace]
    task: VideoTask
    source: Path
    part_path: Callable[[int], Path]
    on_failure: Callable[[int, str], None]
    _workers: list[_Worker] = field(default_factory=list)
    _waiting: deque[Segment] = field(default_factory=deque)
    _attempts: dict[int, int] = field(default_factory=dict)

    def make(self, segments: list[Segment]) -> Iterator[tuple[FrameMade | Part | str, str]]:
        """Each frame and each part as it is made, or a line to be noted, and the name of the worker.

        The longest segments come first, so that no worker is left with a long one at the end. Raises DeviceError where a
        device cannot be used at all.
        """
        self._waiting.extend(sorted(segments, key=lambda segment: (segment.index // (8 * len(self.places)), -segment.frames)))
        for place in self.places[: len(segments)]:
            self._workers.append(self._start(place))
        while any(worker.segment is not None for worker in self._workers) or self._waiting:
            for connection in wait([worker.connection for worker in self._workers]):
                worker = next(each for each in self._workers if each.connection is connection)
                yield from self._hear(worker)

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.process.kill()
            worker.connection.close()
        for worker in self._workers:
            worker.process.join()
        self._workers.clear()

    def _start(self, place: WorkerPlace) -> _Worker:
        context = multiprocessing.get_context("spawn")  # a process with CUDA or threads must not be forked
        ours, theirs = context.Pipe()
        task = replace(self.task, run=replace(self.task.run, device=place.device), threads=place.threads)
        process = context.Process(target=_work, args=(theirs, task, self.source), name=f"upframe-{place.name}", daemon=True)
        process.start()
        theirs.close()
        worker = _Worker(place, process, ours)
        self._give(worker)
        return worker

    def _give(self, worker: _Worker) -> None:
        """The next segment for a worker, if one waits."""
        worker.segment = self._waiting.popleft() if self._waiting else None
        if worker.segment is not None:
            with suppress(OSError):  # it has died: that is found where it is heard
                worker.connection.send((worker.segment, self.part_path(worker.segment.index)))

    def _hear(self, worker: _Worker) -> Iterator[tuple[FrameMade | Part | str, str]]:
        name = worker.place.name
        try:
            said = worker.connection.recv()
        except (EOFError, OSError):
            yield from self._replace(worker)
            return
        if isinstance(said, UpframeError):
            assert worker.segment is not None
            if isinstance(said, OutputError) or (isinstance(said, DeviceError) and not self._attempts):
                raise said  # a disk that is full, say: no other segment would fare better
            self.on_failure(worker.segment.index, str(said))
            yield f"segment {worker.segment.index} cannot be made: {said}", name
            self._give(worker)
            return
        if isinstance(said, Part):
            self._give(worker)
        yield said, name

    def _replace(self, worker: _Worker) -> Iterator[tuple[str, str]]:
        """Another worker in the place of one that has died; its segment waits again, before all others."""
        worker.process.join()
        worker.connection.close()
        self._workers.remove(worker)
        segment, code = worker.segment, worker.process.exitcode
        died = f"worker {worker.place.name} has died ({_ending(code)})"
        if segment is not None:
            count = self._attempts[segment.index] = self._attempts.get(segment.index, 0) + 1
            if count <= AGAIN:
                self._waiting.appendleft(segment)
                yield f"{died}: segment {segment.index} is made again", worker.place.name
            else:
                self.on_failure(segment.index, f"{died}, {count} times")
                yield f"{died}, {count} times: segment {segment.index} is left out for now", worker.place.name
        if self._waiting:
            self._workers.append(self._start(worker.place))


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"


def _work(connection: Connection, task: VideoTask, source: Path) -> None:
    """What a worker's process does, until nobody listens any more. Ctrl-C is the affair of the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    maker: PartMaker | None = None
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            segment, path = connection.recv()
            try:
                if maker is None:
                    maker = PartMaker(task, source)
                    maker.notes()  # on the model: they have been said
                for made in maker.make([segment], lambda _, path=path: path):  # type: ignore[misc]  # bound now
                    connection.send(made)
                    for note in maker.notes():
                        connection.send(note)
            except (EOFError, BrokenPipeError, ConnectionResetError):
                raise
            except Exception as error:  # noqa: BLE001 - told to the process that started this one
                connection.send(as_upframe_error(error, source))
