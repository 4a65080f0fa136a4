"""Whether a video is as long as it says: copies that broke off, and cards pulled out too early, end before their end."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from upframe.media.video.endings import Cut, find_cut, states_its_end
from upframe.media.video.probe import is_still

_WITH_STATED_LENGTH = ("matroska", "flv", "avi")
_ALLOWANCE = Fraction(1, 2)


class ShortFall:
    """Counts what was read against what was promised.

    entries: packets each stream must have, by its number, where that is certain. length: seconds the container states, where
    it does. cut: what shows, before anything is read, that the file is longer than what is there. open_ended: nothing does in
    files of this kind, so that a last image that is not whole must.
    """

    def __init__(self, entries: dict[int, int], length: Fraction | None, cut: Cut | None, *, open_ended: bool) -> None:
        self.cut, self.open_ended = cut, open_ended
        self._entries, self._length = entries, length
        self._seen: Counter[int] = Counter()
        self._end = Fraction(0)

    def see(self, packet: Packet[Stream]) -> None:
        """Count a packet that was read."""
        self._seen[packet.stream_index] += not packet.is_corrupt
        if self._length is not None and packet.pts is not None:
            self._end = max(self._end, (packet.pts + (packet.duration or 0)) * packet.time_base)

    def complete(self) -> bool:
        """Whether all is certainly there, now that all was read."""
        return bool(self._entries) and all(self._seen[index] >= count for index, count in self._entries.items())

    def missing(self) -> bool:
        """Whether something is. An allowance is made for headers that count the length generously."""
        if any(self._seen[index] < count for index, count in self._entries.items()):
            return True
        if self.cut is not None and not self.cut.harmless:
            return not self.complete()
        return self._length is not None and self._end < self._length - _ALLOWANCE


def shortfall(path: Path, container: InputContainer, stream: VideoStream) -> ShortFall:
    """What a video promises, to be compared with its packets as they come."""
    name = container.format.name
    cut = find_cut(path, name)
    entries = {}
    if "mp4" in name:
        # An index that is cut itself does not say what is missing.
        entries = (
            {}
            if cut and cut.in_index
            else {each.index: len(each.index_entries) for each in container.streams if _is_read(each)}
        )
    elif name == "avi" and cut:
        entries = {stream.index: stream.frames}  # the header's; FFmpeg makes the length fit what is there
    length = None
    if name.startswith(_WITH_STATED_LENGTH) and container.duration:
        length = Fraction(container.duration, av.time_base)
        if name == "flv" and container.duration > 10**12:  # the size of a field, not a length
            length = None
    return ShortFall(entries, length, cut, open_ended=not states_its_end(name))


def _is_read(stream: Stream) -> bool:
    """Whether every packet an MP4 lists for a stream comes: those of chapters and covers are FFmpeg's own."""
    return stream.type in ("audio", "subtitle") or (stream.type == "video" and not is_still(stream))
