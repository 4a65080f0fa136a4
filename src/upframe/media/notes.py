"""Remarks for the user, on their way from where something is noticed to who shows it: one line each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Notes = Callable[[str], None]
"""Where remarks about one file go, without its name: whoever asked for the file knows it."""


def no_notes(_: str) -> None:
    """For those who do not want to know."""


def named(path: Path, note: Notes) -> Notes:
    """Remarks with the file's name in front, for one file among several."""
    return lambda text: note(f"{path.name}: {text}")


def once(note: Notes) -> Notes:
    """Each remark the first time alone, for files that are alike."""
    said: set[str] = set()

    def note_once(text: str) -> None:
        if text not in said:
            said.add(text)
            note(text)

    return note_once
