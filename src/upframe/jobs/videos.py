"""A video in one breath: decoded, upscaled and encoded at once, the other streams beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from upframe.engine import events
from upframe.engine.condition import condition_of_video
from upframe.engine.cuts import choose_cuts
from upframe.engine.events import Event
from upframe.engine.pipeline import in_background, overlap
from upframe.engine.upscaler import Upscaler
from upframe.engine.videos import FrameUpscaler, VideoCanvas
from upframe.jobs.grain import resolve_grain
from upframe.jobs.images import ImageFiles, refuse_existing
from upframe.jobs.loaded import LoadedModels
from upframe.jobs.options import FileOptions, UpscaleOptions, VideoOptions
from upframe.media.atomic import atomic_output
from upframe.media.files import Input
from upframe.media.frame_folder import FrameFolder
from upframe.media.notes import Notes
from upframe.media.numbered import FrameNames
from upframe.media.video.info import CopiedPacket, RawFrame, VideoInfo
from upframe.media.video.probe import MAX_PIXELS
from upframe.media.video.reader import VideoReader
from upframe.media.video.writer import VideoWriter

QUEUE = 6  # frames and packets that wait between two threads: enough for an encoder's uneven pace


def open_reader(
    path: Path,
    video: VideoOptions,
    files: FileOptions,
    on_note: Notes,
    *,
    threads: int | None = None,
    kind: type[VideoReader] = VideoReader,
) -> VideoReader:
    """A reader as the options say. Raises InputError."""
    return kind(
        path,
        threads=threads,
        on_note=on_note,
        allow_truncated=files.allow_truncated,
        max_pixels=files.max_pixels or MAX_PIXELS,
        clock=video.clock,
        changes="stop" if video.size_change == "stop" else "follow",
        preparation=video.preparation,
    )


def suit_to_video(models: LoadedModels, info: VideoInfo, options: UpscaleOptions) -> None:
    """Let the models choose the one for a video."""
    limit, frames = options.files.max_pixels or MAX_PIXELS, None if options.video.preview else info.frames
    models.suit(lambda: condition_of_video(info.path, max_pixels=limit), (info.height, info.width), frames)


class VideoJob:
    """One video, to a video as its frames lie, or to numbered images, upright."""

    def __init__(self, item: Input, target: Path | FrameNames, models: LoadedModels, options: UpscaleOptions) -> None:
        self._item, self._target, self._models, self._options = item, target, models, options

    def run(self) -> Iterator[Event]:
        """Raises UpframeError for a video that cannot be read, upscaled or written."""
        item, target, models, options = self._item, self._target, self._models, self._options
        if isinstance(target, Path):
            refuse_existing(target, overwrite=options.files.overwrite)  # before a video of hours is started
        with in_background(lambda: open_reader(item.path, options.video, options.files, models.note)) as reader:
            info = reader.info
            suit_to_video(models, info, options)
            upscaler = models.upscaler(info.height, info.width)
            upright = isinstance(target, FrameNames)
            shown = info.kind.turn.size(*info.full_size) if upright else info.full_size
            yield models.started(item, target, shown, None if options.video.preview else info.frames)
            frames = None if options.video.preview else info.frames
            meter = events.Meter(str(item.path), frames)
            size = options.run.target.of(*shown, upscaler.info.scale)
            for _ in self._upscaled(reader, upscaler, VideoCanvas(size, info.kind, upright, info.margins)):
                yield from models.notes_on(item)
                yield meter.tick()
            yield from models.notes_on(item)
            yield meter.finished(str(target))

    def _upscaled(self, reader: VideoReader, upscaler: Upscaler, canvas: VideoCanvas) -> Iterator[RawFrame]:
        """The frames, each once it is written."""
        info, options, timeline = reader.info, self._options, self._options.video.timeline
        grain = resolve_grain(options.video.grain, info, upscaler, options.run.target, self._models.note)
        with self._sink(reader, canvas.size) as writer:
            kinds = (info.layout, info.colour), (writer.layout, writer.colour)
            upscale = FrameUpscaler(upscaler, options.run.target, *kinds, timeline, canvas, grain)
            cuts = choose_cuts(options.run.cuts)

            def stage(items: Iterable[RawFrame | CopiedPacket]) -> Iterator[RawFrame | CopiedPacket]:
                return upscale(items, cuts())

            def write(item: RawFrame | CopiedPacket) -> None:
                if isinstance(item, RawFrame):
                    writer.write(item)
                else:
                    writer.copy(item)

            items = reader if options.video.preview is None else options.video.preview.of(reader)
            with closing(overlap(items, stage, write, capacity=QUEUE, timeline=timeline)) as results:
                for result in results:
                    if isinstance(result, RawFrame):
                        yield result

    @contextmanager
    def _sink(self, reader: VideoReader, size: tuple[int, int]) -> Iterator[VideoWriter | FrameFolder]:
        """A video, or a folder of numbered images, under its name when it is whole."""
        target, options, note = self._target, self._options, self._models.note
        overwrite = options.files.overwrite
        if isinstance(target, Path):
            encoder = options.video.encoder
            with (
                atomic_output(target, overwrite=overwrite) as temporary,
                in_background(lambda: VideoWriter(temporary, reader, size, encoder, on_note=note, name=target)) as writer,
            ):
                yield writer
            return
        write = ImageFiles(self._models, options, one_of_many=True).write
        reader.captions_lost = "image files have no place for them"
        with atomic_output(target.folder, overwrite=overwrite, folder=True) as folder:
            names, depth = target.within(folder), options.image.depth
            frames = FrameFolder(names, reader.info, size, depth=depth, write_image=write, on_note=note)
            yield frames
            frames.close()
