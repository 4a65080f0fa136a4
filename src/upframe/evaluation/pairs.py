"""What is compared with what: files, folders and videos brought together frame by frame, read as they are needed."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import PIL.Image
from numpy.typing import NDArray

from upframe.datasets.images import read_rgb, read_seen
from upframe.datasets.videos import rgb_of
from upframe.errors import InputError
from upframe.media.files import Input, find_inputs, natural_key
from upframe.media.video.info import RawFrame
from upframe.media.video.reader import VideoReader, probe
from upframe.regular import refuse_irregular
from upframe.remedies import Option, way

Pixels = NDArray[Any]
Notes = Callable[[str], None]


class FramePair(NamedTuple):
    """One frame of both sides: (h, w, 3) RGB of uint8, uint16 or float32, display-referred; ``hole`` (h, w, 3) likewise."""

    name: str
    result: Pixels
    reference: Pixels
    hole: Pixels | None
    label: str
    """Both files, as a message names them."""


@dataclass(frozen=True, slots=True)
class PairedClip:
    """Frames that belong together; an image is a clip of one.

    frames: how many, None where a video does not say. rate: frames a second, where a video says so. ``open`` starts again.
    """

    name: str
    frames: int | None
    rate: float
    open: Callable[[], Generator[FramePair, None, None]]


@dataclass(frozen=True, slots=True)
class _Side:
    """The files of one of the two, by their name below its folder, without suffix."""

    path: str
    images: dict[str, Path]
    videos: dict[str, Path]

    @property
    def video(self) -> Path | None:
        """The one video that there is."""
        return next(iter(self.videos.values())) if len(self.videos) == 1 and not self.images else None


def pair_up(result: str, reference: str, *, holes: str | None, align: bool, on_note: Notes) -> list[PairedClip]:
    """The clips to compare: two images, two videos, a video and frames, or two folders, whose files are matched by name.

    Images of one folder that are numbered without a gap and have one size are the frames of a clip; others stand for
    themselves. ``holes``: images that are white where a pixel counts, named as the references. ``align`` leaves out what one
    side has alone. Raises InputError for a side that is not there, for names that one side has alone, for different numbers
    of frames.
    """
    ours, theirs = _side(result), _side(reference)
    if ours.video is not None or theirs.video is not None:
        if holes is not None:
            raise InputError(f"{holes}: maps of holes are for images, not for videos")
        return [_in_order(ours, theirs, align=align, on_note=on_note)]
    clips = [
        _video_clip(name, ours.videos[mine], path, align=align, on_note=on_note)
        for mine, name, path in _matched(ours.path, ours.videos, theirs.path, theirs.videos, align=align, on_note=on_note)
    ]
    matched = _matched(ours.path, ours.images, theirs.path, theirs.images, align=align, on_note=on_note)
    if not matched and not clips:
        raise InputError(f"{result}: has nothing to compare with {reference}")
    maps = None if holes is None else _side(holes)
    images = [(name, ours.images[mine], path, _hole_of(maps, name, len(matched))) for mine, name, path in matched]
    return clips + _image_clips(images, theirs.path, on_note)


def _side(argument: str) -> _Side:
    images: dict[str, Path] = {}
    videos: dict[str, Path] = {}
    for item in find_inputs([argument]):
        into = videos if item.kind in ("video", "animation") else images
        for name, path in _named_files(item):
            if name in into:
                raise InputError(f"{path}: {into[name].name} has the same name", remedy="remove one of the two")
            into[name] = path
    return _Side(argument, images, videos)


def _named_files(item: Input) -> Iterator[tuple[str, Path]]:
    if item.kind == "sequence":
        yield from ((path.stem, path) for path in item.frames)
    else:
        yield item.relative.with_suffix("").as_posix(), item.path


# --- names


def _matched(
    result: str, ours: dict[str, Path], reference: str, theirs: dict[str, Path], *, align: bool, on_note: Notes
) -> list[tuple[str, str, Path]]:
    """The name on our side, the reference's name and file, in natural order of the references."""
    if not ours or not theirs:
        _tell_alone(result, list(theirs), reference, list(ours), align=align, on_note=on_note)
        return []
    names = sorted(theirs, key=lambda name: natural_key(Path(name)))
    if len(ours) == len(theirs) == 1:
        return [(next(iter(ours)), names[0], theirs[names[0]])]
    suffix = _label(ours, names)
    if suffix is None:
        if len(ours) != len(theirs) or not (_numbered(list(ours)) and _numbered(names)):
            raise InputError(
                f"{result}: none of its files has the name of one of {reference} ({_some(list(ours))} against {_some(names)})"
            )
        on_note("no names match: the numbered frames are compared in their order")
        mine = sorted(ours, key=lambda name: natural_key(Path(name)))
        return [(one, name, theirs[name]) for one, name in zip(mine, names, strict=True)]
    missing = [name for name in names if name + suffix not in ours]
    wanted = {name + suffix for name in names}
    surplus = [name for name in ours if name not in wanted]
    _tell_alone(result, missing, reference, surplus, align=align, on_note=on_note)
    return [(name + suffix, name, theirs[name]) for name in names if name + suffix in ours]


