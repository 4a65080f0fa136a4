"""When each frame is shown, from its two stamps: that of presentation, and that of the packet that brought it out."""

from __future__ import annotations

from fractions import Fraction

from av.video.frame import VideoFrame

from upframe.errors import InputError
from upframe.media.notes import Notes
from upframe.remedies import Option, way

_DECODING_ALONE = ("avi",)
"""Formats that store no presentation times: FFmpeg's guess is wrong for packed B-frames and for codecs older than it knows."""
_LIMIT = 1
"""Seconds by which a frame may be moved without asking."""
_RATE = Fraction(25)
"""Frames a second where nothing tells how many there are."""


class FrameTimes:
    """Gives every frame a time later than that of the one before it.

    container: FFmpeg's name of the format. even: whatever the times say, each frame follows the one before it at the average
    rate.
    """

    def __init__(self, container: str, *, even: bool = False) -> None:
        self._by_decoding = container.startswith(_DECODING_ALONE)
        self._even = even
        self._faulty_pts = self._faulty_dts = 0
        self._last_pts: int | None = None
        self._last_dts: int | None = None
        self._first = self._count = 0
        self.last: int | None = None

    def stamp(self, frame: VideoFrame) -> int | None:
        """The one of a frame's times that can be trusted: it never goes back, as frames come in the order they are shown."""
        pts, dts = frame.pts, frame.dts
        if self._by_decoding:
            return pts if dts is None else dts
        if pts is not None:
            self._faulty_pts += self._last_pts is not None and pts <= self._last_pts
            self._last_pts = pts
        if dts is not None:
            self._faulty_dts += self._last_dts is not None and dts <= self._last_dts
            self._last_dts = dts
        if pts is None or (dts is not None and self._faulty_pts > self._faulty_dts):
            return dts
        return pts

    def place(self, frame: VideoFrame, time_base: Fraction, rate: Fraction | None, note: Notes) -> int:
        """The time of a frame whose ``pts`` is its stamp, in units of ``time_base``; those without follow at ``rate``.

        note: told, each time, what was mended. Raises InputError, without the file's name, if a frame goes back so far that no
        small mending helps.
        """
        step = 1 / ((rate or _RATE) * time_base)
        last, pts = self.last, frame.pts
        if last is None:
            self._first = last = pts or 0
            time = self._first
            self._tell_missing(pts, note)
        elif self._even:
            time = max(last + 1, self._first + round(self._count * step))
        elif pts is None:
            time = last + (frame.duration or max(1, round(step)))
            self._tell_missing(pts, note)
        else:
            time = max(pts, last + 1)
            if time != pts:
                self._tell_back((time - pts) * time_base, note)
        self.last = time
        self._count += 1
        return time

    def _tell_missing(self, pts: int | None, note: Notes) -> None:
        if pts is None and not self._even:
            note("some frames have no time: they follow one another at the average rate")

    def _tell_back(self, seconds: Fraction, note: Notes) -> None:
        if seconds > _LIMIT:
            raise InputError(
                f"frame {self._count} goes back in time by {float(seconds):.1f} s, so the times in the file cannot all be true",
                remedy=way("to show the frames one after the other at the average rate, use ", Option("clock", "even")),
            )
        note("some frames go back in time: each is shown right after the one before it")
