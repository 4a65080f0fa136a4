"""The data sets that the published systems were trained and measured on, by name."""

from __future__ import annotations

from upframe.datasets.catalog_entries import ENTRIES
from upframe.datasets.catalog_entry import Entry
from upframe.errors import InputError
from upframe.remedies import Task, way


def find_entry(name: str) -> Entry | None:
    """The data set of a name, in any case and with or without ``-`` and ``_``; None for a name that is none."""
    wanted = _plain(name)
    return next((entry for entry in ENTRIES if wanted in {_plain(entry.name), *map(_plain, entry.folders[:1])}), None)


def named_entry(name: str) -> Entry:
    """The data set of a name. Raises InputError for a name that is none."""
    entry = find_entry(name)
    if entry is None:
        raise InputError(f"{name}: unknown data set", remedy=way(Task.SEE_DATA_SETS))
    return entry


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
