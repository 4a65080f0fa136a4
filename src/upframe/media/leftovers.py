"""Unfinished outputs of runs that were killed: known by their names, and removed once nobody can be writing to them.

The name of an unfinished output says who writes it: a mark of the machine (and of the container on it), the process, and when
that process began. On Linux alone all of this can be known; elsewhere nothing is removed.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path

_NAME = re.compile(r"\.upframe-([0-9a-f]{8})-([0-9a-f]{8})-([0-9]+)-([0-9]+)-[0-9a-f]{6}(?:\..*)?")
_START_TIME = 19
"""The place of a process's start, in ticks since the machine was switched on, after its state in /proc/PID/stat."""
_seen: set[str] = set()


def unfinished_name(suffix: str) -> str:
    """A hidden name for an unfinished output of this process."""
    pid = os.getpid()
    return f".upframe-{_place()}-{_uptime()}-{pid}-{_started(pid) or 0}-{secrets.token_hex(3)}{suffix}"


def remove_leftovers(folder: Path) -> None:
    """Remove what killed runs have left in a folder; looked through once by each process."""
    name = os.path.realpath(folder)
    if name in _seen or not _place():
        return
    _seen.add(name)
    with suppress(OSError), os.scandir(name) as entries:
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match is None or not _is_dead(*match.groups()):
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                with suppress(OSError):
                    Path(entry.path).unlink()


def _is_dead(place: str, uptime: str, pid: str, started: str) -> bool:
    """Whether the process of a name ran here and is gone: switched off with the machine, or its number is free or another's."""
    if place != _place():
        return False
    return uptime != _uptime() or _started(int(pid)) != int(started)


@cache
def _place() -> str:
    """A mark of this machine, and of the container in it; empty where there is none to be had."""
    try:
        machine = f"{socket.gethostname()} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115
    except OSError:
        return ""
    return hashlib.sha256(machine.encode()).hexdigest()[:8]


@cache
def _uptime() -> str:
    """A mark of the time since the machine was switched on."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii")[:8]
    except OSError:
        return "0" * 8


def _started(pid: int) -> int | None:
    """When a process began; None if there is none of this number, or it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    state, *numbers = text.rpartition(")")[2].split()
    return None if state in "ZX" else int(numbers[_START_TIME - 1])
