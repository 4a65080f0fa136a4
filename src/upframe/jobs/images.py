"""Images, alone and numbered as the frames of a clip."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from upframe.engine import events
from upframe.engine.condition import condition_of_image
from upframe.engine.cuts import Cuts, ListedCuts, choose_cuts
from upframe.engine.events import Event
from upframe.engine.images import upscale_image, upscale_images
from upframe.engine.pipeline import overlap
from upframe.errors import OutputError
from upframe.jobs.loaded import LoadedModels
from upframe.jobs.options import UpscaleOptions
from upframe.jobs.planning import reach_of
from upframe.jobs.segments import Reach
from upframe.media.files import Input
from upframe.media.image.file import MAX_PIXELS, page_count, read_image, write_image, write_pages
from upframe.media.image.image import Image, format_for
from upframe.media.notes import once
from upframe.media.numbered import FrameNames
from upframe.models.streams import WARM_UP
from upframe.remedies import OVERWRITE

STRETCH = 250  # frames of a numbered clip after which a network that remembers is started again, warmed up
_Result = tuple[Image, Path | None]
"""An image, and where it is to be written, if it is."""


class ImageFiles:
    """Reads and writes images as the options say; what is to be noted goes to the models' notes."""

    def __init__(self, models: LoadedModels, options: UpscaleOptions, *, one_of_many: bool = False) -> None:
        """``one_of_many``: of a clip, so that notes are given once for all of its files."""
        self._options, self._note = options, once(models.note) if one_of_many else models.note

    def read(self, path: Path, page: int | None = None) -> Image:
        options = self._options
        return read_image(
            path,
            max_pixels=options.files.max_pixels or MAX_PIXELS,
            allow_truncated=options.files.allow_truncated,
            layer=options.image.layer,
            page=page,
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
    """One image file; all pages of a TIFF whose result is one, too."""

    def __init__(self, item: Input, target: Path, models: LoadedModels, options: UpscaleOptions) -> None:
        self._item, self._target, self._models, self._options = item, target, models, options
        self._files = ImageFiles(models, options)

    def run(self) -> Iterator[Event]:
        """Raises UpframeError for an image that cannot be read, upscaled or written."""
        item, target, models = self._item, self._target, self._models
        meter = events.Meter(str(item.path), 1)
        refuse_existing(target, overwrite=self._options.files.overwrite)  # before the work, not after it
        pages = page_count(item.path) if format_for(target) == "tiff" else 1
        if pages > 1:
            yield from self._run_pages(pages)
            return
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

    def _run_pages(self, count: int) -> Iterator[Event]:
        """Page by page, each by itself: one is in memory at a time."""
        item, target, models, options = self._item, self._target, self._models, self._options
        note, meter = once(models.note), events.Meter(str(item.path), count)
        first = self._files.read(item.path, 0)
        models.suit(lambda: condition_of_image(item.path, first.pixels), (first.height, first.width), 1)
        yield models.started(item, target, (first.height, first.width), frames=count)
        depth, overwrite = options.image.depth, options.files.overwrite
        with write_pages(target, count, depth=depth, overwrite=overwrite, on_note=note) as put:
            for page in range(count):
                image = self._files.read(item.path, page)
                put(upscale_image(image, models.upscaler(image.height, image.width), options.run.target, note))
                yield from models.notes_on(item)
                yield meter.tick()
        yield meter.finished(str(target))


class SequenceJob:
    """Numbered frames: read, upscaled and written at once, each output whole; the numbers are kept.

    Frames whose results are there already are kept as they are with ``skip_existing``. A network that remembers is warmed up
    every ``STRETCH`` frames, so that it can start near those that are missing, with the bytes of an uninterrupted run.
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
        missing = self._missing()
        self._note_numbers()
        first = self._files.read(item.frames[0])
        models.suit(lambda: condition_of_image(item.frames[0], first.pixels), (first.height, first.width), len(missing))
        upscaler = models.upscaler(first.height, first.width)
        count = len(item.frames)
        yield models.started(item, self._target, (first.height, first.width), frames=count)
        runs = stretches(missing, count, reach_of(upscaler.info))
        source = (
            (self._files.read(item.frames[number]), missing.get(number) if number >= run.first else None)
            for run in runs
            for number in run.frames
        )
        meter = events.Meter(str(item.path), count, count - len(missing))

        def stage(images: Iterable[_Result]) -> Iterator[_Result]:
            coming = iter(images)
            for run in runs:
                cuts = cuts_from(run.frames[0], options.run.cuts)
                yield from upscale_images(islice(coming, len(run.frames)), upscaler, options.run.target, cuts, models.note)

        with closing(overlap(source, stage, self._write, capacity=2)) as results:
            for _, path in results:
                yield from models.notes_on(item)
                if path is not None:
                    yield meter.tick()
        yield from models.notes_on(item)
        yield meter.finished(str(self._target))

    def _missing(self) -> dict[int, Path]:
        """Of each frame to be made, by its place in the clip, its result. Raises OutputError for one that is there already."""
        files, paths = self._options.files, self._target.paths(self._item.numbers)
        if not files.skip_existing:
            for path in paths:
                refuse_existing(path, overwrite=files.overwrite)
            return dict(enumerate(paths))
        missing = {number: path for number, path in enumerate(paths) if not path.exists()}
        if len(missing) < len(paths):
            self._models.note(f"{len(paths) - len(missing)} of {len(paths)} frames are there already, and kept")
        return missing

    def _write(self, result: _Result) -> None:
        image, path = result
        if path is not None:
            self._files.write(path, image)

    def _note_numbers(self) -> None:
        item, models = self._item, self._models
        if models.is_for_video:
            span = f"{item.numbers[0]} to {item.numbers[-1]}"
            models.note(f"{len(item.numbers)} numbered images, {span}, are the frames of one clip")
        if item.gaps:
            models.note(item.gaps)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames that are run one after the other; those before ``first`` are its warm-up."""

    first: int
    frames: Sequence[int]


def stretches(missing: Collection[int], count: int, reach: Reach) -> list[Stretch]:
    """Which of ``count`` frames are run so that the missing ones are made, in stretches that know nothing of each other.

    Where one begins does not depend on what is missing: every ``STRETCH`` frames, with those before as warm-up. A network that
    works in chunks looks back along the whole clip, and has one stretch.
    """
    if reach == Reach():
        return [Stretch(0, sorted(missing))] if missing else []
    length = count if reach.step > 1 else STRETCH
    runs = []
    for first in range(0, count, length):
        begin, stop = max(first - reach.past, 0), min(first + length, count)
        last = max((number for number in missing if first <= number < stop), default=None)
        if last is not None:
            # A network is started with what it is shown first, as many frames as that takes.
            end = stop if reach.future else min(max(last, begin + WARM_UP) + 1, stop)
            runs.append(Stretch(first, range(begin, end)))
    return runs


def cuts_from(begin: int, choice: str) -> Cuts:
    """The judge of cuts for frames from ``begin`` on."""
    judge = choose_cuts(choice)()
    if isinstance(judge, ListedCuts):
        judge.pass_over(begin)
    return judge


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise OutputError for a result that is there already."""
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already", remedy=OVERWRITE)
