"""What may change on the way through a video: how its pictures are coded, the order of their fields, and their pace."""

from __future__ import annotations

from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from upframe.media.filters import FilterChain, FrameShape, shape_of

_SEQUENCE, _EXTENSION, _START = b"\x00\x00\x01\xb3", b"\x00\x00\x01\xb5", b"\x00\x00\x01"
_LAYERS = range(0x20, 0x30)
"""The start codes of the layer of MPEG-4 that states the size of the pictures."""
_SEARCHED = 4096
"""Bytes at the beginning of a packet within which its headers lie."""
_PROGRESSIVE, _TOP, _BOTTOM = "progressive", "top field first", "bottom field first"
_RARE = 10
"""A video that has a gap more often than once in so many frames was recorded so."""


class SequenceHeaders:
    """Tells where the coding of a stream changes.

    There a decoder of such a codec starts again, and forgets the picture it still holds back for the B-frames before it: it
    must be emptied first. Decoders of other codecs give out by themselves what they hold.
    """

    def __init__(self, context: VideoCodecContext) -> None:
        codec, stated = context.codec.canonical_name, context.extradata or b""  # headers that the container has
        self._coding = {"mpeg1video": _of_sequence, "mpeg2video": _of_sequence, "mpeg4": _of_layer}.get(codec)
        self._last = self._coding(stated) if self._coding else None

    def change(self, packet: Packet[Stream]) -> bool:
        """Whether the pictures from this packet on are coded unlike those before it."""
        if self._coding is None or not packet.is_keyframe:
            return False
        coding = self._coding(bytes(memoryview(packet)[:_SEARCHED]))
        if coding is None:
            return False
        before, self._last = self._last, coding
        return before not in (None, coding)


def _of_sequence(content: bytes) -> bytes | None:
    """Of MPEG-1 and MPEG-2: size, and whether frames are progressive and how chroma is sampled; None without a header.

    What else a header states, rates and tables, may change while the pictures go on.
    """
    start = content.find(_SEQUENCE)
    if start < 0:
        return None
    size = content[start + 4 : start + 7]
    after = content.find(_EXTENSION, start)
    if after < 0 or len(content) < after + 7 or content[after + 4] >> 4 != 1:
        return size
    return size + bytes([content[after + 5] & 0x0F, content[after + 6] & 0xE0])


def _of_layer(content: bytes) -> bytes | None:
    """The whole header of the layer; None without one."""
    start = content.find(_START)
    while 0 <= start < len(content) - 3:
        end = content.find(_START, start + 3)
        if content[start + 3] in _LAYERS:
            return content[start : len(content) if end < 0 else end]
        start = end
    return None


class FieldOrder:
    """Watches the frames of a video. PyAV does not tell which field comes first: a filter of FFmpeg's is asked."""

    def __init__(self) -> None:
        self._first: str | None = None
        self._known: set[str] = set()
        self._sieves: dict[FrameShape, FilterChain] = {}

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
        shape = shape_of(frame)
        if shape not in self._sieves:
            self._sieves[shape] = FilterChain(shape, ["select=eq(interlace_type,TOPFIRST)"])
        return _TOP if self._sieves[shape].put(frame) else _BOTTOM


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
