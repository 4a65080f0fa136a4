"""Images, alone and numbered as the frames of a clip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from upframe.engine import events
from upframe.engine.condition import condition_of_image
from upframe.engine.cuts import choose_cuts
from upframe.engine.events import Event
from upframe.engine.images import upscale_image, upscale_images
from upframe.engine.pipeline import overlap
from upframe.errors import OutputError
from upframe.jobs.loaded import LoadedModels
from upframe.jobs.options import UpscaleOptions
from upframe.media.files import Input
from upframe.media.image.file import MAX_PIXELS, read_image, write_image
from upframe.media.image.image import Image
from upframe.media.notes import once
from upframe.media.numbered import FrameNames
from upframe.remedies import OVERWRITE


class ImageFiles:
    """Reads and writes images as the options say; what is to be noted goes to the models' notes."""

    def __init__(self, models: LoadedModels, options: UpscaleOptions, *, one_of_many: bool = False) -> None:
        """``one_of_many``: of a clip, so that notes are given once for all of its files."""
        self._options, self._note = options, once(models.note) if one_of_many else models.note

    def read(self, path: Path) -> Image:
        options = self._options
        return read_image(
            path,
            max_pixels=options.files.max_pixels or MAX_PIXELS,
            allow_truncated=options.files.allow_truncated,
            layer=options.image.layer,
            on_note=self._note,
        )

    def write(self, path: Path, image: Image) -> None:
        options = self._options
        write_image(
            path,
            image,
            quality=options.image.quality,
            depth=options.image.depth,
            overwrite=options.files.overwrite,
            on_note=self._note,
        )


class ImageJob:
    """One image file."""

    def __init__(self, item: Input, target: Path, models: LoadedModels, options: UpscaleOptions) -> None:
        self._item, self._target, self._models, self._options = item, target, models, options
        self._files = ImageFiles(models, options)

    def run(self) -> Iterator[Event]:
        """Raises UpframeError for an image that cannot be read, upscaled or written."""
        item, target, models = self._item, self._target, self._models
        meter = events.Meter(str(item.path), 1)
        refuse_existing(target, overwrite=self._options.files.overwrite)  # before the work, not after it
        image = self._files.read(item.path)
        models.suit(lambda: condition_of_image(item.path, image.pixels), (image.height, image.width), 1)
        upscaler = models.upscaler(image.height, image.width)
        yield models.started(item, target, (image.height, image.width), frames=1)
        if upscaler.info.kind == "video":
            models.note(f"{upscaler.info.name} is for video, and this is one image: there is nothing it remembers")
        yield from models.notes_on(item)
        self._files.write(target, upscale_image(image, upscaler, self._options.run.target, models.note))
        yield from models.notes_on(item)
        meter.tick()
        yield meter.finished(str(target))


class SequenceJob:
    """Numbered frames: read, upscaled and written at once, each output whole; the numbers are kept.

    Frames whose results are there already are kept as they are with ``skip_existing``; a network that remembers is given them,
    so that the others are as in one run.
    """

    def __init__(
        self, item: Input, names: FrameNames, target: Path | FrameNames, models: LoadedModels, options: UpscaleOptions
    ) -> None:
        if isinstance(target, Path):
            raise OutputError(
                f"{target}: numbered frames are written as numbered frames", remedy=f"give a name such as {names.name}"
            )
        self._item, self._target, self._models, self._options = item, target, models, options
        self._files = ImageFiles(models, options, one_of_many=True)

    def run(self) -> Iterator[Event]:
        """Raises UpframeError for a frame that cannot be read, upscaled or written."""
        item, models, options = self._item, self._models, self._options
        pairs = self._pairs()
        self._note_numbers()
        first = self._files.read(item.frames[0])
        models.suit(lambda: condition_of_image(item.frames[0], first.pixels), (first.height, first.width), len(pairs))
        upscaler = models.upscaler(first.height, first.width)
        yield models.started(item, self._target, (first.height, first.width), frames=len(pairs))
        source = ((self._files.read(frame), path) for frame, path in pairs)
        meter = events.Meter(str(item.path), len(pairs))
        cuts = choose_cuts(options.run.cuts)()

        def stage(images: Iterable[tuple[Image, Path]]) -> Iterator[tuple[Image, Path]]:
            return upscale_images(images, upscaler, options.run.target, cuts, models.note)

        with closing(overlap(source, stage, self._write, capacity=2)) as results:
            for _ in results:
                yield from models.notes_on(item)
                yield meter.tick()
        yield from models.notes_on(item)
        yield meter.finished(str(self._target))

    def _pairs(self) -> list[tuple[Path, Path]]:
        """The frames to run, and their results. Raises OutputError for one that is there already."""
        files = self._options.files
        pairs = list(zip(self._item.frames, self._target.paths(self._item.numbers), strict=True))
        if not files.skip_existing:
            for _, path in pairs:
                refuse_existing(path, overwrite=files.overwrite)
            return pairs
        missing = [(frame, path) for frame, path in pairs if not path.exists()]
        if len(missing) < len(pairs):
            self._models.note(f"{len(pairs) - len(missing)} of {len(pairs)} frames are there already, and kept")
        return pairs if self._models.is_for_video and missing else missing

    def _write(self, pair: tuple[Image, Path]) -> None:
        image, path = pair
        if not (self._options.files.skip_existing and path.exists()):
            self._files.write(path, image)

    def _note_numbers(self) -> None:
        item, models = self._item, self._models
        if models.is_for_video:
            span = f"{item.numbers[0]} to {item.numbers[-1]}"
            models.note(f"{len(item.numbers)} numbered images, {span}, are the frames of one clip")
        if item.gaps:
            models.note(item.gaps)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise OutputError for a result that is there already."""
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already", remedy=OVERWRITE)
