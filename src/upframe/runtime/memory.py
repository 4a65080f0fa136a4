"""Freed memory is kept for the next frame instead of being handed back to the system and asked for again."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress

# Of glibc's mallopt(3).
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let the C library keep large blocks it frees; whether it was done. For the whole program, and not to be undone.

    A frame's tensors are tens of megabytes. glibc gives each back to the kernel when it is freed, and the next frame then
    waits for the kernel to hand out and clear the same pages: about half the time of a small network on a CPU. The price is
    that the program stays as large as it once was. On Linux with glibc; nothing happens elsewhere, or with
    UPFRAME_KEEP_MEMORY=0 in the environment.
    """
    if not sys.platform.startswith("linux") or os.environ.get("UPFRAME_KEEP_MEMORY") == "0":
        return False
    with suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        return bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, _NEVER))
    return False
