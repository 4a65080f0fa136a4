"""A folder of clips packed into an LMDB, for training from a disk that is slow at small files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upframe.datasets.images import read_rgb
from upframe.datasets.lmdb_clips import ClipShape, LmdbWriter
from upframe.datasets.published_folders import images_in, subfolders
from upframe.errors import InputError, OutputError
from upframe.media.atomic import atomic_output
from upframe.remedies import WRITE_ELSEWHERE

Progress = Callable[[int, int], None]
"""Called with the frames that are packed and those there are."""


@dataclass(frozen=True, slots=True)
class Packed:
    """What was packed; ``size`` in bytes of pixels."""

    clips: int
    frames: int
    size: int


def pack(
    source: Path, target: Path, *, only: Sequence[str] = (), overwrite: bool = False, on_progress: Progress = lambda *_: None
) -> Packed:
    """Pack a folder's clips, each a folder of images of one size, into ``target``, an LMDB as TecoGAN's code reads it.

    A clip in a folder of folders (``00001/0266``) is named with an underscore (``00001_0266``). ``only``: the names of the
    clips to take. The LMDB appears whole or not at all. Raises InputError for a folder without clips, for images that are
    damaged, of another size than their clip's first, or of more than 8 bits; OutputError when the target is there already, or
    is a folder of the clips.
    """
    clips = _clips(source)
    if target.resolve() in {source.resolve(), *(paths[0].parent.resolve() for paths in clips.values())}:
        raise OutputError(f"{target}: is a folder of the clips, which stay as they are", remedy=WRITE_ELSEWHERE)
    if only:
        missing = [name for name in only if name not in clips]
        if missing:
            raise InputError(f"{source}: has no clip {missing[0]}")
        clips = {name: clips[name] for name in only}
    total, done = sum(map(len, clips.values())), 0
    sizes = {name: read_rgb(paths[0]).shape[:2] for name, paths in clips.items()}
    pixels = sum(height * width * len(clips[name]) for name, (height, width) in sizes.items())

    def counted(frames: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        nonlocal done
        for frame in frames:
            yield frame
            done += 1
            on_progress(done, total)

    with atomic_output(target, overwrite=overwrite, folder=True) as folder:
        writer = LmdbWriter(folder, source.resolve().name, frames=total, pixels=pixels)
        whole = False
        try:
            for name, paths in clips.items():
                shape = ClipShape(len(paths), *sizes[name])
                writer.add(name, shape, counted(_frames(paths, shape)))
            whole = True
        finally:
            writer.close(whole=whole)
    return Packed(len(clips), total, 3 * pixels)


def _clips(source: Path) -> dict[str, list[Path]]:
    """The images of each clip, by the name it gets."""
    if not source.is_dir():
        raise InputError(f"{source}: no such folder", remedy="give a folder that holds one folder for each clip")
    found: dict[str, list[Path]] = {}

    def search(folder: Path, name: str) -> None:
        for sub in subfolders(folder):
            inner = f"{name}_{sub.name}" if name else sub.name
            paths = images_in(sub)
            if paths and inner in found:
                raise InputError(f"{sub}: two clips would be called {inner}", remedy="rename one")
            if paths:
                found[inner] = paths
            else:
                search(sub, inner)

    search(source, "")
    if not found:
        raise InputError(f"{source}: holds no clips: a folder of images for each is expected")
    return found


def _frames(paths: Sequence[Path], shape: ClipShape) -> Iterator[NDArray[Any]]:
    for path in paths:
        frame = read_rgb(path)
        if frame.dtype != np.uint8:
            raise InputError(f"{path}: has samples of {frame.dtype}; an LMDB of clips holds 8 bits")
        if frame.shape[:2] != (shape.height, shape.width):
            raise InputError(
                f"{path}: is {frame.shape[1]}x{frame.shape[0]}, but {paths[0].name} of the same clip is "
                f"{shape.width}x{shape.height}"
            )
        yield frame
