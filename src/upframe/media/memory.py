"""How much memory there is, looked at before more is asked for: a system that has run out ends programs without a word."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from upframe.errors import InputError
from upframe.remedies import LESS_MEMORY

_GROUP = Path("/sys/fs/cgroup")


def require_memory(needed: int, what: object) -> None:
    """Raise InputError, naming ``what``, where fewer than ``needed`` bytes can be had. Nothing where that is not known."""
    free = available_memory()
    if free is not None and needed > free:
        raise InputError(
            f"{what}: there is not enough memory: at least {needed / 1e9:,.1f} GB are needed, {free / 1e9:,.1f} GB are free",
            remedy=LESS_MEMORY,
        )


def available_memory() -> int | None:
    """Bytes that can be had without another program losing any, swap included; None where the system does not tell."""
    found = [free for free in (_of_system(), _of_group()) if free is not None]
    return min(found, default=None)


def _numbers(path: Path) -> dict[str, int]:
    """Lines such as ``MemAvailable:  123 kB`` and ``inactive_file 123``."""
    found: dict[str, int] = {}
    with suppress(OSError):
        for line in path.read_text(encoding="ascii", errors="replace").splitlines():
            name, *values = line.split()
            if values and values[0].isdecimal():
                found[name.rstrip(":")] = int(values[0]) * (1024 if values[1:] == ["kB"] else 1)
    return found


def _of_system() -> int | None:
    memory = _numbers(Path("/proc/meminfo"))
    return memory["MemAvailable"] + memory.get("SwapFree", 0) if "MemAvailable" in memory else None


def _of_group() -> int | None:
    """Of the container this runs in, where it has a limit (cgroup v2)."""
    try:
        limit, used = ((_GROUP / f"memory.{name}").read_text(encoding="ascii").strip() for name in ("max", "current"))
    except OSError:
        return None
    if not (limit.isdecimal() and used.isdecimal()):
        return None
    return max(int(limit) - int(used) + _numbers(_GROUP / "memory.stat").get("inactive_file", 0), 0)