def _label(ours: dict[str, Path], names: Sequence[str]) -> str | None:
    """What the results' names have behind the references': mostly nothing, or something like ``-x2``; None: they are others."""
    if any(name in ours for name in names):
        return ""
    for name in names:
        endings = sorted((one.removeprefix(name) for one in ours if one.startswith(name)), key=len)
        for ending in endings:
            if not ending[0].isdigit() and all(other + ending in ours for other in names):
                return ending
    return None


def _tell_alone(result: str, missing: list[str], reference: str, surplus: list[str], *, align: bool, on_note: Notes) -> None:
    """What one side has alone is an error; with ``align`` it is noted."""
    parts = []
    if missing:
        parts.append(f"{len(missing)} of {reference} missing in {result} ({_some(missing)})")
    if surplus:
        parts.append(f"{len(surplus)} of {result} missing in {reference} ({_some(surplus)})")
    if not parts:
        return
    if not align:
        raise InputError(f"{'; '.join(parts)}", remedy=way("to compare what both have, use ", Option("align", True)))
    on_note(f"left out: {'; '.join(parts)}")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _number(name: str) -> tuple[str, int] | None:
    match = re.fullmatch(r"(.*?)(\d{1,18})", name)
    return (match[1], int(match[2])) if match else None


def _numbered(names: Sequence[str]) -> bool:
    """Whether names differ in a number at their end alone, which runs without a gap."""
    numbers = [_number(name) for name in sorted(names, key=lambda name: natural_key(Path(name)))]
    return len(names) > 1 and all(
        a is not None and b is not None and a[0] == b[0] and b[1] == a[1] + 1 for a, b in pairwise(numbers)
    )


# --- clips of images

_Files = tuple[str, Path, Path, Path | None]
"""The name, the result, the reference, the map of holes."""


def _hole_of(maps: _Side | None, name: str, count: int) -> Path | None:
    if maps is None:
        return None
    if name in maps.images:
        return maps.images[name]
    if count == len(maps.images) == 1:
        return next(iter(maps.images.values()))
    raise InputError(f"{maps.path}: has no map of holes for {name}")


def _image_clips(images: Sequence[_Files], reference: str, on_note: Notes) -> list[PairedClip]:
    folders: dict[str, list[_Files]] = {}
    for files in images:
        folders.setdefault(str(PurePosixPath(files[0]).parent), []).append(files)
    clips = []
    for folder, together in folders.items():
        if _numbered([PurePosixPath(files[0]).name for files in together]) and _of_one_size([files[2] for files in together]):
            name = folder if folder != "." else Path(reference.rstrip("/")).name
            if "%" in name or "#" in name:  # a numbered sequence
                name = together[0][2].parent.name
            clips.append(_image_clip(name, together, on_note))
        else:
            clips += [_image_clip(files[0], [files], on_note) for files in together]
    return clips


