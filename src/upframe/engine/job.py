"""A command's worth of work: inputs found, models loaded once, each input upscaled and written whole, events told."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from upframe.engine import events
from upframe.engine.cuts import choose_cuts
from upframe.engine.events import Event
from upframe.engine.images import upscale_image, upscale_images
from upframe.engine.pipeline import in_background, overlap
from upframe.engine.size import Target
from upframe.engine.timeline import Timeline
from upframe.engine.upscaler import Upscaler
from upframe.engine.videos import FrameUpscaler, VideoCanvas
from upframe.errors import OutputError, UpframeError, as_upframe_error
from upframe.export import Backend
from upframe.media.atomic import atomic_output
from upframe.media.files import FoundInputs, Input, search_inputs
from upframe.media.frame_folder import FrameFolder
from upframe.media.image.file import MAX_PIXELS, read_image, write_image
from upframe.media.image.image import Image
from upframe.media.memory import require_memory
from upframe.media.naming import PlannedOutput, may_be_several, plan_outputs, results_folder
from upframe.media.naming import Target as OutputTarget
from upframe.media.numbered import FrameNames
from upframe.media.video.clock import ClockMode
from upframe.media.video.encoders import EncoderSettings
from upframe.media.video.info import CopiedPacket, RawFrame
from upframe.media.video.probe import MAX_PIXELS as MAX_FRAME_PIXELS
from upframe.media.video.reader import VideoReader
from upframe.media.video.writer import VideoWriter
from upframe.models.cards import default_model
from upframe.ops.sampling import Sampling
from upframe.runtime.memory import keep_freed_memory
from upframe.runtime.precision import Precision

QUEUE = 6  # frames and packets that wait between two threads: enough for an encoder's uneven pace


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked for; None leaves the choice to the input or the model. ``timeline``: where a video's stages are timed.
    ``debug``: a fault of Upframe itself is raised, and not told as of the input.
    """

    model: str | None = None
    target: Target = field(default_factory=Target)
    device: str = "auto"
    precision: Precision = "auto"
    backend: Backend | None = None
    tile: int | Literal["auto"] = "auto"
    sampling: Sampling = "centre"
    cuts: str = "auto"
    threads: int | None = None
    compile: bool = False
    graphs: bool = False
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    frames: Path | None = None
    depth: Literal[8, 16] | None = None
    quality: int | None = None
    overwrite: bool = False
    allow_truncated: bool = False
    clock: ClockMode = "join"
    max_pixels: int | None = None
    size_change: Literal["fit", "stop"] = "fit"
    layer: str | None = None
    timeline: Timeline | None = None
    debug: bool = False


def upscale_files(arguments: Sequence[str], output: str | None, settings: Settings) -> Generator[Event, None, None]:
    """Upscale everything the arguments name, one input after the other, and tell what happens.

    An input that fails, or an argument that names nothing, is reported as Failed, and the next one follows; at the end Summary
    says what failed and what the folders held besides. What is wrong with the command as a whole (no such model or device, one
    name for several results) is raised as UpframeError before anything is written.
    """
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    found = search_inputs(arguments, results=settings.frames or results_folder(arguments, output))
    if not found.inputs and len(found.refused) == 1:
        raise found.refused[0][1]
    if found.inputs:
        yield from _upscale_all(found, arguments, output, settings)
    else:
        yield from (events.Failed(name, str(error)) for name, error in found.refused)


def _upscale_all(found: FoundInputs, arguments: Sequence[str], output: str | None, settings: Settings) -> Iterator[Event]:
    job = _Job(settings)
    label = job.label()
    found = found.without_results(label)
    if job.is_for_video:
        found = found.with_clips()
    several = may_be_several(arguments)
    plans = plan_outputs(found, output, label=label, several=several, frames=settings.frames)
    failures = [events.Failed(name, str(error)) for name, error in found.refused]
    yield from failures
    for plan in plans:
        try:
            yield from job.run(plan)
        except Exception as error:  # one bad input, or a fault of ours, does not end the others
            if settings.debug and not isinstance(error, UpframeError):
                raise
            yield from job.told(plan.item)
            failures.append(events.Failed(str(plan.item.path), str(as_upframe_error(error, plan.item.path))))
            yield failures[-1]
    yield from events.summary_of(len(plans) + len(found.refused), failures, found)


