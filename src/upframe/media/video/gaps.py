"""Images missing in the middle of a video: damage that neither container nor decoder notice still leaves its time empty."""

from __future__ import annotations

_RARE = 10
"""A video that has a gap more often than once in so many frames was recorded so."""


class Gaps:
    """Watches the time from each frame to the next, in units of the video's clock.

    Only a video of steady pace can be judged: where frames come as they please, a long wait means nothing.
    """

    def __init__(self) -> None:
        self._usual = self._steps = self._gaps = self._missing = 0
        self._first: int | None = None
        self._steady = True

    def see(self, pts: int, step: int) -> None:
        """Count the frame at ``pts``, which is shown for ``step``."""
        self._steps += 1
        self._usual = self._usual or step
        rounding = 1 if self._usual > 2 else 0
        if abs(step - self._usual) <= rounding:
            return
        if 2 * step < 3 * self._usual:
            self._steady = False
            return
        self._gaps += 1
        self._missing += round(step / self._usual) - 1
        if self._first is None:
            self._first = pts

    def found(self) -> tuple[int, int] | None:
        """About how many frames seem to be missing, and the time of the frame before the first of them."""
        if self._first is None or not self._steady or self._gaps * _RARE > self._steps:
            return None
        return self._missing, self._first
