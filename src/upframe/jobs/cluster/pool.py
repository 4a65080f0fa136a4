"""Segments handed to the machines of a cluster, one at a time to each worker, and their parts taken back.

Ray starts a worker again that has died, on the same machine, and gives it its segment again, twice at most. A machine that is
lost takes its workers with it: what they had is made elsewhere. Machines that join while the job runs are given work.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from upframe.errors import ClusterError, OutputError, as_upframe_error
from upframe.jobs.cluster.connection import Cluster, Node
from upframe.jobs.cluster.source import SharedSource
from upframe.jobs.cluster.worker import ClusterTask, ClusterWorker, EarlierNeeded, Machine, PartMade, differing
from upframe.jobs.journal import Part, is_whole, part_file
from upframe.jobs.making import FrameMade
from upframe.jobs.segments import Segment

AGAIN = 2  # times that a segment is made again after a worker has died of it
MOST_LOSSES = 8  # machines that may be lost while they make one segment
_LOOK = 1.0  # seconds between two looks at the machines, and at what their workers have done
_PATIENCE = 60.0  # seconds without any worker, after which that is said


@dataclass(frozen=True, slots=True)
class Place:
    """Where workers run: each on so many processors and GPUs. name: as events call it."""

    node: Node
    name: str
    cpus: int
    gpus: int


def runs_on_gpus(nodes: list[Node], device: str) -> bool:
    """Whether a cluster makes segments on its GPUs: where it has any, unless ``device`` is cpu."""
    return device != "cpu" and any(node.gpus for node in nodes)


def places_of(nodes: list[Node], threads: int, device: str) -> list[Place]:
    """One for each GPU of the cluster; where there is none, or ``device`` is cpu, one for each ``threads`` processors.

    In turns over the machines, so that the first few are not all on one.
    """
    on_gpus = runs_on_gpus(nodes, device)
    by_node = []
    for node in nodes:
        count = node.gpus if on_gpus else max(node.cpus // threads, min(node.cpus, 1))
        cpus, gpus = (1, 1) if on_gpus else (min(threads, node.cpus), 0)
        by_node.append([Place(node, f"{node.host}#{number}", cpus, gpus) for number in range(count)])
    return [place for turn in zip_longest(*by_node) for place in turn if place is not None]


@dataclass(slots=True)
class _Worker:
    """A worker: what it was asked last, the segment that it has, and how its progress is asked for."""

    place: Place
    actor: Any
    answer: Any
    machine: Machine | None = None
    segment: Segment | None = None
    asked: Any = None


@dataclass(slots=True)
class ClusterPool:
    """Makes segments on the machines of a cluster. ``on_failure``: called with a segment that could not be made, and why.

    ``part_path``: where the part of a segment, by its number, is to be. ``mark``: what tells the model. ``versions``: of the
    packages here, which all machines must have.
    """

    cluster: Cluster
    job: ClusterTask
    source: SharedSource
    mark: str
    versions: dict[str, str]
    part_path: Callable[[int], Path]
    on_failure: Callable[[int, str], None]
    _workers: list[_Worker] = field(default_factory=list)
    _waiting: deque[Segment] = field(default_factory=deque)
    _further: Counter[int] = field(default_factory=Counter)  # times that a segment wanted more of the frames before it
    _losses: Counter[int] = field(default_factory=Counter)
    _idle_deaths: Counter[str] = field(default_factory=Counter)  # of each place, of workers that had no segment
    _told: Counter[int] = field(default_factory=Counter)  # frames of each segment that were reported
    _looked: float = 0.0

    def make(self, segments: list[Segment]) -> Iterator[tuple[FrameMade | Part | str, str]]:
        """Each frame and each part as it is made, or a line to be noted, and the name of the worker.

        The longest segments come first, so that no worker is left with a long one at the end. Raises ClusterError where a
        machine has other packages or another model.
        """
        group = 8 * max(len(self._places()), 1)
        self._waiting.extend(sorted(segments, key=lambda segment: (segment.index // group, -segment.frames)))
        since, said = time.monotonic(), False
        while self._waiting or any(worker.segment is not None for worker in self._workers):
            if time.monotonic() - self._looked >= _LOOK:
                yield from self._look()
            answers = {worker.answer: worker for worker in self._workers if worker.answer is not None}
            if any(worker.machine is not None for worker in self._workers):
                since, said = time.monotonic(), False
            elif time.monotonic() - since > _PATIENCE and not said:
                said = True
                yield "no worker of the cluster has started yet: its machines are busy with something else, or slow", "cluster"
            if not answers:
                time.sleep(_LOOK / 4)
                continue
            ready, _ = self.cluster.ray.wait(list(answers), num_returns=1, timeout=_LOOK)
            for answer in ready:
                yield from self._hear(answers[answer])

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            self.cluster.ray.kill(worker.actor)
        self._workers.clear()
        self.source.close()

    def _places(self) -> list[Place]:
        return places_of(self.cluster.nodes(), self.job.task.threads, self.job.task.run.device)

    def _look(self) -> Iterator[tuple[FrameMade | str, str]]:
        """At the machines: those that have gone, and those that have come; and at what workers have done."""
        self._looked = time.monotonic()
        places = self._places()
        alive = {place.node.number for place in places}
        for worker in [each for each in self._workers if each.place.node.number not in alive]:
            yield from self._lose(worker, "is lost")
        taken = {(worker.place.node.number, worker.place.name) for worker in self._workers}
        for place in places:
            idle = sum(worker.segment is None for worker in self._workers)
            if (place.node.number, place.name) not in taken and idle < len(self._waiting):
                self._workers.append(self._start(place))
        for worker in self._workers:
            yield from self._ask(worker)

    def _start(self, place: Place) -> _Worker:
        options = {
            "num_cpus": place.cpus,
            "num_gpus": place.gpus,
            "max_restarts": -1,
            "max_task_retries": AGAIN,
            "max_concurrency": 2,  # it is asked for its progress while it works
            "scheduling_strategy": self.cluster.on(place.node),
        }
        actor = self.cluster.ray.remote(ClusterWorker).options(**options).remote(self.job)
        return _Worker(place, actor, actor.greet.remote(self.source.weights))

    def _hear(self, worker: _Worker) -> Iterator[tuple[FrameMade | Part | str, str]]:
        name = worker.place.name
        try:
            said = self.cluster.ray.get(worker.answer)
        except Exception as error:  # noqa: BLE001  # Ray's own kinds are not of one tree
            yield from self._judge(worker, error)
            return
        worker.answer = None
        segment = worker.segment
        if isinstance(said, Machine):
            worker.machine = said
            self._compare(said)
        elif segment is None:
            raise ClusterError(f"{name}: cannot make segments: {said}", remedy=said.remedy)
        elif isinstance(said, PartMade):
            yield from self._rest(segment, name)
            if worker.machine is not None and said.process != worker.machine.process:
                yield f"worker {name} has died: segment {segment.index} was made again", name
                worker.machine = None
                worker.answer = worker.actor.greet.remote(self.source.weights)
            yield self._publish(said), name
            worker.segment = None
        elif isinstance(said, EarlierNeeded):
            self._further[segment.index] += 1
            self._waiting.appendleft(segment)
            worker.segment = None
        else:
            self.on_failure(segment.index, str(said))
            worker.segment = None
            yield f"segment {segment.index} cannot be made: {said}", name
        if worker.answer is None:
            self._give(worker)

    def _give(self, worker: _Worker) -> None:
        """The next segment for a worker, if one waits; the packets that it needs are cut out now, and not before."""
        assert worker.machine is not None
        if not self._waiting:
            return
        segment = self._waiting.popleft()
        sent = self.source.of(segment, self._further[segment.index], seen=worker.machine.sees_source)
        worker.segment = segment
        worker.answer = worker.actor.make.remote(segment, *sent, self.source.weights)

    def _compare(self, machine: Machine) -> None:
        """Raise ClusterError where a machine would make other bytes."""
        if different := differing(self.versions, machine.versions):
            raise ClusterError(
                f"{machine.host}: has other packages than this machine: {', '.join(different)}",
                remedy="install the same versions everywhere; `upframe cluster check` lists them",
            )
        if machine.model != self.mark:
            raise ClusterError(f"{machine.host}: has another model of this name", remedy="give the model by its file")

    def _publish(self, made: PartMade) -> Part:
        """A part under its name. Raises OutputError where it did not arrive as it was."""
        path = self.part_path(made.part.segment)
        with part_file(path) as temporary:
            temporary.write_bytes(made.content)
        if not is_whole(path, made.part):
            raise OutputError(f"{path}: the part did not arrive from the cluster as it was sent")
        return made.part

    def _judge(self, worker: _Worker, error: Exception) -> Iterator[tuple[str, str]]:
        """A worker that does not answer: it has died of its segment more often than is tried, or its machine is gone."""
        errors = self.cluster.ray.exceptions
        is_there = worker.place.node.number in {node.number for node in self.cluster.nodes()}
        if isinstance(error, errors.RayTaskError):
            cause = getattr(error, "cause", None) or error
            if isinstance(cause, ImportError):
                raise ClusterError(f"{worker.place.name}: Upframe is not installed there ({cause})") from error
            raise as_upframe_error(cause if isinstance(cause, Exception) else error, worker.place.name) from error
        if worker.segment is None and is_there and not isinstance(error, errors.ActorUnschedulableError):
            self._idle_deaths[worker.place.name] += 1
            if self._idle_deaths[worker.place.name] > AGAIN:
                raise ClusterError(f"{worker.place.name}: its worker dies before it has work ({_first_line(error)})") from error
        if is_there and worker.segment is not None and isinstance(error, errors.ActorUnavailableError):
            segment, worker.segment = worker.segment, None
            died = f"worker {worker.place.name} has died, {AGAIN + 1} times"
            self.on_failure(segment.index, died)
            yield f"{died}: segment {segment.index} is left out for now", worker.place.name
            worker.machine, worker.answer = None, worker.actor.greet.remote(self.source.weights)
            return
        yield from self._lose(worker, f"is lost ({_first_line(error)})")

    def _lose(self, worker: _Worker, how: str) -> Iterator[tuple[str, str]]:
        """Without a worker whose machine has gone; what it had waits again, before all others."""
        self._workers.remove(worker)
        with suppress(Exception):
            self.cluster.ray.kill(worker.actor)
        segment = worker.segment
        if segment is None:
            return
        self._losses[segment.index] += 1
        if self._losses[segment.index] > MOST_LOSSES:
            self.on_failure(segment.index, f"{MOST_LOSSES + 1} machines were lost while they made it")
            yield f"segment {segment.index} is left out for now: every machine that made it was lost", worker.place.name
            return
        self._waiting.appendleft(segment)
        yield f"machine {worker.place.node.host} {how}: segment {segment.index} is made elsewhere", worker.place.name

    def _ask(self, worker: _Worker) -> Iterator[tuple[FrameMade, str]]:
        """How far a worker is: what it answers to the question before, and the next one."""
        if worker.segment is None:
            worker.asked = None
            return
        if worker.asked is not None:
            ready, _ = self.cluster.ray.wait([worker.asked], timeout=0)
            if not ready:
                return
            with suppress(Exception):  # a worker that has died is heard of elsewhere
                segment, frames = self.cluster.ray.get(worker.asked)
                if segment == worker.segment.index:
                    yield from self._frames(worker.segment, frames, worker.place.name)
        worker.asked = worker.actor.progress.remote()

    def _frames(self, segment: Segment, made: int, name: str) -> Iterator[tuple[FrameMade, str]]:
        for _ in range(self._told[segment.index], min(made, segment.frames)):
            self._told[segment.index] += 1
            yield FrameMade(segment.index), name

    def _rest(self, segment: Segment, name: str) -> Iterator[tuple[FrameMade, str]]:
        return self._frames(segment, segment.frames, name)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:160] if lines else type(error).__name__
