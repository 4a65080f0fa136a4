"""Where on this machine what belongs to the user lies: imported models, and data sets."""

from __future__ import annotations

import os
from pathlib import Path

from upframe.errors import InputError


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
