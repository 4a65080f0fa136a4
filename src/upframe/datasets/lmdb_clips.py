"""Clips in an LMDB, in the form that TecoGAN's PyTorch edition writes and reads.

A folder with ``data.mdb``, ``lock.mdb`` and ``meta_info.pkl``. The key of a frame is ``[clip]_[frames]x[h]x[w]_[frame]``, the
frame's number of at least four digits counting from 0; its value the bytes of (h, w, 3) RGB of uint8. The pickle repeats the
keys for the published code, which cannot do without it; here it is written and never read, as a pickle may do anything.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upframe.datasets.lmdb_file import ValueRange, values_of
from upframe.errors import InputError, MissingExtra, OutputError

_KEY = re.compile(r"(.+)_(\d+)x(\d+)x(\d+)_(\d+)")
_LONGEST_KEY = 511  # bytes; LMDB's own limit
_PAGE = 4096
DATA = "data.mdb"


@dataclass(frozen=True, slots=True)
class ClipShape:
    """How many frames a clip has, and their size in pixels."""

    frames: int
    height: int
    width: int

    def key(self, clip: str, index: int) -> bytes:
        """The key of a frame. Raises InputError for a name that the format cannot hold."""
        text = f"{clip}_{self.frames}x{self.height}x{self.width}_{index:04d}"
        if not text.isascii() or len(text) > _LONGEST_KEY:
            raise InputError(
                f"{clip}: the name of a clip in an LMDB is of ASCII letters, 480 at most", remedy="rename its folder"
            )
        return text.encode("ascii")


class LmdbClips:
    """The clips of an LMDB, ours or TecoGAN's, by name and frame.

    May be handed to other processes; the file is open while it is read alone. Raises InputError for what is no such LMDB, or a
    damaged one.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.clips: Mapping[str, ClipShape] = {}
        self._places: dict[str, dict[int, ValueRange]] = {}
        self._read_clips()

    def frame(self, clip: str, index: int) -> NDArray[np.uint8]:
        """A frame: (h, w, 3) RGB of uint8; (h, w, 1) where the LMDB was made of grey. Raises InputError if it is not there."""
        shape = self.clips.get(clip)
        if shape is None or not 0 <= index < shape.frames:
            held = "no clip of this name" if shape is None else f"{shape.frames} frames of it"
            raise InputError(f"{self.path}: {clip}, frame {index}: there is {held}")
        place, pixels = self._places[clip].get(index), shape.height * shape.width
        if place is None or place.size not in (pixels, 3 * pixels):
            found = "is missing" if place is None else f"has {place.size:,} bytes, not {3 * pixels:,}"
            raise InputError(f"{self.path}: {clip}, frame {index}: {found}", remedy="pack the clips again")
        stored = np.empty(place.size, np.uint8)
        try:
            with (self.path / DATA).open("rb", buffering=0) as file:
                file.seek(place.start)
                whole = file.readinto(stored.data) == place.size
        except OSError as error:
            raise InputError(f"{self.path}: {clip}, frame {index}: cannot be read: {error.strerror or error}") from error
        if not whole:
            raise InputError(f"{self.path}: {clip}, frame {index}: the file is cut short", remedy="pack the clips again")
        return stored.reshape(shape.height, shape.width, -1)

    def _read_clips(self) -> None:
        clips: dict[str, ClipShape] = {}
        for key, place in values_of(self.path):
            match = _KEY.fullmatch(key.decode("ascii", "replace"))
            if match is None or not int(match[3]) * int(match[4]):
                raise InputError(f"{self.path}: its keys are not [clip]_[frames]x[h]x[w]_[frame]: {key[:80]!r}")
            clips[match[1]] = ClipShape(int(match[2]), int(match[3]), int(match[4]))
            self._places.setdefault(match[1], {})[int(match[5])] = place
        if not clips:
            raise InputError(f"{self.path}: holds no frames")
        for name, shape in clips.items():
            if shape.frames != (held := len(self._places[name])):
                raise InputError(
                    f"{self.path}: {name}: {held} of {shape.frames} frames are there", remedy="pack the clips again"
                )
        self.clips = clips


class LmdbWriter:
    """An LMDB being written in ``folder``, which exists and is empty. ``frames`` and ``pixels``: how many there will be.

    Raises OutputError when it cannot be written, MissingExtra without the package ``lmdb``.
    """

    def __init__(self, folder: Path, name: str, *, frames: int, pixels: int) -> None:
        self._folder, self._name = folder, name
        self._keys: list[str] = []
        self._lmdb = _package()
        # Each value is in pages of its own, and its key in another; the disk is used only as far as it is written.
        size = 2**24 + 3 * pixels + frames * 3 * _PAGE
        try:
            self._environment = self._lmdb.open(str(folder), map_size=size - size % _PAGE, sync=False)
        except self._lmdb.Error as error:
            raise self._unwritable(error) from error

    def add(self, clip: str, shape: ClipShape, frames: Iterable[NDArray[Any]]) -> None:
        """Write the frames of a clip, (h, w, 3) RGB of uint8 and of the announced size."""
        try:
            with self._environment.begin(write=True) as writing:
                for index, frame in enumerate(frames):
                    key = shape.key(clip, index)
                    if not writing.put(key, np.ascontiguousarray(frame).tobytes(), overwrite=False):
                        raise InputError(f"{clip}: two clips have this name", remedy="rename one")
                    self._keys.append(key.decode("ascii"))
        except self._lmdb.Error as error:
            raise self._unwritable(error) from error

    def close(self, *, whole: bool) -> None:
        """Finish the file, or let go of one that is not ``whole``."""
        try:
            if whole:
                self._environment.sync(True)
                self._environment.close()
                meta = {"name": self._name, "color": "RGB", "keys": self._keys}
                (self._folder / "meta_info.pkl").write_bytes(pickle.dumps(meta, protocol=4))  # 4: the published Python 3.7
            else:
                self._environment.close()
        except self._lmdb.Error as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: Exception) -> OutputError:
        return OutputError(f"the LMDB cannot be written: {error}", remedy="look at how much room the disk has")


def _package() -> ModuleType:
    try:
        import lmdb
    except ImportError as error:
        raise MissingExtra("lmdb", "train", "an LMDB of clips") from error
    module: ModuleType = lmdb
    return module
