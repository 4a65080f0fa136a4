"""Signals that end a command: it stops as cleanly as on Ctrl-C, and its exit code says which one came."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from types import FrameType

INTERRUPTED = 130
HUNG_UP = 129
_received: list[int] = []


def _interrupt(number: int, _frame: FrameType | None) -> None:
    _received.append(number)
    raise KeyboardInterrupt


def exit_code() -> int:
    """Of a command that was interrupted: 129 where its terminal went away, else 130."""
    hang_up = getattr(signal, "SIGHUP", None)
    return HUNG_UP if hang_up is not None and hang_up in _received else INTERRUPTED


def was_interrupted() -> bool:
    """Whether a signal has come that ends the command."""
    return bool(_received)


def tell_interrupted() -> None:
    """One line, if there still is someone to read it."""
    with suppress(OSError, ValueError):
        print("upframe: interrupted; nothing unfinished was left behind", file=sys.stderr)


def heed_signals() -> None:
    """SIGTERM and, unless the command is to outlive its terminal (nohup), SIGHUP end a job as cleanly as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _interrupt)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)
