"""Outputs that appear under their name when they are whole, or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from upframe.errors import OutputError
from upframe.media.leftovers import remove_leftovers, unfinished_name
from upframe.regular import irregular
from upframe.remedies import MAKE_ROOM, OVERWRITE, WRITE_ELSEWHERE, Option, either, way

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
_IN_USE = (32, 33)  # of Windows, which replaces no file that is open


@contextmanager
def atomic_output(target: Path | str, *, overwrite: bool = False, folder: bool = False) -> Iterator[Path]:
    """A path beside ``target`` to write to, which takes the target's name at the end, and is removed if anything goes wrong.

    What killed runs have left unfinished in that folder is removed. Yields a path in the same folder, with the same suffix and
    a hidden name: not yet there for a file, made and empty when ``folder``. Missing parent folders are made, and removed again
    on failure. A folder that exists and holds something is only added to with ``overwrite``: files of the same name are
    replaced, others stay. Only regular files are ever replaced: a link to one stays, and the file it leads to is replaced;
    pipes, devices, sockets and links to nowhere are refused.

    Raises OutputError, before anything is written, when the target exists or cannot be made; and in place of an OSError of
    the ``with`` block that says that the disk is full or the place not writable.
    """
    target = Path(target)
    place = target if folder else _place(target)
    temporary = place.parent / unfinished_name("" if folder else target.suffix)
    made: list[Path] = []
    try:
        _refuse_existing(target, overwrite, folder)
        _make_parents(place.parent, made)
        remove_leftovers(place.parent)
        _probe(temporary, folder)
        yield temporary
        _publish(temporary, target, overwrite, folder)
    except BaseException as error:
        _remove(temporary)
        for parent in reversed(made):
            with suppress(OSError):  # something else has been put into it meanwhile
                parent.rmdir()
        if isinstance(error, OSError):
            raise output_error(target, error) from error
        raise


def output_error(target: Path, error: OSError, written: Path | None = None) -> OutputError:
    """What an OSError while writing ``target`` means to a user. ``written``: the file it happened to, if that is another."""
    if error.errno in _DISK_FULL:
        parents = (written or target).absolute().parents
        place = next((parent for parent in parents if parent.exists()), Path("/"))
        free = shutil.disk_usage(place).free
        return OutputError(f"{target}: the disk is full: {free / 1e6:,.0f} MB are free on it", remedy=MAKE_ROOM)
    if getattr(error, "winerror", None) in _IN_USE:
        return OutputError(f"{target}: is open in another program", remedy=either("close it there", WRITE_ELSEWHERE))
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(f"{target}: no permission to write there", remedy=WRITE_ELSEWHERE)
    return OutputError(f"{target}: cannot be written: {error.strerror or error}")


def _refuse_existing(target: Path, overwrite: bool, folder: bool) -> None:
    if not os.path.lexists(target):
        return
    if words := irregular(target):
        raise OutputError(f"{target}: is {words}, which no result replaces", remedy=WRITE_ELSEWHERE)
    if not target.exists():
        raise OutputError(
            f"{target}: is a link to {target.readlink()}, which is not there", remedy=either("remove it", WRITE_ELSEWHERE)
        )
    if folder and target.is_dir():
        if not overwrite and any(target.iterdir()):
            add = way("add to it with ", Option("overwrite", True))
            raise OutputError(f"{target}: the folder is not empty", remedy=either(WRITE_ELSEWHERE, add))
    elif folder:
        raise OutputError(f"{target}: is a file; the result is a folder", remedy=WRITE_ELSEWHERE)
    elif target.is_dir():
        raise OutputError(f"{target}: is a folder; the result is a file", remedy=WRITE_ELSEWHERE)
    elif not overwrite:
        raise OutputError(f"{target}: exists already", remedy=OVERWRITE)


def refuse_filled(folder: Path) -> None:
    """Raise OutputError for a folder that holds something."""
    if folder.is_dir() and any(folder.iterdir()):
        raise OutputError(f"{folder}: the folder is not empty", remedy=WRITE_ELSEWHERE)


def _make_parents(folder: Path, made: list[Path]) -> None:
    """Make a folder and those above it that are missing, outermost first, adding each to ``made``."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for parent in reversed(missing):
        with suppress(FileExistsError):  # another writer was faster
            parent.mkdir()
            made.append(parent)


def _place(target: Path) -> Path:
    """The file that is to be replaced: the one a link leads to, else the target."""
    return Path(os.path.realpath(target)) if os.path.islink(target) else target  # noqa: PTH114  # no error where there is no access


def _probe(temporary: Path, folder: bool) -> None:
    """Find out now, not after an hour of work, whether the place can be written."""
    if folder:
        temporary.mkdir()
    else:
        temporary.touch(exist_ok=False)
        temporary.unlink()


def _publish(temporary: Path, target: Path, overwrite: bool, folder: bool) -> None:
    """Bring the data to the disk, then the name."""
    place = target if folder else _place(target)
    if not folder:
        _sync(temporary)
        _refuse_existing(target, overwrite, folder)  # it may have appeared during the work
        temporary.replace(place)
    else:
        files = [path for path in sorted(temporary.rglob("*")) if path.is_file()]
        for path in files:
            _sync(path)
        _refuse_existing(target, overwrite, folder)
        if target.exists():
            _add_to_folder(temporary, files, target)
        else:
            temporary.rename(target)
    if os.name == "posix":
        _sync(place.parent)


def _add_to_folder(temporary: Path, files: list[Path], target: Path) -> None:
    """Move files, and the folders they lie in, into a folder that is there. Nothing is moved unless all can be."""
    places = [target / path.relative_to(temporary) for path in files]
    for place in places:
        for parent in place.relative_to(target).parents:
            if os.path.lexists(target / parent):
                _refuse_existing(target / parent, True, True)
        _refuse_existing(place, True, False)
        if place.is_symlink():
            raise OutputError(f"{place}: is a link, which no result replaces", remedy=WRITE_ELSEWHERE)
    for path, place in zip(files, places, strict=True):
        place.parent.mkdir(parents=True, exist_ok=True)
        path.replace(place)
    shutil.rmtree(temporary)


def _sync(path: Path) -> None:
    """Wait until a file, or on POSIX a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems without it
            raise
    finally:
        os.close(descriptor)


def _remove(temporary: Path) -> None:
    with suppress(OSError):
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)
