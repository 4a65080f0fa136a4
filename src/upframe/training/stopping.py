"""When a training ends before its last step: the user or a scheduler asks for it, or its time is over."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_AGAIN = 0.5  # seconds: one Ctrl-C may arrive twice, from the terminal and from a program that hands it on
_PATIENCE = 2.0  # seconds before something is said about a step that goes on


class Stop:
    """Between :meth:`watch` and :meth:`leave`, SIGINT and SIGTERM are noted: the training ends after the step it is at.

    A second SIGINT raises KeyboardInterrupt where it strikes. ``asked``: whether there was a signal. ``minutes`` count from
    when this was made.
    """

    def __init__(self, minutes: float | None) -> None:
        self.asked = False
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
            self._before = {number: signal.signal(number, self._ask) for number in SIGNALS}

    def leave(self) -> None:
        """Give the signals back. It may be called twice."""
        if self._timer is not None:
            self._timer.cancel()
        for number, previous in self._before.items():
            signal.signal(number, previous)
        self._before = {}

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.asked:
            self.asked, self._asked_at = True, now
            self._timer = threading.Timer(_PATIENCE, self._on_delay)
            self._timer.daemon = True
            self._timer.start()
        elif number == signal.SIGINT and now - self._asked_at > _AGAIN:
            raise KeyboardInterrupt
