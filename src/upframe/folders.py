"""Where on this machine what belongs to the user is: imported models and data sets, and what can be made again.

Each system has its own places for them: ``~/.local/share`` and ``~/.cache``, ``~/Library``, ``AppData``.
"""

from __future__ import annotations

import atexit
import os
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import platformdirs

from upframe.errors import InputError, OutputError

MODELS, DATA = "UPFRAME_MODELS", "UPFRAME_DATA"
"""Variables of the environment that name other folders."""
_NAME = "upframe"


def user_folder(name: str, variable: str) -> Path:
    """The folder that an environment variable names, else ``upframe/NAME`` where this system keeps a user's data.

    It need not be there. Raises InputError for a user without a home.
    """
    try:
        if given := os.environ.get(variable):
            return Path(given).expanduser()
        return platformdirs.user_data_path(_NAME, appauthor=False).expanduser() / name
    except RuntimeError as error:
        raise InputError(f"there is no home folder to keep the {name} in", remedy=f"set {variable} to a folder") from error


def cache_folder(name: str) -> Path:
    """``upframe/NAME`` where this system keeps what can be made again; where it cannot be written, one until the end."""
    try:
        folder = platformdirs.user_cache_path(_NAME, appauthor=False).expanduser() / name
    except RuntimeError:  # a user without a home
        return _passing_folder()
    return folder if is_writable(folder) else _passing_folder()


@cache
def _passing_folder() -> Path:
    """A folder that is removed when the program ends."""
    folder = Path(mkdtemp(prefix="upframe-"))
    atexit.register(rmtree, folder, ignore_errors=True)
    return folder


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
        raise OutputError(f"{folder}: cannot be written", remedy=f"set {variable} to a folder that can be")
    return folder


def is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, which is made where it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.R_OK | os.W_OK | os.X_OK)
