"""Data sets from the network: downloaded, verified, unpacked, and under their name only once they are whole."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from upframe.datasets.catalog_entry import DownloadArchive, Entry
from upframe.datasets.unpacking import unpack
from upframe.download import download
from upframe.errors import InputError
from upframe.folders import DATA, made_writable
from upframe.remedies import either, way

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
        raise InputError(f"{entry.name}: cannot be downloaded by a program", remedy=entry.instructions())
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


def _download(archive: DownloadArchive, entry: Entry, root: Path, on_progress: Progress) -> Path:
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
        by_hand = way(f"by hand, into {root / entry.folders[0]}:\n", *entry.by_hand())
        raise InputError(f"{entry.name}: {error}", remedy=either(error.remedy, by_hand) if error.remedy else by_hand) from error
