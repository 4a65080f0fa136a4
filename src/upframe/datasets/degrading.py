"""A command's worth of degradation: images, folders, numbered frames and videos made smaller, each written whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from upframe.datasets.degradation import Degradation, Pixels
from upframe.datasets.film_degradation import FilmDegradation
from upframe.datasets.images import eight_bits, read_rgb
from upframe.datasets.videos import rgb_depth, rgb_of
from upframe.errors import InputError, OutputError, ShapeError
from upframe.media.atomic import atomic_output
from upframe.media.files import Input
from upframe.media.image.file import read_image, write_image
from upframe.media.image.image import Image
from upframe.media.naming import PlannedOutput
from upframe.media.notes import Notes, named, once
from upframe.media.numbered import FrameNames
from upframe.media.video.encoders import EncoderSettings
from upframe.media.video.info import RawFrame
from upframe.media.video.reader import VideoReader
from upframe.media.video.writer import VideoWriter
from upframe.ops.colour import rgb_to_planes
from upframe.remedies import OVERWRITE


class InputOpened(NamedTuple):
    """Told when an input is open. Sizes: (width, height); ``frames`` is None where a video does not say how many it has."""

    size: tuple[int, int]
    small: tuple[int, int]
    frames: int | None


class Degrader:
    """Makes inputs smaller, one after the other. ``on_note`` receives in a line each what a user should know."""

    def __init__(self, degradation: Degradation | FilmDegradation, scale: int, *, overwrite: bool, on_note: Notes) -> None:
        self.degradation, self.scale = degradation, scale
        self.overwrite = overwrite
        self._note = on_note

    def run(self, task: PlannedOutput) -> Generator[InputOpened | int, None, None]:
        """``InputOpened``, then the number of each frame that is done; at the end the result is whole and has its name.

        Raises InputError for what cannot be read or is too small, OutputError for what is there already or cannot be written.
        """
        item, target = task.item, task.target
        if task.refusal is not None:
            raise task.refusal
        if task.note:
            self._note(task.note)
        if item.kind in ("video", "animation"):
            return self._video(item.path, target)
        if isinstance(target, FrameNames):
            return self._images(item, target.paths(item.numbers))
        if item.kind == "sequence":
            raise OutputError(f"{target}: one name for {len(item.numbers)} frames", remedy="give a numbered one")
        return self._images(item, (target,))

    def _images(self, item: Input, targets: Sequence[Path]) -> Generator[InputOpened | int, None, None]:
        """Each by itself; by a film degradation numbered ones are a clip, whose frames are compressed together."""
        for target in targets:
            if target.exists() and not self.overwrite:
                raise OutputError(f"{target}: exists already", remedy=OVERWRITE)
        if item.gaps:
            self._note(item.gaps)
        degradation = self.degradation
        if isinstance(degradation, FilmDegradation):
            yield from self._clip_of_images(item, targets)
            return
        for number, (path, target) in enumerate(zip(item.frames, targets, strict=True)):
            note = named(path, self._note) if len(targets) > 1 else self._note
            image = read_image(path, on_note=note)
            small = _smaller(degradation, image, self.scale, path)
            if number == 0:
                yield InputOpened((image.width, image.height), (small.width, small.height), len(targets))
            write_image(target, small, overwrite=self.overwrite, on_note=note)
            yield number

    def _clip_of_images(self, item: Input, targets: Sequence[Path]) -> Iterator[InputOpened | int]:
        height, width = read_rgb(item.frames[0]).shape[:2]
        yield InputOpened((width, height), (width // self.scale, height // self.scale), len(targets))
        frames = (read_rgb(path) for path in item.frames)
        note = once(self._note)
        for number, (pixels, target) in enumerate(zip(self._clip(frames, item.path), targets, strict=True)):
            write_image(target, Image(pixels), overwrite=self.overwrite, on_note=note)
            yield number

    def _video(self, path: Path, target: Path | FrameNames) -> Generator[InputOpened | int, None, None]:
        with VideoReader(path, on_note=self._note) as reader:
            info = reader.info
            small = info.width // self.scale, info.height // self.scale
            if info.layout.alpha:
                self._note("transparency is left out")
            if not all(small):
                raise InputError(f"{path}: {info.width}x{info.height} is too small to be degraded by {self.scale}")
            yield InputOpened((info.width, info.height), small, info.frames)
            yield from (
                self._video_to_video(reader, target, small)
                if isinstance(target, Path)
                else self._video_to_images(reader, target)
            )

    def _video_to_images(self, reader: VideoReader, names: FrameNames) -> Iterator[int]:
        note = once(self._note)
        with atomic_output(names.folder, overwrite=self.overwrite, folder=True) as folder:
            frames = (rgb_of(item, reader.info) for item in reader if isinstance(item, RawFrame))
            for index, pixels in enumerate(self._clip(frames, reader.path)):
                write_image(names.within(folder).path(index), Image(pixels), on_note=note)
                yield index

    def _video_to_video(self, reader: VideoReader, target: Path, small: tuple[int, int]) -> Iterator[int]:
        """RGB without loss, at the old times; sound and the rest pass by."""
        eight_bits = rgb_depth(reader.info) == 8 or isinstance(self.degradation, FilmDegradation)
        settings = EncoderSettings(codec="ffv1", pix_fmt="gbrp" if eight_bits else "gbrp16le")
        waiting: deque[RawFrame] = deque()  # whose images are on their way: a codec gives none before it has all
        with (
            atomic_output(target, overwrite=self.overwrite) as temporary,
            VideoWriter(temporary, reader, small[::-1], settings, on_note=self._note, name=target) as writer,
        ):

            def frames() -> Iterator[Pixels]:
                for item in reader:
                    if isinstance(item, RawFrame):
                        waiting.append(replace(item, planes=()))
                        yield rgb_of(item, reader.info)
                    else:
                        writer.copy(item)

            for pixels in self._clip(frames(), reader.path):
                item = waiting.popleft()
                writer.write(replace(item, planes=_planes(pixels, writer)))
                yield item.index

    def _clip(self, frames: Iterable[Pixels], path: Path) -> Iterator[Pixels]:
        """Frames made smaller, in order. Raises InputError for frames that are too small."""
        if isinstance(self.degradation, FilmDegradation):
            self._note(f"{self.degradation}, seed {self.degradation.seed}: {self.degradation.faults(path.name)}")
            frames = map(eight_bits, frames)
        try:
            yield from self.degradation.clip(frames, self.scale, path.name)
        except ShapeError as error:
            raise InputError(f"{path}: {error}", remedy=error.remedy) from error


def _smaller(degradation: Degradation, image: Image, scale: int, path: Path) -> Image:
    """An image with its alpha, both degraded. Raises InputError for one that is too small."""
    try:
        alpha = None if image.alpha is None else degradation.pixels(image.alpha, scale)
        return replace(image, pixels=degradation.pixels(image.pixels, scale), alpha=alpha)
    except ShapeError as error:
        raise InputError(f"{path}: {error}", remedy=error.remedy) from error


@torch.inference_mode()
def _planes(pixels: Pixels, writer: VideoWriter) -> tuple[Pixels, ...]:
    """RGB codes as the planes that a video is written from."""
    full = 255 if pixels.dtype.itemsize == 1 else 65535
    rgb = torch.from_numpy(pixels.transpose(2, 0, 1).astype("float32"))[None] / full
    planes = rgb_to_planes(rgb, matrix="rgb", full_range=writer.colour.full_range, depth=writer.layout.depth)
    return tuple(plane.numpy() for plane in planes)
