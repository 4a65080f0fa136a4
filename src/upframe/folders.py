"""Where on this machine what belongs to the user is: imported models, and data sets."""

from __future__ import annotations

import os
from pathlib import Path

from upframe.errors import InputError, OutputError

MODELS, DATA = "UPFRAME_MODELS", "UPFRAME_DATA"
"""Variables of the environment that name other folders."""


def user_folder(name: str, variable: str) -> Path:
    """The folder that an environment variable names, else ``upframe/NAME`` in ``XDG_DATA_HOME``, else in ``~/.local/share``.

    It need not be there. Raises InputError for a user without a home.
    """
    try:
        if folder := os.environ.get(variable):
            return Path(folder).expanduser()
        data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    except RuntimeError as error:
        raise InputError(f"there is no home folder for the {name} to lie in: set {variable} to a folder") from error
    return Path(data) / "upframe" / name


def is_readable(folder: Path) -> bool:
    """Whether a folder is there and can be listed; one of another user's home is as good as none."""
    try:
        with os.scandir(folder):
            return True
    except OSError:
        return False


def made_writable(folder: Path, variable: str) -> Path:
    """The folder, made where it is missing. Raises OutputError, with the variable that names another, where nothing can be
    written into it.
    """
    if not is_writable(folder):
        raise OutputError(f"{folder}: cannot be written: set {variable} to a folder that can")
    return folder


def is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, which is made where it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.R_OK | os.W_OK | os.X_OK)
