"""Pipes, devices and sockets: no reader waits for one, no result replaces one, and nothing is given the name of one."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from upframe.errors import InputError, UpframeError

_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")


def is_reserved(name: str) -> bool:
    """Whether Windows keeps a name, with whatever ending, for a device."""
    return _RESERVED.fullmatch(name) is not None


def irregular(path: Path) -> str | None:
    """What a path names, in words, that is neither file nor folder: "a pipe". None for those, and where there is nothing."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return None
    return next((words for is_kind, words in _KINDS if is_kind(mode)), None)


def refuse_irregular(path: Path, kind: type[UpframeError] = InputError) -> None:
    """Raise an error for a pipe, a device or a socket, before it is opened: a pipe that nobody writes to never ends."""
    if words := irregular(path):
        raise kind(f"{path}: is {words}, not a file", remedy="save what comes out of it to a file, and give that")
