"""What runs on a machine of a cluster: one segment after the other is made, with the model and the video open between them.

It knows nothing of Ray. What goes wrong is returned, not raised: errors then arrive as they left.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from av.video.stream import VideoStream

from upframe.engine.upscaler import Upscaler
from upframe.errors import UpframeError, as_upframe_error
from upframe.jobs.fingerprint import input_mark, versions
from upframe.jobs.journal import Part
from upframe.jobs.loaded import LoadedModels
from upframe.jobs.making import FrameMade, PartMaker, VideoTask
from upframe.jobs.options import RunOptions
from upframe.jobs.segments import Segment
from upframe.media.video.frame_index import SlicePlan
from upframe.media.video.head import VideoHead
from upframe.media.video.info import RawFrame
from upframe.media.video.probe import MAX_PIXELS, open_video
from upframe.media.video.slices import SliceDecoder, SlicedVideo, SliceError, SlicePacket
from upframe.models.cards import named_file
from upframe.models.header import sha256


@dataclass(frozen=True, slots=True)
class Weights:
    """A model's file, for machines that do not have it. ``content`` is empty on its way to those that do."""

    suffix: str
    sha256: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ClusterTask:
    """What all segments share. ``source``: where the video is on the machine that started the job. mark: its ``input_mark``.
    stream: the number of the stream of its images. look: whether a machine is to look whether it sees the video there.
    """

    task: VideoTask
    source: Path
    mark: str
    stream: int
    look: bool


@dataclass(frozen=True, slots=True)
class Machine:
    """What a worker says of itself. model: SHA-256 of its weights, or the name of one without any. process: its number."""

    host: str
    process: int
    device: str
    versions: dict[str, str]
    model: str
    sees_source: bool


@dataclass(frozen=True, slots=True)
class PartMade:
    """A part, the bytes of its file, and the number of the process that has made it."""

    part: Part
    content: bytes
    process: int


@dataclass(frozen=True, slots=True)
class EarlierNeeded:
    """Not all frames of a segment could be decoded from the packets given: more of those before are needed."""


