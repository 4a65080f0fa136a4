"""A command's worth of degradation: pictures, folders, numbered frames and films made smaller, each written whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from upframe.data.degradation import Degradation, Pixels
from upframe.data.film_degradation import FilmDegradation
from upframe.data.films import rgb_depth, rgb_of
from upframe.data.pictures import eight_bits, read_rgb
from upframe.errors import InputError, OutputError, ShapeError
from upframe.media.atomic import atomic_output
from upframe.media.files import Input
from upframe.media.films.encoders import EncoderSettings
from upframe.media.films.film import Notes, RawFrame
from upframe.media.films.reader import FilmReader
from upframe.media.films.writer import FilmWriter
from upframe.media.naming import Planned
from upframe.media.numbered import FrameNames
from upframe.media.pictures.file import read_picture, write_picture
from upframe.media.pictures.picture import Picture
from upframe.ops.colour import rgb_to_planes


class Begun(NamedTuple):
    """Told when an input is open. Sizes: (width, height); ``frames`` is None where a film does not say how many it has."""

    size: tuple[int, int]
    small: tuple[int, int]
    frames: int | None


class Degrader:
    """Makes inputs smaller, one after the other. ``on_note`` is told in a line each what a user should know."""

    def __init__(self, degradation: Degradation | FilmDegradation, scale: int, *, overwrite: bool, on_note: Notes) -> None:
        self.degradation, self.scale = degradation, scale
        self.overwrite = overwrite
        self._note = on_note

    def run(self, task: Planned) -> Generator[Begun | int, None, None]:
        """``Begun``, then the number of each frame that is done; at the end the result is whole and has its name.

        Raises InputError for what cannot be read or is too small, OutputError for what is there already or cannot be written.
        """
        item, target = task.item, task.target
        if task.refusal is not None:
            raise task.refusal
        if task.note:
            self._note(task.note)
        if item.kind == "film":
            return self._film(item.path, target)
        if isinstance(target, FrameNames):
            return self._pictures(item, target.paths(item.numbers))
        if item.kind == "sequence":
            raise OutputError(f"{target}: one name for {len(item.numbers)} frames; give a numbered one")
        return self._pictures(item, (target,))

    def _pictures(self, item: Input, targets: Sequence[Path]) -> Generator[Begun | int, None, None]:
        """Each by itself; by a film degradation numbered ones are a clip, whose frames are compressed together."""
        for target in targets:
            if target.exists() and not self.overwrite:
                raise OutputError(f"{target}: exists already; write elsewhere, or replace it with --overwrite")
        if item.gaps:
            self._note(item.gaps)
        degradation = self.degradation
        if isinstance(degradation, FilmDegradation):
            yield from self._clip_of_pictures(item, targets)
            return
        for number, (path, target) in enumerate(zip(item.frames, targets, strict=True)):
            picture = read_picture(path, on_note=self._note)
            small = _smaller(degradation, picture, self.scale, path)
            if number == 0:
                yield Begun((picture.width, picture.height), (small.width, small.height), len(targets))
            write_picture(target, small, overwrite=self.overwrite, on_note=self._note)
            yield number

    def _clip_of_pictures(self, item: Input, targets: Sequence[Path]) -> Iterator[Begun | int]:
        height, width = read_rgb(item.frames[0]).shape[:2]
        yield Begun((width, height), (width // self.scale, height // self.scale), len(targets))
        frames = (read_rgb(path) for path in item.frames)
        for number, (pixels, target) in enumerate(zip(self._clip(frames, item.path), targets, strict=True)):
            write_picture(target, Picture(pixels), overwrite=self.overwrite, on_note=self._note)
            yield number

    def _film(self, path: Path, target: Path | FrameNames) -> Generator[Begun | int, None, None]:
        with FilmReader(path, on_note=self._note) as reader:
            info = reader.info
            small = info.width // self.scale, info.height // self.scale
            if info.layout.alpha:
                self._note("transparency is left out")
            if not all(small):
                raise InputError(f"{path}: {info.width}x{info.height} is too small to be degraded by {self.scale}")
            yield Begun((info.width, info.height), small, info.frames)
            yield from (
                self._film_to_film(reader, target, small)
                if isinstance(target, Path)
                else self._film_to_pictures(reader, target)
            )

    def _film_to_pictures(self, reader: FilmReader, names: FrameNames) -> Iterator[int]:
        with atomic_output(names.folder, overwrite=self.overwrite, folder=True) as folder:
            frames = (rgb_of(item, reader.info) for item in reader if isinstance(item, RawFrame))
            for index, pixels in enumerate(self._clip(frames, reader.path)):
                write_picture(names.within(folder).path(index), Picture(pixels), on_note=self._note)
                yield index

    def _film_to_film(self, reader: FilmReader, target: Path, small: tuple[int, int]) -> Iterator[int]:
        """RGB without loss, at the old times; sound and the rest pass by."""
        eight_bits = rgb_depth(reader.info) == 8 or isinstance(self.degradation, FilmDegradation)
        settings = EncoderSettings(codec="ffv1", pix_fmt="gbrp" if eight_bits else "gbrp16le")
        waiting: deque[RawFrame] = deque()  # whose pictures are on their way: a codec gives none before it has all
        with (
            atomic_output(target, overwrite=self.overwrite) as temporary,
            FilmWriter(temporary, reader, small[::-1], settings, on_note=self._note, name=target) as writer,
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
            self._note(f"{path}: {self.degradation}, seed {self.degradation.seed}: {self.degradation.faults(path.name)}")
            frames = map(eight_bits, frames)
        try:
            yield from self.degradation.clip(frames, self.scale, path.name)
        except ShapeError as error:
            raise InputError(f"{path}: {error}") from error


def _smaller(degradation: Degradation, picture: Picture, scale: int, path: Path) -> Picture:
    """A picture with its alpha, both degraded. Raises InputError for one that is too small."""
    try:
        alpha = None if picture.alpha is None else degradation.pixels(picture.alpha, scale)
        return replace(picture, pixels=degradation.pixels(picture.pixels, scale), alpha=alpha)
    except ShapeError as error:
        raise InputError(f"{path}: {error}") from error


@torch.inference_mode()
def _planes(pixels: Pixels, writer: FilmWriter) -> tuple[Pixels, ...]:
    """RGB codes as the planes that a film is written from."""
    full = 255 if pixels.dtype.itemsize == 1 else 65535
    rgb = torch.from_numpy(pixels.transpose(2, 0, 1).astype("float32"))[None] / full
    planes = rgb_to_planes(rgb, matrix="rgb", full_range=writer.colour.full_range, depth=writer.layout.depth)
    return tuple(plane.numpy() for plane in planes)
