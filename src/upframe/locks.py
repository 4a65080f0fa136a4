"""Locks on open files. The system lets go of one when the file is closed, or its program has ended in any way."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

fcntl: Any = import_module("fcntl") if find_spec("fcntl") else None  # which Windows lacks

_FAR = 2**30
"""The byte that is locked on Windows: behind all that is ever written, as nobody else may read a locked one there."""


def taken(file: int | IO[Any]) -> bool:
    """Take the lock of an open file; False where it is held already. Raises OSError on a file system without locks."""
    number = file if isinstance(file, int) else file.fileno()
    try:
        if fcntl is not None:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            _take_on_windows(number)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _take_on_windows(number: int) -> None:
    windows: Any = import_module("msvcrt")  # which is known to the type checker on Windows alone
    place = os.lseek(number, 0, os.SEEK_CUR)
    os.lseek(number, _FAR, os.SEEK_SET)
    try:
        windows.locking(number, windows.LK_NBLCK, 1)
    finally:
        os.lseek(number, place, os.SEEK_SET)


def remove_held(file: int | IO[Any], path: Path) -> None:
    """Remove a file whose lock is held, and close it: before, where the system allows that, so that nobody takes it between."""
    try:
        if fcntl is not None:
            path.unlink(missing_ok=True)
    finally:
        if isinstance(file, int):
            os.close(file)
        else:
            file.close()
    if fcntl is None:
        path.unlink(missing_ok=True)
