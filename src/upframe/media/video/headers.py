"""The headers inside MPEG-1, MPEG-2 and MPEG-4 video that say how the pictures after them are coded."""

from __future__ import annotations

from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext

_SEQUENCE, _EXTENSION, _START = b"\x00\x00\x01\xb3", b"\x00\x00\x01\xb5", b"\x00\x00\x01"
_LAYERS = range(0x20, 0x30)
"""The start codes of the layer of MPEG-4 that states the size of the pictures."""
_SEARCHED = 4096
"""Bytes at the beginning of a packet within which its headers lie."""


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
