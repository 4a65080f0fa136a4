"""Which folders the page may use, and which files in them."""

from __future__ import annotations

import os
import re
import shutil
import time
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from upframe.errors import InputError
from upframe.folders import made_writable, user_folder
from upframe.regular import is_reserved

STATE = "UPFRAME_SERVE"
"""The variable of the environment that names another folder for the queue."""
_LONGEST = 120  # bytes of a name that was sent, so that what is made of it fits, too


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one server.

    ``state``: the queue, what was sent, and results. ``folder``: of the machine's own files, which may be read from there
    down; None where none was given.
    """

    state: Path
    folder: Path | None = None

    @classmethod
    def open(cls, folder: Path | None) -> Places:
        """Make what is missing. Raises InputError for a folder that is none, OutputError where nothing can be written."""
        state = made_writable(user_folder("serve", STATE), STATE).resolve()
        if folder is not None and not folder.is_dir():
            raise InputError(f"{folder}: is not a folder that is there")
        places = cls(state, None if folder is None else folder.resolve())
        for made in (places.queue, places.sent, places.inputs, places.results, places.shown):
            made.mkdir(exist_ok=True)
            made.chmod(0o700)
        return places

    @property
    def queue(self) -> Path:
        """The descriptions of jobs, and what they told."""
        return self.state / "queue"

    @property
    def sent(self) -> Path:
        """What the browser sends, before it belongs to a job."""
        return self.state / "sent"

    @property
    def inputs(self) -> Path:
        """What was sent and belongs to a job, a folder for each."""
        return self.state / "inputs"

    @property
    def results(self) -> Path:
        """What jobs have made, a folder for each."""
        return self.state / "results"

    @property
    def shown(self) -> Path:
        """Pages and images that are shown, and can be made again."""
        return self.state / "shown"

    def allowed(self, path: str | Path) -> Path:
        """A path that the page may read, with every link in it followed.

        Raises InputError for any other, in the same words whether it is there or not.
        """
        refusal = InputError("this file or folder is not among those that the page may read")
        if self.folder is not None:
            refusal = InputError(f"only files and folders in {self.folder} may be read here")
        try:
            found = (self.folder or self.state).joinpath(path).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            raise refusal from None
        roots = [self.sent, self.inputs, self.results, *([self.folder] if self.folder else [])]
        if not any(found.is_relative_to(root) for root in roots):
            raise refusal
        return found

    def is_sent(self, path: Path) -> bool:
        """Whether a file came from the browser, so that it is the page's own to keep and to remove."""
        return path.resolve().is_relative_to(self.sent)

    def clean(self, older_than: float) -> None:
        """Remove what was sent or shown and belongs to no job, once it is as many seconds old."""
        limit = time.time() - older_than
        for folder in (self.sent, self.shown):
            for entry in folder.iterdir():
                with suppress(OSError):
                    if entry.lstat().st_mtime < limit:
                        remove(entry)


def remove(entry: Path) -> None:
    """Remove a file, or a folder with all that is in it; a link to one goes, and not what it leads to."""
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)


def safe_name(name: str) -> str:
    """A name for a file that was sent: one part of a path, no control character, not hidden, not too long; its suffix kept.

    Letters of every script and emoji stay as they are.
    """
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join("_" if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp") else each for each in last)
    kept = re.sub(r'[<>:"|?*\[\]%#]', "_", kept).strip().lstrip(".-").rstrip(". ") or "file"
    if is_reserved(kept):
        kept = f"_{kept}"
    stem, suffix = os.path.splitext(kept)  # noqa: PTH122  # of a name, not a path
    while len(os.fsencode(stem + suffix)) > _LONGEST:
        stem, suffix = (stem[:-1], suffix) if stem else ("", suffix[:-1])
    return stem + suffix


def free_name(folder: Path, name: str) -> Path:
    """A path in a folder for a safe name, with a number where that is taken."""
    path, number = folder / name, 2
    while os.path.lexists(path):
        path = folder / f"{Path(name).stem} ({number}){Path(name).suffix}"
        number += 1
    return path
