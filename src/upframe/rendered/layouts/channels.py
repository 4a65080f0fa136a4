"""Single channels of OpenEXR files: what the published layouts keep their buffers in."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upframe.errors import InputError, MissingExtra
from upframe.media.atomic import atomic_output
from upframe.media.image.formats.exr import written_whole
from upframe.media.image.formats.exr_header import check_header
from upframe.regular import refuse_irregular

MAX_PIXELS = 8192 * 8192
"""A rendered frame of more pixels is taken for a damaged file."""

_DAMAGED = (RuntimeError, IndexError, KeyError, ValueError, TypeError)  # what the package raises


def _openexr() -> Any:
    try:
        import OpenEXR  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError as error:
        raise MissingExtra("OpenEXR", "render", "reading and writing rendered frames") from error
    return OpenEXR


def read_channels(path: Path, names: str, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.float32]:
    """Channels by their one-letter names, "RGB": (h, w, 3); of one, "R": (h, w). Float32, as stored.

    Raises InputError for a file that is missing, damaged, cut short, too large, or without one of the channels, and
    MissingExtra without OpenEXR. The size is checked before memory is asked for.
    """
    package = _openexr()
    refuse_irregular(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    check_header(path)
    try:
        header = package.File(str(path), header_only=True).parts[0].header
        (left, top), (right, bottom) = header["dataWindow"]
        pixels = (int(right) - int(left) + 1) * (int(bottom) - int(top) + 1)
        if pixels > max_pixels:
            raise InputError(f"{path}: {pixels:,} pixels are more than a rendered frame has")
        stored = {channel.name for channel in header["channels"]}
        missing = [name for name in names if name not in stored]
        if missing:
            raise InputError(f"{path}: no channel {', '.join(missing)}; it holds {', '.join(sorted(stored))}")
        if not written_whole(path):
            raise InputError(f"{path}: the file is cut short")
        channels = package.File(str(path), separate_channels=True).parts[0].channels
        planes = [channels[name].pixels.astype(np.float32) for name in names]
    except _DAMAGED as error:
        raise InputError(f"{path}: cannot be read as OpenEXR: {error}") from error
    return planes[0] if len(planes) == 1 else np.stack(planes, axis=2)


def write_channels(path: Path, channels: Mapping[str, NDArray[Any]], *, overwrite: bool = False) -> None:
    """Planes (h, w) of float16 or float32 by channel name. Raises OutputError, and MissingExtra without OpenEXR."""
    package = _openexr()
    header = {"compression": package.ZIP_COMPRESSION, "type": package.scanlineimage}
    planes = {name: np.ascontiguousarray(plane) for name, plane in channels.items()}
    with atomic_output(path, overwrite=overwrite) as temporary:
        try:
            package.File(header, planes).write(str(temporary))
        except RuntimeError as error:
            raise OSError(errno.EIO, str(error)) from error
        if not written_whole(temporary):
            raise OSError(errno.ENOSPC, "the end of the file could not be written")
