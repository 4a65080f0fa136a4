"""Where data sets lie: by path, or by name in the user's folder of data sets."""

from __future__ import annotations

from pathlib import Path

from upframe.datasets.catalog import find_entry
from upframe.datasets.catalog_entry import Entry
from upframe.errors import InputError
from upframe.folders import DATA, is_readable, user_folder
from upframe.regular import refuse_irregular
from upframe.remedies import Task, way


def data_folder() -> Path:
    """Where data sets lie: see :func:`upframe.folders.user_folder`. Raises InputError for a user without a home."""
    return user_folder("data", DATA)


def locate(place: str | Path) -> tuple[Path, Entry | None]:
    """The folder or file of a data set, and its entry in the catalog where it was asked for by name.

    A path that exists is never taken for a name. Raises InputError for what is neither, and for a set of the catalog that
    is not there, with the layout that is expected and where to get it.
    """
    path = Path(place).expanduser()
    if path.exists():
        refuse_irregular(path)
        return path, None
    entry = find_entry(str(place))
    if entry is None:
        raise InputError(f"{place}: no such file, folder or data set", remedy=way(Task.SEE_DATA_SETS))
    folder = folder_of(entry)
    if folder is None:
        raise InputError(f"{entry.name}: not found in {data_folder()} (the folder UPFRAME_DATA)", remedy=entry.instructions())
    return folder, entry


def folder_of(entry: Entry) -> Path | None:
    """Where a set of the catalog is; None where it is not here."""
    root = data_folder()
    return next((folder for name in entry.folders if (folder := _child(root, name)) is not None), None)


def _child(folder: Path, name: str) -> Path | None:
    """A folder in another, in any case of letters."""
    if not is_readable(folder):
        return None
    return next((sub for sub in sorted(folder.iterdir()) if sub.is_dir() and sub.name.lower() == name.lower()), None)