class ClusterWorker:
    """Makes segments on one device. A worker that has died starts again from its arguments.

    ``head`` and ``weights``, wherever they are taken: what the machine may lack.
    """

    def __init__(self, job: ClusterTask) -> None:
        self._job = job
        self._open = ExitStack()
        self._maker: PartMaker | None = None
        self._frames: _GivenFrames | None = None
        self._progress = -1, 0

    def greet(self, weights: Weights | None) -> Machine | UpframeError:
        """Load the model, and say what is here."""
        try:
            job = self._job
            models = LoadedModels(self._with_model(weights))
            upscaler = models.upscaler(1, 1)
            seen = job.look and _sees(job.source, job.mark)
            return Machine(platform.node(), os.getpid(), device_name(upscaler), versions(), model_mark(upscaler), seen)
        except Exception as error:  # noqa: BLE001  # sent to the machine that started the job
            return as_upframe_error(error, platform.node())

    def progress(self) -> tuple[int, int]:
        """The segment that is being made, and how many of its frames are. Asked while it is."""
        return self._progress

    def make(
        self,
        segment: Segment,
        plans: Sequence[SlicePlan],
        packets: Sequence[SlicePacket] | None,
        head: VideoHead | None,
        weights: Weights | None,
    ) -> PartMade | EarlierNeeded | UpframeError:
        """The part of a segment. ``packets``: those of the first of ``plans``; None where the video is seen here."""
        self._progress = segment.index, 0
        try:
            maker, frames = self._opened(head, weights)
            frames.give(plans, packets)
            with TemporaryDirectory() as folder:
                place = Path(folder, f"{segment.index}.part")
                part = None
                for made in maker.make([segment], lambda _: place):
                    if isinstance(made, FrameMade):
                        self._progress = segment.index, self._progress[1] + 1
                    else:
                        part = made
                assert part is not None
                return PartMade(part, place.read_bytes(), os.getpid())
        except SliceError as error:
            self.close()
            return EarlierNeeded() if packets is not None else error
        except Exception as error:  # noqa: BLE001  # sent to the machine that started the job
            self.close()
            return as_upframe_error(error, self._job.source)

    def close(self) -> None:
        """Let go of the video and the model; the next segment opens them again."""
        self._open.close()
        self._maker = self._frames = None

    def _opened(self, head: VideoHead | None, weights: Weights | None) -> tuple[PartMaker, _GivenFrames]:
        if head is not None and head.is_whole and self._frames is not None and not self._frames.whole:
            self.close()  # packets alone did not do
        if self._maker is None or self._frames is None:
            job, source = self._job, self._job.source
            if head is not None:
                folder = Path(self._open.enter_context(TemporaryDirectory()))
                source = folder / source.name
                head.write(source)
            limit = job.task.files.max_pixels or MAX_PIXELS
            whole = head is None or head.is_whole
            self._frames = _GivenFrames(source, job.stream, limit, whole=whole)
            self._open.callback(self._frames.close)
            task = replace(job.task, run=self._with_model(weights))
            self._maker = PartMaker(task, source, frames=self._frames)
            self._open.callback(self._maker.close)
        return self._maker, self._frames

    def _with_model(self, weights: Weights | None) -> RunOptions:
        """The options with a model that is here: by its name where its file is the same, else the one that was sent."""
        run = self._job.task.run
        if weights is None or run.model is None:
            return run
        here = named_file(run.model) or Path(run.model)
        if here.is_file() and sha256(here) == weights.sha256:
            return run
        folder = Path(self._open.enter_context(TemporaryDirectory()))
        sent = folder / f"{Path(run.model).stem}{weights.suffix}"
        sent.write_bytes(weights.content)
        return replace(run, model=str(sent))


class _GivenFrames:
    """The frames of one segment, from packets that were sent or from a file that is here. ``whole``: all of the file is."""

    def __init__(self, source: Path, stream: int, max_pixels: int, *, whole: bool) -> None:
        self.whole = whole
        self._video = SlicedVideo(source, stream, max_pixels) if whole else None
        self._container = open_video(source)
        images = self._container.streams[stream]
        assert isinstance(images, VideoStream)
        self._decoder = SliceDecoder(images, max_pixels)
        self._coming: Iterable[RawFrame] = ()

    def give(self, plans: Sequence[SlicePlan], packets: Sequence[SlicePacket] | None) -> None:
        if self._video is not None:
            self._coming = self._video.frames(plans)
        else:
            assert packets is not None
            time_base = self._decoder.time_base
            self._coming = self._decoder.frames((packet.packet(time_base) for packet in packets), plans[0])

    def frames(self, begin: int, end: int) -> Iterator[RawFrame]:
        """All that were given: they are those that the segment asks for."""
        return iter(self._coming)

    def close(self) -> None:
        if self._video is not None:
            self._video.close()
        self._container.close()


def _sees(path: Path, mark: str) -> bool:
    """Whether the same file is at the same place."""
    try:
        return path.is_file() and input_mark(path) == mark
    except OSError:
        return False


def device_name(upscaler: Upscaler) -> str:
    """``cpu``, or a GPU with what it calls itself."""
    device = upscaler.device
    return f"{device} {torch.cuda.get_device_name(device)}" if device.type == "cuda" else str(device)


def model_mark(upscaler: Upscaler) -> str:
    """What tells models apart: the SHA-256 of the file, or the name of one that has none."""
    return upscaler.info.sha256 or upscaler.info.name


def differing(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """In words, the packages of another machine that are not those of this one."""
    names = [name for name in dict.fromkeys((*here, *there)) if here.get(name) != there.get(name)]
    return [f"{name} is {there.get(name, 'missing')} there and {here.get(name, 'missing')} here" for name in names]
