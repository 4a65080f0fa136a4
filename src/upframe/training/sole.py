"""One training in a folder at a time: a second one would write over the files of the first."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from upframe.errors import OutputError
from upframe.locks import remove_held, taken
from upframe.media.atomic import output_error
from upframe.remedies import WRITE_ELSEWHERE, either

LOCK = ".training.lock"
_RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")
_UNSUPPORTED = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


@contextmanager
def sole_training(folder: Path) -> Iterator[None]:
    """Hold the folder of a training, which is made where it is missing. Of several processes the first does it for all.

    The system lets go of what a process held that has ended in any way, so that no lock is left over. Raises OutputError where
    another training holds the folder, or where it cannot be written.
    """
    if any(os.environ.get(name, "0") != "0" for name in _RANKS):
        yield
        return
    path = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = _locked(path)
    except OSError as error:
        raise output_error(folder, error) from error
    try:
        yield
    finally:
        with suppress(OSError):
            remove_held(file, path)


def _locked(path: Path) -> int:
    """The open lock file, with our name in it. Raises OutputError where another process holds it."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(file, path)
            if os.name != "posix" or os.fstat(file).st_ino == _inode(path):  # not one that its holder has just removed
                os.ftruncate(file, 0)
                os.write(file, f"{os.getpid()} {socket.gethostname()}\n".encode())
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _lock(file: int, path: Path) -> None:
    """Raises OutputError where it is held. On file systems without locks its text tells, as far as it goes."""
    try:
        if not taken(file):
            raise _held(path)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        _refuse_living(path)


def _refuse_living(path: Path) -> None:
    """Refuse the folder of a process that runs on this machine, or may run on another."""
    holder, _, host = path.read_text(encoding="utf-8", errors="replace").strip().partition(" ")
    if not holder.isdecimal():
        return
    if host == socket.gethostname() and os.name == "posix":  # on Windows the question would be Ctrl-C
        try:
            os.kill(int(holder), 0)
        except (OSError, OverflowError):
            return
    raise _held(path)


def _held(path: Path) -> OutputError:
    remedy = either("wait for it", WRITE_ELSEWHERE)
    with suppress(OSError):
        holder, _, host = path.read_text(encoding="utf-8", errors="replace").strip().partition(" ")
        if holder:
            return OutputError(f"{path.parent}: another training writes here (process {holder} on {host})", remedy=remedy)
    return OutputError(f"{path.parent}: another training writes here", remedy=remedy)