class _Job:
    """The models of one command, each loaded once, and the notes that wait to be reported."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._upscalers: dict[str, Upscaler] = {}
        self._cuts = choose_cuts(settings.cuts)
        keep_freed_memory()
        self._notes: list[str] = []
        self._upscaler(1, 1)  # a model or device that is not there is found before anything is started

    def label(self) -> str:
        """What the name of a result says: ``x2``, ``x1.5``, or ``1920x1080``."""
        target = self.settings.target
        if target.size is not None:
            return f"{target.size[1]}x{target.size[0]}"
        scale = 1 if target.same else target.scale
        return f"x{self._upscaler(1, 1).info.scale if scale is None else scale:g}"

    def _upscaler(self, height: int, width: int) -> Upscaler:
        """The model named, else the built-in one for the upscaling that an input of this size is given."""
        settings = self.settings
        factor = settings.target.factor(height, width)
        name = settings.model or default_model(2 if factor is None else factor)
        if name not in self._upscalers:
            self._upscalers[name] = Upscaler(
                name,
                device=settings.device,
                precision=settings.precision,
                backend=settings.backend,
                tile=settings.tile,
                sampling=settings.sampling,
                compile=settings.compile,
                graphs=settings.graphs,
                on_note=self._notes.append,
            )
            if caution := self._upscalers[name].info.caution:
                self._notes.append(caution)
        return self._upscalers[name]

    def told(self, item: Input) -> Iterator[events.Note]:
        """The notes that have come since the last time."""
        while self._notes:
            yield events.Note(str(item.path), self._notes.pop(0).removeprefix(f"{item.path}: "))

    @property
    def is_for_video(self) -> bool:
        """Whether the model named remembers what came before, so that numbered images are a clip to it."""
        return self._upscaler(1, 1).info.kind == "video"

    def run(self, plan: PlannedOutput) -> Iterator[Event]:
        """Raises UpframeError for an input that fails."""
        item, target = plan.item, plan.target
        if plan.refusal is not None:
            raise plan.refusal
        if plan.note:
            self._notes.append(plan.note)
        if item.names is not None:
            return self._sequence(item, item.names, target)
        if isinstance(target, Path) and item.kind == "image":
            return self._image(item, target)
        return self._video(item, target)

    def _image(self, item: Input, target: Path) -> Iterator[Event]:
        meter = events.Meter(str(item.path), 1)
        _refuse_existing(target, overwrite=self.settings.overwrite)  # before the work, not after it
        image = self._read(item.path)
        upscaler = self._upscaler(image.height, image.width)
        yield self._started(item, target, upscaler, (image.height, image.width), frames=1)
        if upscaler.info.kind == "video":
            self._notes.append(f"{upscaler.info.name} is for video, and this is one image: there is nothing it remembers")
        yield from self.told(item)
        self._write(target, self._upscale(image, upscaler))
        yield from self.told(item)
        meter.tick()
        yield meter.finished(str(target))

    def _sequence(self, item: Input, names: FrameNames, target: OutputTarget) -> Iterator[Event]:
        """Numbered frames: read, upscaled and written at once, each output whole; the numbers are kept."""
        if isinstance(target, Path):
            raise OutputError(f"{target}: numbered frames are written as numbered frames; give a name such as {names.name}")
        targets = target.paths(item.numbers)
        for path in targets:
            _refuse_existing(path, overwrite=self.settings.overwrite)
        if self.is_for_video:
            span = f"{item.numbers[0]} to {item.numbers[-1]}"
            self._notes.append(f"{len(item.numbers)} numbered images, {span}, are the frames of one clip")
        if item.gaps:
            self._notes.append(item.gaps)
        first = self._read(item.frames[0])
        upscaler = self._upscaler(first.height, first.width)
        yield self._started(item, target, upscaler, (first.height, first.width), frames=len(targets))
        source = ((self._read(frame), path) for frame, path in zip(item.frames, targets, strict=True))
        meter = events.Meter(str(item.path), len(targets))

        def stage(pairs: Iterable[tuple[Image, Path]]) -> Iterator[tuple[Image, Path]]:
            return upscale_images(pairs, upscaler, self.settings.target, self._cuts(), self._notes.append)

        with closing(overlap(source, stage, lambda pair: self._write(pair[1], pair[0]), capacity=2)) as results:
            for _ in results:
                yield from self.told(item)
                yield meter.tick()
        yield from self.told(item)
        yield meter.finished(str(target))

    def _video(self, item: Input, target: OutputTarget) -> Iterator[Event]:
        """Decoded, upscaled and encoded at once; the other streams pass by."""
        if isinstance(target, Path):
            _refuse_existing(target, overwrite=self.settings.overwrite)  # before a video of hours is started
        with in_background(lambda: self._video_reader(item.path)) as reader:
            info = reader.info
            upscaler = self._upscaler(info.height, info.width)
            upright = isinstance(target, FrameNames)
            shown = info.kind.turn.size(info.height, info.width) if upright else (info.height, info.width)
            yield self._started(item, target, upscaler, shown, info.frames)
            meter = events.Meter(str(item.path), info.frames)
            size = self.settings.target.of(*shown, upscaler.info.scale)
            for _ in self._upscaled(reader, target, upscaler, VideoCanvas(size, info.kind, upright=upright)):
                yield from self.told(item)
                yield meter.tick()
            yield from self.told(item)
            yield meter.finished(str(target))

    def _upscaled(
        self, reader: VideoReader, target: OutputTarget, upscaler: Upscaler, canvas: VideoCanvas
    ) -> Iterator[RawFrame]:
        """The frames, each once it is written: to a video as they lie, or to images, upright."""
        info, settings = reader.info, self.settings
        open_sink = (
            self._video_file(reader, target, canvas.size)
            if isinstance(target, Path)
            else self._frame_folder(reader, target, canvas.size)
        )
        with open_sink as writer:
            kinds = (info.layout, info.colour), (writer.layout, writer.colour)
            upscale = FrameUpscaler(upscaler, settings.target, *kinds, settings.timeline, canvas)

            def stage(items: Iterable[RawFrame | CopiedPacket]) -> Iterator[RawFrame | CopiedPacket]:
                return upscale(items, self._cuts())

            def write(item: RawFrame | CopiedPacket) -> None:
                if isinstance(item, RawFrame):
                    writer.write(item)
                else:
                    writer.copy(item)

            with closing(overlap(reader, stage, write, capacity=QUEUE, timeline=settings.timeline)) as results:
                for result in results:
                    if isinstance(result, RawFrame):
                        yield result

    @contextmanager
    def _video_file(self, reader: VideoReader, target: Path, size: tuple[int, int]) -> Iterator[VideoWriter]:
        """A video, under its name when it is whole."""
        settings = self.settings
        with (
            atomic_output(target, overwrite=settings.overwrite) as temporary,
            in_background(lambda: self._video_writer(temporary, reader, size, target)) as writer,
        ):
            yield writer

    @contextmanager
    def _frame_folder(self, reader: VideoReader, names: FrameNames, size: tuple[int, int]) -> Iterator[FrameFolder]:
        """Numbered images, the whole folder at once."""
        settings = self.settings
        with atomic_output(names.folder, overwrite=settings.overwrite, folder=True) as folder:
            writer = FrameFolder(
                names.within(folder),
                reader.info,
                size,
                depth=settings.depth,
                write_image=self._write,
                on_note=self._notes.append,
            )
            yield writer
            writer.close()

    def _video_reader(self, path: Path) -> VideoReader:
        settings = self.settings
        limit = settings.max_pixels or MAX_FRAME_PIXELS
        return VideoReader(
            path,
            on_note=self._notes.append,
            allow_truncated=settings.allow_truncated,
            max_pixels=limit,
            clock=settings.clock,
            changes="stop" if settings.size_change == "stop" else "follow",
        )

    def _video_writer(self, path: Path, source: VideoReader, size: tuple[int, int], name: Path) -> VideoWriter:
        return VideoWriter(path, source, size, self.settings.encoder, on_note=self._notes.append, name=name)

    def _read(self, path: Path) -> Image:
        limit = self.settings.max_pixels or MAX_PIXELS
        settings = self.settings
        return read_image(
            path,
            max_pixels=limit,
            allow_truncated=settings.allow_truncated,
            layer=settings.layer,
            on_note=self._notes.append,
        )

    def _upscale(self, image: Image, upscaler: Upscaler) -> Image:
        return upscale_image(image, upscaler, self.settings.target, self._notes.append)

    def _write(self, path: Path, image: Image) -> None:
        settings = self.settings
        write_image(
            path,
            image,
            quality=settings.quality,
            depth=settings.depth,
            overwrite=settings.overwrite,
            on_note=self._notes.append,
        )

    def _started(
        self, item: Input, target: OutputTarget, upscaler: Upscaler, size: tuple[int, int], frames: int | None
    ) -> events.Started:
        height, width = self.settings.target.of(*size, upscaler.info.scale)
        require_memory(3 * height * width, f"{item.path}, upscaled to {width}x{height}")
        return events.Started(
            str(item.path),
            str(target),
            item.kind,
            upscaler.info.name,
            str(upscaler.device) if upscaler.backend == "torch" else f"{upscaler.device}, {upscaler.backend}",
            (size[1], size[0]),
            (width, height),
            frames,
        )


def _refuse_existing(path: Path, *, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already; write elsewhere with -o, or replace it with --overwrite")
