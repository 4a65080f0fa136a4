"""Clips in an LMDB, in the form that TecoGAN's PyTorch edition writes and reads.

A folder with ``data.mdb``, ``lock.mdb`` and ``meta_info.pkl``. The key of a frame is ``[clip]_[frames]x[h]x[w]_[frame]``, the
frame's number of at least four digits counting from 0; its value the bytes of (h, w, 3) RGB of uint8. The pickle repeats the
keys for the published code, which cannot do without it; here it is written and never read, as a pickle may do anything.
"""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from upframe.errors import InputError, MissingExtra, OutputError

_KEY = re.compile(r"(.+)_(\d+)x(\d+)x(\d+)_(\d+)")
_LONGEST_KEY = 511  # bytes; LMDB's own limit
_PAGE = 4096


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
            raise InputError(f"{clip}: the name of a clip in an LMDB is of ASCII letters, 480 at most; rename its folder")
        return text.encode("ascii")


@dataclass(slots=True, weakref_slot=True)
class _Opened:
    """An open LMDB: a process may have a file open only once, and all readers of it share this."""

    environment: Any  # lmdb.Environment
    process: int


_opened: WeakValueDictionary[str, _Opened] = WeakValueDictionary()


class LmdbClips:
    """The clips of an LMDB, ours or TecoGAN's, by name and frame.

    May be handed to other processes, before or after its first use: each opens the file for itself. Raises InputError for what
    is no such LMDB, MissingExtra without the package ``lmdb``.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._file: _Opened | None = None
        self.clips: Mapping[str, ClipShape] = self._read_clips()

    def frame(self, clip: str, index: int) -> NDArray[np.uint8]:
        """A frame: (h, w, 3) RGB of uint8; (h, w, 1) where the LMDB was made of grey. Raises InputError if it is not there."""
        shape = self.clips.get(clip)
        if shape is None or not 0 <= index < shape.frames:
            held = "no clip of this name" if shape is None else f"{shape.frames} frames of it"
            raise InputError(f"{self.path}: {clip}, frame {index}: there is {held}")
        with self._open().begin() as reading:
            stored = reading.get(shape.key(clip, index))
        pixels = shape.height * shape.width
        if stored is None or len(stored) not in (pixels, 3 * pixels):
            found = "is missing" if stored is None else f"has {len(stored):,} bytes, not {3 * pixels:,}"
            raise InputError(f"{self.path}: {clip}, frame {index}: {found}; pack the clips anew")
        return np.frombuffer(stored, np.uint8).reshape(shape.height, shape.width, -1).copy()

    def close(self) -> None:
        """Let go of the file, which is closed once no other reader has it; it is opened again when a frame is asked for."""
        self._file = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}

    def _open(self) -> Any:
        """The environment of this process."""
        if self._file is None or self._file.process != os.getpid():
            self._file = _open(self.path)
        return self._file.environment

    def _read_clips(self) -> dict[str, ClipShape]:
        clips: dict[str, ClipShape] = {}
        with self._open().begin() as reading:
            for key in reading.cursor().iternext(keys=True, values=False):
                match = _KEY.fullmatch(key.decode("ascii", "replace"))
                if match is None:
                    raise InputError(f"{self.path}: its keys are not [clip]_[frames]x[h]x[w]_[frame]: {key[:80]!r}")
                clips[match[1]] = ClipShape(int(match[2]), int(match[3]), int(match[4]))
        if not clips:
            raise InputError(f"{self.path}: holds no frames")
        return clips


def _open(path: Path) -> _Opened:
    """Open an LMDB to read, or share the one that is open already. Raises InputError for what is none."""
    lmdb, name = _package(), os.path.realpath(path)
    inherited = _opened.get(name)
    if inherited is not None and inherited.process == os.getpid():
        return inherited
    if inherited is not None:
        inherited.environment.close()  # of the process this one was forked from, which keeps its own
    try:
        environment = lmdb.open(name, readonly=True, lock=False, readahead=False, meminit=False, create=False)
    except lmdb.Error as error:
        raise InputError(f"{path}: cannot be opened as an LMDB: {error}") from error
    opened = _opened[name] = _Opened(environment, os.getpid())
    return opened


class LmdbWriter:
    """An LMDB being written in ``folder``, which exists and is empty. ``frames`` and ``pixels``: how many there will be.

    Raises OutputError when it cannot be written, MissingExtra without the package ``lmdb``.
    """

    def __init__(self, folder: Path, name: str, *, frames: int, pixels: int) -> None:
        self._folder, self._name = folder, name
        self._keys: list[str] = []
        self._lmdb = _package()
        # Each value lies in pages of its own, and its key in another; the disk is used only as far as it is written.
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
                        raise InputError(f"{clip}: two clips have this name; rename one")
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
        return OutputError(f"the LMDB cannot be written: {error}; look at the room on the disk")


def _package() -> ModuleType:
    try:
        import lmdb
    except ImportError as error:
        raise MissingExtra("lmdb", "train", "an LMDB of clips") from error
    module: ModuleType = lmdb
    return module