def _image_clip(name: str, files: Sequence[_Files], on_note: Notes) -> PairedClip:
    def read() -> Generator[FramePair, None, None]:
        for frame, ours, theirs, hole in files:
            marks = None if hole is None else read_rgb(hole)
            result, reference = read_seen(ours, on_note), read_seen(theirs, on_note)
            yield FramePair(PurePosixPath(frame).name, result, reference, marks, f"{ours} and {theirs}")

    return PairedClip(name, len(files), 0.0, read)


def _of_one_size(paths: Sequence[Path]) -> bool:
    """By their headers; what Pillow cannot read, such as OpenEXR, counts as equal."""
    sizes = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on images of many pixels, which are not read here
        for path in paths:
            refuse_irregular(path)
            try:
                with PIL.Image.open(path) as image:
                    sizes.add(image.size)
            except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError):
                continue
            if len(sizes) > 1:
                return False
    return True


# --- videos


@dataclass(frozen=True, slots=True)
class _Frames:
    """Frames in order, from a video or from images."""

    path: str
    count: int | None
    certain: bool
    rate: float
    open: Callable[[], Generator[Pixels, None, None]]


def _video(path: Path) -> _Frames:
    info = probe(path)

    def read() -> Generator[Pixels, None, None]:
        with VideoReader(path) as reader:
            yield from (rgb_of(item, reader.info) for item in reader if isinstance(item, RawFrame))

    return _Frames(str(path), info.frames, info.frames_exact, float(info.average_rate or 0), read)


def _frames(side: _Side, on_note: Notes) -> _Frames:
    if side.video is not None:
        return _video(side.video)
    names = sorted(side.images, key=lambda name: natural_key(Path(name)))
    if side.videos or not names or len({PurePosixPath(name).parent for name in names}) > 1:
        raise InputError(
            f"{side.path}: a video is compared with another video, or with a folder of its frames and nothing else"
        )

    def read() -> Generator[Pixels, None, None]:
        yield from (read_seen(side.images[name], on_note) for name in names)

    return _Frames(side.path, len(names), True, 0.0, read)


def _in_order(ours: _Side, theirs: _Side, *, align: bool, on_note: Notes) -> PairedClip:
    name = Path((theirs.video or ours.video or Path(theirs.path)).name).stem
    return _ordered_clip(name, _frames(ours, on_note), _frames(theirs, on_note), align=align, on_note=on_note)


def _video_clip(name: str, ours: Path, theirs: Path, *, align: bool, on_note: Notes) -> PairedClip:
    return _ordered_clip(name, _video(ours), _video(theirs), align=align, on_note=on_note)


def _ordered_clip(name: str, ours: _Frames, theirs: _Frames, *, align: bool, on_note: Notes) -> PairedClip:
    """A clip of what two sources give one after the other. Raises InputError at once where their numbers surely differ."""
    if ours.certain and theirs.certain and ours.count != theirs.count and not align:
        raise InputError(
            f"{ours.path}: has {ours.count} frames, but {theirs.path} has {theirs.count}",
            remedy=way("to compare the first of both, use ", Option("align", True)),
        )
    counts = [count for count in (ours.count, theirs.count) if count is not None]

    def read() -> Generator[FramePair, None, None]:
        index = 0
        with closing(ours.open()) as mine, closing(theirs.open()) as others:
            while True:
                result, reference = next(mine, None), next(others, None)
                if result is None or reference is None:
                    break
                yield FramePair(f"{index:05d}", result, reference, None, f"{ours.path} and {theirs.path}, frame {index}")
                index += 1
        if result is not reference:
            short, long = (ours, theirs) if result is None else (theirs, ours)
            words = f"{short.path}: ends after {index} frames; {long.path} goes on"
            if not align:
                raise InputError(f"{words}", remedy=way(f"to compare the first {index}, use ", Option("align", True)))
            on_note(f"{words}: the first {index} of both were compared")

    return PairedClip(name, min(counts) if counts else None, theirs.rate or ours.rate, read)
