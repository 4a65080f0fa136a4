"""In which order the two fields of a video's frames are to be shown, and where that changes."""

from __future__ import annotations

from fractions import Fraction

import av
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

_PROGRESSIVE, _TOP, _BOTTOM = "progressive", "top field first", "bottom field first"


class FieldOrder:
    """Watches the frames of a video. PyAV does not tell which field comes first: a filter of FFmpeg's is asked."""

    def __init__(self) -> None:
        self._first: str | None = None
        self._known: set[str] = set()
        self._sieves: dict[tuple[int, int, str], Graph] = {}

    def change(self, frame: VideoFrame) -> str | None:
        """What to tell of a frame that is the first of an order, but for the order the video begins with; else None."""
        order = self._of(frame)
        if order in self._known:
            return None
        self._known.add(order)
        if self._first is None:
            self._first = order
            return None
        return f"the field order changes from {self._first} to {order}"

    def _of(self, frame: VideoFrame) -> str:
        if not frame.interlaced_frame:
            return _PROGRESSIVE
        key = frame.width, frame.height, frame.format.name
        if key not in self._sieves:
            self._sieves[key] = _sieve(*key)
        self._sieves[key].vpush(frame)
        try:
            self._sieves[key].vpull()
        except (av.BlockingIOError, av.EOFError):
            return _BOTTOM
        return _TOP


def _sieve(width: int, height: int, pix_fmt: str) -> Graph:
    """Filters that let frames through whose top field comes first."""
    graph = Graph()
    pixel_format = VideoFormat(pix_fmt, width, height)
    source = graph.add_buffer(width=width, height=height, format=pixel_format, time_base=Fraction(1, 90000))
    sieve = graph.add("select", "eq(interlace_type,TOPFIRST)")
    sink = graph.add("buffersink")
    source.link_to(sieve)
    sieve.link_to(sink)
    graph.configure()
    return graph
