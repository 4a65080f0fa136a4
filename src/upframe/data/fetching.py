"""Data sets from the network: downloaded, verified, unpacked, and under their name only once they are whole."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from upframe.data.catalogue import Archive, Entry
from upframe.download import download
from upframe.errors import InputError
from upframe.folders import DATA, made_writable
from upframe.media.atomic import atomic_output

Progress = Callable[[str, int, int | None], None]
"""Called with the file's name, the bytes that are there and, where it is known, the bytes there will be."""

_LARGEST = 200 * 2**30  # bytes; a set is larger than what ``download`` takes for a usual file


def fetch(entry: Entry, root: Path, on_progress: Progress) -> Path:
    """Download and unpack a data set into its folder in ``root``; returns that folder.

    A download that broke off goes on where it was, and an archive that has been unpacked is not fetched again. Raises
    InputError, with the steps for a person, where a set is not offered to programs or cannot be reached; OutputError when it
    cannot be written.
    """
    folder = root / entry.folders[0]
    if not entry.archives:
        raise InputError(f"{entry.name}: cannot be downloaded by a program.", steps=entry.instructions())
    made_writable(root, DATA)
    try:
        for archive in entry.archives:
            done = folder / f".{archive.file}.done"
            if not done.is_file():
                packed = _download(archive, entry, root, on_progress)
                unpack(packed, folder, inside=archive.inside)
                done.touch()
                packed.unlink()
    finally:
        with suppress(OSError):  # what has come is in it, or other downloads are on their way
            _downloads(root).rmdir()
    return folder


def _downloads(root: Path) -> Path:
    return root / "downloads"


def _download(archive: Archive, entry: Entry, root: Path, on_progress: Progress) -> Path:
    target = _downloads(root) / f"{entry.folders[0]}-{archive.file}"
    try:
        return download(
            archive.address,
            target,
            md5=archive.md5,
            size=archive.size,
            limit=_LARGEST,
            on_progress=lambda done, total: on_progress(archive.file, done, total),
        )
    except InputError as error:
        steps = "\n".join(entry.numbered_steps())
        raise InputError(f"{entry.name}: {error}.", steps=f"By hand, into {root / entry.folders[0]}:\n{steps}") from error


def unpack(packed: Path, folder: Path, *, inside: str = "") -> None:
    """Unpack a .zip or .tar into ``folder``, whole or not at all; files that are there are replaced, others stay.

    ``inside``: only what is in this folder of the archive, without the folder's own name. Links, and names that lead
    elsewhere, are not followed. Raises InputError for what is no archive, is damaged, or has nothing there.
    """
    with atomic_output(folder, overwrite=True, folder=True) as temporary:
        staging = temporary / ".staging"
        try:
            _extract(packed, staging)
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise InputError(f"{packed}: cannot be unpacked: {error}") from error
        source = staging / inside
        if not source.is_dir() or not any(source.iterdir()):
            raise InputError(f"{packed}: holds no {inside or 'files'}")
        for path in list(source.iterdir()):
            path.rename(temporary / path.name)
        shutil.rmtree(staging)


def _extract(packed: Path, staging: Path) -> None:
    if zipfile.is_zipfile(packed):
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(staging)
    elif tarfile.is_tarfile(packed):
        with tarfile.open(packed) as archive:
            archive.extractall(staging, filter="data")
    else:
        raise InputError(f"{packed}: is neither a .zip nor a .tar file")
