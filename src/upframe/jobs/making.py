"""The work of a segment: its frames decoded, upscaled and encoded into a part file."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import torch

from upframe.engine.cuts import ListedCuts
from upframe.engine.pipeline import overlap
from upframe.engine.upscaler import Upscaler
from upframe.engine.videos import FrameUpscaler, VideoCanvas
from upframe.jobs.excerpt import FrameSource
from upframe.jobs.journal import Part, describe_part, part_file
from upframe.jobs.loaded import LoadedModels
from upframe.jobs.options import FileOptions, RunOptions, VideoOptions
from upframe.jobs.segments import Reach, Segment
from upframe.jobs.videos import QUEUE, open_reader
from upframe.media.notes import no_notes
from upframe.media.video.info import CopiedPacket, RawFrame
from upframe.media.video.parts import PartWriter
from upframe.media.video.reader import VideoReader
from upframe.media.video.seams import LONGEST_TAIL


@dataclass(frozen=True, slots=True)
class VideoTask:
    """What all parts of a video share: everything that decides their bytes. Plain values, which travel to another process.

    name: the result's, whose suffix says what container it is for. size: (height, width) of the result. threads: of the
    processor, for the network; those of the encoder are in ``video.encoder``.
    """

    name: str
    size: tuple[int, int]
    run: RunOptions
    video: VideoOptions
    files: FileOptions
    reach: Reach
    threads: int


@dataclass(frozen=True, slots=True)
class FrameMade:
    """One more frame of a segment is encoded."""

    segment: int


class Frames(Protocol):
    """Frames of a video by their numbers."""

    def frames(self, begin: int, end: int) -> Iterator[RawFrame]:
        """Frames ``begin`` to ``end`` - 1. Raises InputError where the video does not have them any more."""

    def close(self) -> None:
        """Let go of the video."""


class PartMaker:
    """Makes one part after the other; the video and the model stay open between them.

    Closing it ends the work from any thread. Raises UpframeError as reading, upscaling and writing do.
    """

    def __init__(self, task: VideoTask, source: Path, models: LoadedModels | None = None, frames: Frames | None = None) -> None:
        """``frames``: where those of the video come from, if not from reading it from its start; it stays open."""
        self._task, self._source = task, source
        torch.set_num_threads(task.threads)
        self._models = models or LoadedModels(task.run)
        self._described = self._open_reader(1)  # for what the encoder takes from the video, while the other goes to and fro
        kept = task.reach.past + task.reach.step + max(task.reach.future, LONGEST_TAIL)
        self._frames = frames or FrameSource(self._open_reader, kept)

    @property
    def device(self) -> str:
        """Where its model runs."""
        info = self._described.info
        return str(self._models.upscaler(info.height, info.width).device)

    def notes(self) -> list[str]:
        """What a user should know of the work since the last time."""
        return self._models.taken_notes()

    def close(self) -> None:
        self._frames.close()
        self._described.close()

    def make(self, segments: Iterable[Segment], place: Callable[[Segment], Path]) -> Iterator[FrameMade | Part]:
        """Make the parts of segments in turn, each at its ``place``, and tell of each frame and each part that is whole.

        All is one stream of frames: while the encoder ends one part, the network is in the next.
        """
        info = self._described.info
        upscaler = self._models.upscaler(info.height, info.width)
        sink = _PartSink(self._task, self._described, place)
        upscale = self._upscaling(upscaler)

        def read() -> Iterator[_Item]:
            for segment in segments:
                yield segment
                tail = []
                for frame in self._frames.frames(segment.begin, segment.end):
                    if segment.stop <= frame.index < segment.stop + segment.tail:
                        tail.append(frame)
                    if frame.index < segment.run_end:
                        yield frame
                yield _Tail(tail)

        def stage(items: Iterable[_Item]) -> Iterator[_Item]:
            coming = iter(items)
            for segment in coming:
                assert isinstance(segment, Segment)
                yield segment
                frames = _RunFrames(coming)
                yield from _own(segment, upscale(frames, _cuts_of(segment)))
                yield frames.tail()

        current = -1
        try:
            with closing(overlap(read(), stage, sink, capacity=QUEUE)) as results:
                for result in results:
                    yield from sink.made()
                    if isinstance(result, Segment):
                        current = result.index
                    elif isinstance(result, RawFrame):
                        yield FrameMade(current)
            yield from sink.made()
        except Exception:
            yield from sink.made()  # what was whole before the error stays
            raise
        finally:
            sink.abort()

    def _upscaling(self, upscaler: Upscaler) -> FrameUpscaler:
        """From the frames of the video to those that the encoder takes: one that is opened for this alone tells which."""
        info, task = self._described.info, self._task
        with TemporaryDirectory() as folder:
            trial = part_writer(task, self._described, Path(folder, "trial"), Segment(0, 0, 1))
            trial.abort()
        kinds = (info.layout, info.colour), (trial.layout, trial.colour)
        grain = task.video.grain
        assert grain != "keep", "the plan says how much"
        return FrameUpscaler(
            upscaler, task.run.target, *kinds, canvas=VideoCanvas(task.size, info.kind, margins=info.margins), grain=grain
        )

    def _open_reader(self, threads: int | None = None) -> VideoReader:
        files = replace(self._task.files, allow_truncated=True)
        return open_reader(self._source, self._task.video, files, no_notes, threads=threads)


def make_part(task: VideoTask, segment: Segment, source: Path, place: Path) -> Part:
    """Make the part of one segment by itself, as PartMaker makes it among others: the same bytes."""
    maker = PartMaker(task, source)
    try:
        [part] = [made for made in maker.make([segment], lambda _: place) if isinstance(made, Part)]
    finally:
        maker.close()
    return part


@dataclass(frozen=True, slots=True)
class _Tail:
    """The end of a segment, and the frames of the source that its encoder is shown after it."""

    frames: Sequence[RawFrame]


_Item = Segment | RawFrame | _Tail
"""What passes through the work: a segment, its frames, and its end."""


class _PartSink:
    """Writes the frames that follow a segment into its part. Called in the thread of the encoders."""

    def __init__(self, task: VideoTask, source: VideoReader, place: Callable[[Segment], Path]) -> None:
        self._task, self._source, self._place = task, source, place
        self._made: deque[Part] = deque()
        self._open = ExitStack()
        self._segment: Segment | None = None
        self._writer: PartWriter | None = None

    def __call__(self, item: _Item) -> None:
        if isinstance(item, Segment):
            self._segment = item
            temporary = self._open.enter_context(part_file(self._place(item)))
            self._writer = self._open.enter_context(part_writer(self._task, self._source, temporary, item))
        elif isinstance(item, _Tail):
            assert self._segment is not None
            assert self._writer is not None
            for frame in item.frames:
                self._writer.show(frame)
            self._open.close()  # the part is complete, and then under its name
            self._made.append(describe_part(self._segment, self._place(self._segment)))
        else:
            assert self._writer is not None
            self._writer.write(item)

    def made(self) -> Iterator[Part]:
        """The parts that are whole since the last time."""
        while self._made:
            yield self._made.popleft()

    def abort(self) -> None:
        """Throw away the part that is not finished, if there is one."""
        with suppress(_Aborted), self._open:
            raise _Aborted


class _Aborted(Exception):
    """Why a part is thrown away: never seen outside."""


def _cuts_of(segment: Segment) -> ListedCuts:
    return ListedCuts(frozenset(cut - segment.begin for cut in segment.cuts))


def _own(segment: Segment, results: Iterator[RawFrame | CopiedPacket]) -> Iterator[RawFrame]:
    """The frames of a segment; of those before and after it, the results are dropped."""
    for result in results:
        if isinstance(result, RawFrame) and segment.first <= result.index < segment.stop:
            yield result
            if result.index == segment.stop - 1:
                return  # without the work that is still owed of the frames after it


def part_writer(task: VideoTask, source: VideoReader, path: Path, segment: Segment) -> PartWriter:
    """The encoder of a segment's part, which is written to ``path``. Raises OutputError as VideoWriter does."""
    last = segment.stop - 1 if segment.tail else None
    settings, name = task.video.encoder, Path(task.name)
    return PartWriter(path, source, task.size, settings, name=name, is_cut=segment.is_cut, last=last)


class _RunFrames(Iterator[RawFrame]):
    """The frames of one segment that the network is given, among all that comes; after them its tail."""

    def __init__(self, items: Iterator[_Item]) -> None:
        self._items = items
        self._tail: _Tail | None = None

    def __next__(self) -> RawFrame:
        item = next(self._items) if self._tail is None else self._tail
        if isinstance(item, RawFrame):
            return item
        assert isinstance(item, _Tail)
        self._tail = item
        raise StopIteration

    def tail(self) -> _Tail:
        """What follows; frames that were looked at ahead, and are not needed after all, are passed over."""
        for _ in self:
            pass
        assert self._tail is not None
        return self._tail
