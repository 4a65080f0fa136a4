"""When a result begins: what a container makes of times below zero, and of a clock that runs freely."""

from __future__ import annotations

from fractions import Fraction

import av

from upframe.media.notes import Notes
from upframe.media.video.clock import runs_freely
from upframe.media.video.containers import VideoContainer
from upframe.media.video.reader import VideoReader

_LATE = Fraction(10)
"""Seconds before the first frame that nobody means: the clock of the recorder stood there."""


def beginning_shift(source: VideoReader, container: VideoContainer, note: Notes) -> Fraction:
    """Seconds by which all streams must move so that nothing is lost and nothing is waited for.

    Frames before zero would be cut off by an MP4's edit list, and other containers cannot hold them. A little sound before
    zero stays there: it fills a decoder, and is not to be heard. A transport stream keeps the clock of another; anywhere else
    that clock would be time in which nothing is shown.
    """
    first = source.info.start_time or Fraction(0)
    free = runs_freely(source.info.container)
    start = min(first, Fraction(source.container.start_time, av.time_base)) if _knows_start(source) else first
    if first < 0 or (free and start < 0):
        note(f"it begins {float(-start):.3f} s before zero: all its streams are moved together, to begin there")
        return -start
    if free and start > _LATE and container.format != "mpegts":
        note(f"its clock begins at {float(start):.1f} s: all its streams are moved together, to begin at zero")
        return -start
    return Fraction(0)


def _knows_start(source: VideoReader) -> bool:
    start: int | None = source.container.start_time  # PyAV's stubs do not say that it may be missing
    return start is not None
