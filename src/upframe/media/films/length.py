"""Whether a film is as long as it says: copies that broke off, and cards pulled out too early, end before their end."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from upframe.media.films.matroska import segment_is_cut

_WITH_STATED_LENGTH = ("matroska", "flv", "avi")


class ShortFall:
    """Counts what was read against what was promised.

    entries: packets the pictures must have, where that is certain. length: seconds the container states, where it does.
    cut: the container says itself that the file is longer than it is.
    """

    def __init__(self, stream_index: int, entries: int, length: Fraction | None, cut: bool) -> None:
        self._stream_index = stream_index
        self._entries, self._length, self._cut = entries, length, cut
        self._seen = 0
        self._end = Fraction(0)

    def see(self, packet: Packet[Stream]) -> None:
        """Count a packet that was read."""
        self._seen += packet.stream_index == self._stream_index and not packet.is_corrupt
        if self._length is not None and packet.pts is not None:
            self._end = max(self._end, (packet.pts + (packet.duration or 0)) * packet.time_base)

    def missing(self) -> bool:
        """Whether something is. An allowance is made for headers that count generously, unless the file is visibly cut."""
        if self._seen < self._entries:
            return True
        allowance = Fraction(1, 100) if self._cut else Fraction(1, 2)
        return self._length is not None and self._end < self._length - allowance


def shortfall(path: Path, container: InputContainer, stream: VideoStream) -> ShortFall:
    """What a film promises, to be compared with its packets as they come."""
    name = container.format.name
    entries = 0
    if "mp4" in name:
        entries = len(stream.index_entries)
    elif name == "avi" and _riff_is_cut(path):
        entries = stream.frames  # the header's; FFmpeg makes the length fit what is there
    length = None
    if name.startswith(_WITH_STATED_LENGTH) and container.duration:
        length = Fraction(container.duration, av.time_base)
        if name == "flv" and container.duration > 10**12:  # the size of a field, not a length
            length = None
    return ShortFall(stream.index, entries, length, cut=name.startswith("matroska") and segment_is_cut(path))


def _riff_is_cut(path: Path) -> bool:
    """Whether an AVI file ends before its first chunk does, which holds all others or a gigabyte of them."""
    with path.open("rb") as file:
        head = file.read(8)
    return int.from_bytes(head[4:], "little") + 8 > path.stat().st_size
