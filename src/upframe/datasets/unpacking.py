"""Archives from strangers: plain files and folders come out of them, below one folder, and no more than they may hold."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from upframe.errors import InputError, OutputError
from upframe.media.atomic import atomic_output

SMALL = 2**30  # bytes that may come out of any archive, however small
RATIO = 50  # times the archive's own size that may come out of a larger one; uncompressed frames shrink to a tenth at most
MOST = 5_000_000  # files and folders
_LONGEST_READ = 2**24  # bytes; names and other headers of a .tar are read whole
_ODD = re.compile(r"[\x00-\x1f\x7f\\]|^[A-Za-z]:")  # control characters, and what leads elsewhere on Windows
_COMPRESSED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    gzip.BadGzipFile,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


def unpack(packed: Path, folder: Path, *, inside: str = "") -> None:
    """Unpack a .zip or .tar into ``folder``, whole or not at all; files that are there are replaced, others stay.

    ``inside``: only what is in this folder of the archive, without the folder's own name. Raises InputError for what is no
    archive, is damaged, or has nothing there; and for one that holds links, devices, names that lead elsewhere, a name twice,
    or more than ``SMALL`` bytes and ``RATIO`` times its own size. OutputError when it cannot be written.
    """
    with atomic_output(folder, overwrite=True, folder=True) as temporary:
        staging = temporary / ".staging"
        staging.mkdir()
        try:
            _extract(packed, staging)
        except _DAMAGED as error:
            raise InputError(f"{packed}: cannot be unpacked: {error}") from error
        source = staging / inside
        if not source.is_dir() or not any(source.iterdir()):
            raise InputError(f"{packed}: holds no {inside or 'files'}")
        for path in list(source.iterdir()):
            path.rename(temporary / path.name)
        shutil.rmtree(staging)


def _extract(packed: Path, staging: Path) -> None:
    size = packed.stat().st_size
    seen = _Seen(packed, max(SMALL, RATIO * size), shutil.disk_usage(staging).free)
    if zipfile.is_zipfile(packed):
        with zipfile.ZipFile(packed) as archive:
            members = archive.infolist()
            for member in members:
                kind = stat.S_IFMT(member.external_attr >> 16)
                plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
                seen.add(member.filename, member.file_size, folder=member.is_dir(), plain=plain)
            archive.extractall(staging, members)
        return
    with ExitStack() as stack:
        try:
            archive_file = _Frugal(stack.enter_context(_decompressed(packed)))
            tar = stack.enter_context(tarfile.open(fileobj=cast(IO[bytes], archive_file), mode="r:"))
        except (*_DAMAGED, OSError) as error:
            raise InputError(f"{packed}: is neither a .zip nor a .tar file") from error
        for entry in tar:  # each is looked at before it is written, and all is thrown away if one is refused
            seen.add(entry.name, entry.size, folder=entry.isdir(), plain=entry.isreg() or entry.isdir())
            tar.extract(entry, staging, filter="data")
        _read_to_end(archive_file, seen)


def _read_to_end(file: _Frugal, seen: _Seen) -> None:
    """A compressed file has its checksum at its end, behind what a .tar has to say."""
    while chunk := file.read(_LONGEST_READ):
        seen.count(len(chunk))


@dataclass(slots=True)
class _Seen:
    """The members of an archive so far, each held to what may come out of one."""

    packed: Path
    limit: int
    free: int
    files: set[PurePosixPath] = field(default_factory=set)
    folders: set[PurePosixPath] = field(default_factory=set)
    total: int = 0

    def add(self, name: str, size: int, *, folder: bool, plain: bool) -> None:
        """Raise InputError for a member that must not be unpacked, OutputError where there is no room for it."""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or _ODD.search(name):
            raise self._refused(f"it holds the name {name!r:.80}, which leads out of its folder")
        if not plain:
            raise self._refused(f"it holds {name!r:.80}, which is a link or a device")
        if path in self.files or (not folder and path in self.folders) or not self.files.isdisjoint(path.parents):
            raise self._refused(f"it holds {name!r:.80} twice")
        self.folders.update(path.parents)
        (self.folders if folder else self.files).add(path)
        if size < 0 or len(self.files) + len(self.folders) > MOST:
            raise self._refused(f"it holds more than {MOST:,} files, or one without a size")
        self.count(size)
        if self.total > self.free:
            raise OutputError(
                f"{self.packed}: cannot be unpacked: the disk is full: {self.free / 1e6:,.0f} MB are free on it",
                remedy="make room and run it again",
            )

    def count(self, size: int) -> None:
        """Count bytes, of members or behind them. Raises InputError for too many."""
        self.total += size
        if self.total > self.limit:
            raise self._refused(f"it would unpack to more than the {self.limit / 1e9:,.1f} GB that its own size allows")

    def _refused(self, words: str) -> InputError:
        return InputError(f"{self.packed}: cannot be unpacked: {words}")


class _Frugal:
    """A file that is never read by much at once: tarfile reads names and other headers whole, of whatever length they claim."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_READ:
            raise tarfile.ReadError("a name or another header in it is too long")
        try:
            return self._file.read(size)
        except OSError as error:
            if error.errno is None:  # not of the disk: what the modules for compressed files say of damaged ones
                raise tarfile.ReadError(str(error)) from error
            raise


def _decompressed(packed: Path) -> IO[bytes]:
    with packed.open("rb") as file:
        start = file.read(6)
    opener = next((opener for magic, opener in _COMPRESSED.items() if start.startswith(magic)), open)
    return cast(IO[bytes], opener(packed, "rb"))
