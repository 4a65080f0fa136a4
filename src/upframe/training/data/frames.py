"""Where the frames of a training come from: folders, videos, LMDBs, and images that are drawn."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from upframe.datasets.held_out import HeldOut
from upframe.datasets.images import eight_bits, read_rgb
from upframe.datasets.lmdb_clips import LmdbClips
from upframe.datasets.published_folders import images_in, subfolders, videos_in
from upframe.errors import InputError
from upframe.media.files import VIDEO_SUFFIXES
from upframe.regular import refuse_irregular
from upframe.training.data.drawing import draw_image
from upframe.training.data.videos import SoughtVideo

Frame = NDArray[np.uint8]
"""(h, w, 3) RGB."""
DRAWN = "drawn:"  # before the numbers of the first and the last


_T = TypeVar("_T")


class Keep(Protocol):
    """Of the items of a source those that may be trained on; ``place`` says where one is."""

    def __call__(self, source: str, items: list[_T], place: Callable[[_T], Path], /) -> list[_T]: ...


class Clip(Protocol):
    """Frames in order, as they are stored."""

    @property
    def name(self) -> str: ...
    def __len__(self) -> int: ...
    def read(self, index: int) -> Frame:
        """A frame, not to be changed. Raises InputError, naming the file."""
        ...


@dataclass(frozen=True, eq=False)
class FileClip:
    """A file for each frame."""

    name: str
    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, index: int) -> Frame:
        return eight_bits(read_rgb(self.paths[index]))


@dataclass(frozen=True, eq=False)
class VideoClip:
    """A video. Frames are quick in order; others cost the decoding from the key frame before."""

    name: str
    frames: SoughtVideo

    def __len__(self) -> int:
        return len(self.frames)

    def read(self, index: int) -> Frame:
        return eight_bits(self.frames.read(index))


@dataclass(frozen=True, eq=False)
class LmdbClip:
    """A clip of an LMDB."""

    name: str
    clips: LmdbClips

    def __len__(self) -> int:
        return self.clips.clips[self.name].frames

    def read(self, index: int) -> Frame:
        return np.repeat(frame, 3, axis=2) if (frame := self.clips.frame(self.name, index)).shape[2] == 1 else frame


@dataclass(frozen=True, eq=False)
class DrawnImage:
    """A clip of one frame that is drawn when it is asked for; number and nothing else says what it shows."""

    number: int

    @property
    def name(self) -> str:
        return f"{DRAWN}{self.number}"

    def __len__(self) -> int:
        return 1

    def read(self, index: int) -> Frame:
        return draw_image(self.number + index)


def open_images(sources: Sequence[str], held_out: HeldOut | None = None) -> list[Clip]:
    """Every image of folders and files, a clip of one frame each; ``drawn:0-23`` stands for 24 drawn ones.

    Without those for testing, where there is a ``held_out`` that keeps account of them. Raises InputError for what is missing
    or holds no images.
    """
    images: list[Clip] = []
    keep = _keeper(held_out)
    for source in sources:
        if source.startswith(DRAWN):
            images += [DrawnImage(number) for number in numbers_in(source, DRAWN)]
            continue
        path = _existing(source)
        files = [path] if path.is_file() else sorted(p for f in (path, *subfolders(path)) for p in images_in(f))
        if not files:
            raise InputError(f"{path}: no images in this folder or in the folders below it")
        files = keep(source, files, lambda file: file)
        images += [FileClip(str(file), (file,)) for file in files]
    return images


def open_clips(sources: Sequence[str], held_out: HeldOut | None = None, *, skip_damaged: bool = False) -> list[Clip]:
    """Every clip of folders: a video, a folder of videos, an LMDB, a folder of numbered frames, or a folder of such folders.

    Also Vimeo-90K's folder, of which those of its training list are taken. Clips for testing are left out, where there is a
    ``held_out`` that keeps account of them. ``skip_damaged``: videos that are cut short have the frames before, and those that
    cannot be read at all are left out.
    Raises InputError for what is missing or holds no clips, MissingExtra for an LMDB without its package.
    """
    keep = _keeper(held_out)
    return [clip for source in sources for clip in _clips_at(source, keep, skip_damaged)]


def _keeper(held_out: HeldOut | None) -> Keep:
    return (lambda _, items, __: items) if held_out is None else held_out.keep


def _clips_at(source: str, keep: Keep, skip_damaged: bool) -> list[Clip]:
    path = _existing(source)
    if path.is_file():
        if path.suffix.lower() not in VIDEO_SUFFIXES:
            raise InputError(f"{path}: is not a video; clips are videos, LMDBs and folders of frames")
        keep(source, [path], lambda video: video)
        return [VideoClip(str(path), SoughtVideo(path, skip_damaged=skip_damaged))]
    if (path / "data.mdb").is_file():
        packed = LmdbClips(path)
        return [LmdbClip(name, packed) for name in keep(source, list(packed.clips), lambda name: path / name)]
    clips: list[Clip] = []
    for video in keep(source, videos_in(path), lambda video: video):
        try:
            clips.append(VideoClip(str(video), SoughtVideo(video, skip_damaged=skip_damaged)))
        except InputError:
            if not skip_damaged:
                raise
    folders = _vimeo_folders(path) or [folder for folder in subfolders(path) if images_in(folder)] or [path]
    found = [(folder, files) for folder in folders if (files := images_in(folder))]
    kept = keep(source, found, lambda pair: pair[0])
    clips += [FileClip(str(folder), tuple(files)) for folder, files in kept]
    if not clips:
        raise InputError(f"{path}: no clips here: videos, an LMDB or folders of frames are expected")
    return clips


def _vimeo_folders(path: Path) -> list[Path]:
    """The clips of Vimeo-90K's training list, where ``path`` is its folder; all clips where there is no such list."""
    sequences = path / "sequences"
    if not sequences.is_dir() or not any((path / f"{kind}_testlist.txt").is_file() for kind in ("sep", "tri")):
        return []
    listed = [path / f"{kind}_trainlist.txt" for kind in ("sep", "tri")]
    for file in filter(Path.is_file, listed):
        try:
            names = [line.split()[0] for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{file}: cannot be read: {error}") from error
        return [sequences / name for name in names if ".." not in Path(name).parts and not Path(name).is_absolute()]
    return [clip for group in subfolders(sequences) for clip in subfolders(group)]


def numbers_in(source: str, start: str) -> range:
    """The numbers of ``drawn:0-23`` and the like, both ends among them. Raises InputError for what is not written so."""
    first, _, last = source.removeprefix(start).partition("-")
    if not all(digits.isdecimal() and len(digits) < 10 for digits in (first, last)) or int(first) > int(last):
        raise InputError(f"{source}: does not say which ones to make", remedy=f"write {start}0-23 for the first 24")
    return range(int(first), int(last) + 1)


def _existing(source: str) -> Path:
    path = Path(source).expanduser()
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    refuse_irregular(path)
    return path


class FrameCache:
    """The frames used last, up to ``size`` bytes; a video is then decoded once as long as it fits."""

    def __init__(self, size: int) -> None:
        self._size, self._held = size, 0
        self._frames: OrderedDict[tuple[Clip, int], Frame] = OrderedDict()

    def read(self, clip: Clip, index: int) -> Frame:
        """A frame of a clip, not to be changed. Raises InputError as the clip does."""
        key = clip, index
        if (frame := self._frames.get(key)) is not None:
            self._frames.move_to_end(key)
            return frame
        frame = clip.read(index)
        self._frames[key] = frame
        self._held += frame.nbytes
        while self._held > self._size and len(self._frames) > 1:
            self._held -= self._frames.popitem(last=False)[1].nbytes
        return frame
