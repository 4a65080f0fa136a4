"""An animated GIF, PNG, WebP or AVIF to an animation, with its times, its loops and its transparency."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import accumulate, islice
from pathlib import Path

from upframe.engine import events
from upframe.engine.condition import condition_of_image
from upframe.engine.cuts import choose_cuts
from upframe.engine.events import Event
from upframe.engine.images import upscale_images
from upframe.engine.pipeline import overlap
from upframe.jobs.images import refuse_existing
from upframe.jobs.loaded import LoadedModels
from upframe.jobs.options import UpscaleOptions
from upframe.media.animation import ANIMATION_FORMATS, AnimationReader
from upframe.media.animation_writer import AnimationWriter
from upframe.media.atomic import atomic_output
from upframe.media.files import Input
from upframe.media.image.file import MAX_PIXELS
from upframe.media.image.image import Image
from upframe.media.notes import once

_Frame = tuple[Image, None]


class AnimationJob:
    """One animation, to one of the format that the result's name says."""

    def __init__(self, item: Input, target: Path, models: LoadedModels, options: UpscaleOptions) -> None:
        self._item, self._target, self._models, self._options = item, target, models, options

    def run(self) -> Iterator[Event]:
        """Raises UpframeError for an animation that cannot be read, upscaled or written."""
        item, files = self._item, self._options.files
        refuse_existing(self._target, overwrite=files.overwrite)
        with AnimationReader(
            item.path,
            max_pixels=files.max_pixels or MAX_PIXELS,
            allow_truncated=files.allow_truncated,
            on_note=self._models.note,
        ) as reader:
            yield from self._run(reader)

    def _run(self, reader: AnimationReader) -> Iterator[Event]:
        item, target, models, run = self._item, self._target, self._models, self._options.run
        info = reader.info
        begin, end = self._excerpt(info.milliseconds)
        models.suit(lambda: condition_of_image(item.path, next(iter(reader)).pixels), (info.height, info.width), end - begin)
        upscaler = models.upscaler(info.height, info.width)
        yield models.started(item, target, (info.height, info.width), frames=end - begin)
        meter = events.Meter(str(item.path), end - begin)
        cuts, note = choose_cuts(run.cuts)(), once(models.note)
        if info.plays and ANIMATION_FORMATS[target.suffix.lower()] == "avif":
            note(f"is to play {info.plays} times, and will without end: AVIF is written so")

        def stage(frames: Iterable[_Frame]) -> Iterator[_Frame]:
            return upscale_images(frames, upscaler, run.target, cuts, note)

        with (
            atomic_output(target, overwrite=self._options.files.overwrite) as temporary,
            AnimationWriter(
                temporary,
                ANIMATION_FORMATS[target.suffix.lower()],
                run.target.of(info.height, info.width, upscaler.info.scale),
                milliseconds=info.milliseconds[begin:end],
                plays=info.plays,
                alpha=info.alpha,
                lossless=info.lossless and self._options.image.quality is None,
                quality=self._options.image.quality,
            ) as writer,
        ):

            def write(frame: _Frame) -> None:
                writer.write(frame[0])

            frames = ((image, None) for image in islice(reader, begin, end))
            with closing(overlap(frames, stage, write, capacity=2)) as results:
                for _ in results:
                    yield from models.notes_on(item)
                    yield meter.tick()
        yield from models.notes_on(item)
        yield meter.finished(str(target))

    def _excerpt(self, milliseconds: tuple[int, ...]) -> tuple[int, int]:
        """Which frames are asked for: from one, up to but without another. Raises InputError where that is none."""
        preview = self._options.video.preview
        if preview is None:
            return 0, len(milliseconds)
        begins = list(accumulate(milliseconds, initial=0))[:-1]
        start, end = 1000 * preview.start, 1000 * (preview.start + preview.length)
        wanted = [number for number, time in enumerate(begins) if start <= time < end]
        if not wanted:
            raise preview.too_late(self._item.path)
        return wanted[0], wanted[-1] + 1
