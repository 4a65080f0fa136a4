"""When a training ends before its last step: the user or a scheduler asks for it, or its time is over."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

_HANG_UP: int | None = getattr(signal, "SIGHUP", None)  # which Windows has not
_AGAIN = 0.5  # seconds: one Ctrl-C may arrive twice, from the terminal and from a program that hands it on
_PATIENCE = 2.0  # seconds before something is said about a step that goes on


class Stop:
    """Between :meth:`watch` and :meth:`leave`, SIGINT, SIGTERM and SIGHUP are noted: the training ends after the step it is at.

    A second SIGINT raises KeyboardInterrupt where it strikes. A SIGHUP that is ignored (nohup) stays so. ``asked``: whether
    there was a signal; ``hung_up``: whether it was SIGHUP, so that no terminal may be left to write to. ``minutes`` count
    from when this was made.
    """

    def __init__(self, minutes: float | None) -> None:
        self.asked = self.hung_up = False
        self._asked_at = 0.0
        self._end = math.inf if minutes is None else time.monotonic() + 60 * minutes
        self._before: dict[int, Any] = {}
        self._timer: threading.Timer | None = None
        self._on_delay: Callable[[], object] = lambda: None

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._end

    def watch(self, on_delay: Callable[[], object]) -> None:
        """Begin; only Python's main thread can. ``on_delay`` is called, in a thread, when the step takes long to end."""
        self._on_delay = on_delay
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._ask) for number in _signals()}

    def leave(self) -> None:
        """Give the signals back. It may be called twice."""
        if self._timer is not None:
            self._timer.cancel()
        for number, previous in self._before.items():
            signal.signal(number, previous)
        self._before = {}

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        self.hung_up = self.hung_up or number == _HANG_UP
        if not self.asked:
            self.asked, self._asked_at = True, now
            self._timer = threading.Timer(_PATIENCE, self._on_delay)
            self._timer.daemon = True
            self._timer.start()
        elif number == signal.SIGINT and now - self._asked_at > _AGAIN:
            raise KeyboardInterrupt


def _signals() -> list[int]:
    """Those that end a training."""
    ends: list[int] = [signal.SIGINT, signal.SIGTERM]
    if _HANG_UP is not None and signal.getsignal(_HANG_UP) is not signal.SIG_IGN:
        ends.append(_HANG_UP)
    return ends
