"""One clock for a video whose clock jumps: recordings joined end to end, the cells of a DVD, a counter that starts again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from av.packet import Packet
from av.stream import Stream

ClockMode = Literal["join", "keep", "even"]
"""What becomes of times that jump, as in joined recordings: the parts follow one another; times are kept as they are; or all
frames are shown at the average rate, with the sound joined."""
_AHEAD = Fraction(10)
"""Seconds a free-running clock may go ahead without being a jump: a weak signal leaves such gaps, which are kept."""
_WAIT = Fraction(5)
"""Seconds of images within which they must jump too, once the sound has: streams are interleaved less far apart."""
_MANY = 5000
"""Packets of sound that may wait for the images to jump."""
_FREE_RUNNING = ("mpeg", "flv", "live_flv", "kux")
"""Formats, or how their names begin, whose clock stands wherever the recorder's stood, and may be set again."""


def runs_freely(container: str) -> bool:
    """Whether zero means nothing to the clock of this format (FFmpeg's name)."""
    return container.startswith(_FREE_RUNNING)


@dataclass(slots=True)
class _Track:
    """A stream of images or sound: seconds by the container's clock; the part it has reached; its end in the part before."""

    last: Fraction
    next: Fraction
    part: int
    step: Fraction = Fraction(0)
    covered: Fraction | None = None


class Clock:
    """Moves the times of packets so that they go on where the container's clock jumps.

    Wherever the clock jumps a part begins, and all streams of a part are moved by the same time: images and sound stay
    together. The images of a part begin where those before it end; sound that the part before has covered is dropped.
    ``kinds``: of each stream, FFmpeg's word. ``video_index``: the stream whose images set the pace. ``jumps``: the time, by
    the new clock, at which each part but the first begins.
    """

    def __init__(self, container: str, video_index: int, kinds: Mapping[int, str]) -> None:
        self._free = runs_freely(container)
        self._back = Fraction(1, 10) if self._free else Fraction(1)  # careless writers go back a little, and mean nothing by it
        self._video, self._kinds = video_index, kinds
        self._tracks: dict[int, _Track] = {}
        self._offsets = [Fraction(0)]
        self._latest: Fraction | None = None
        self._held: list[Packet[Stream]] = []
        self._held_since: Fraction | None = None
        self.jumps: list[Fraction] = []

    def put(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """The packets that are ready once this one, the next of the file, has come: usually just this one.

        Sound that jumps before the images do is held until they have, which tells where the part begins.
        """
        index = packet.stream_index
        kind = self._kinds.get(index)
        stamp = packet.dts if packet.dts is not None or kind == "video" else packet.pts
        track = self._tracks.get(index)
        if kind not in ("video", "audio"):
            return self._moved([packet], self._nearest(stamp, packet))
        if stamp is None:
            return self._without_time(packet, track)
        time = stamp * packet.time_base
        if track is None:
            part = self._nearest(stamp, packet) if self._tracks else 0
            track = self._tracks[index] = _Track(time, time, part)
        elif not self._waits(track) and self._jumps(index, track, time):
            return self._jumped(packet, track, time)
        _follow(track, packet, time)
        if self._waits(track):
            self._held.append(packet)
            return self.rest() if len(self._held) > _MANY else []
        too_late = index == self._video and self._held_since is not None and time > self._held_since + _WAIT
        return [*(self.rest() if too_late else []), *self._moved([packet], track.part)]

    def rest(self) -> list[Packet[Stream]]:
        """The packets that still wait: the images did not jump, so the new part of the sound follows all that came before."""
        times = [stamp * packet.time_base for packet in self._held if (stamp := packet.pts) is not None]
        return self._open_part(self._now - min(times)) if times else []

    def _jumped(self, packet: Packet[Stream], track: _Track, time: Fraction) -> list[Packet[Stream]]:
        """A stream has jumped: into a part that another has reached already, or one that begins with it."""
        end = track.next + self._offsets[track.part]
        is_video = packet.stream_index == self._video
        track.covered = None if is_video else end
        ready = []
        joined = next((part for part in self._later_parts(track) if self._is_near(part, time, end if is_video else None)), None)
        if joined is not None:
            track.part = joined
        elif is_video or self._video not in self._tracks:
            ready = self._open_part(end - time)
            track.part = len(self._offsets) - 1
        else:
            track.part = len(self._offsets)  # the one to come
            if self._held_since is None:
                self._held_since = self._tracks[self._video].last
        _follow(track, packet, time)
        if self._waits(track):
            self._held.append(packet)
            return ready
        return [*ready, *self._moved([packet], track.part)]

    @property
    def _now(self) -> Fraction:
        """The end of what has come so far, by the new clock."""
        return self._latest or Fraction(0)

    def _later_parts(self, track: _Track) -> Iterable[int]:
        return range(len(self._offsets) - 1, track.part, -1)

    def _is_near(self, part: int, time: Fraction, end: Fraction | None) -> bool:
        """Whether a time belongs to a part: it is near what was read last, and not before the end of its own stream."""
        moved = time + self._offsets[part]
        return abs(moved - self._now) < _AHEAD and (end is None or moved >= end)

    def _open_part(self, offset: Fraction) -> list[Packet[Stream]]:
        """Let a part begin, and release the packets that waited to know where."""
        self._offsets.append(offset)
        self.jumps.append(self._now)
        held, self._held, self._held_since = self._held, [], None
        return self._moved(held, len(self._offsets) - 1)

    def _waits(self, track: _Track) -> bool:
        return track.part == len(self._offsets)

    def _nearest(self, stamp: int | None, packet: Packet[Stream]) -> int:
        """The part in which a packet comes nearest to what was read last."""
        parts = range(len(self._offsets))
        if stamp is None or len(parts) == 1:
            return parts[-1]
        return min(parts, key=lambda part: (abs(stamp * packet.time_base + self._offsets[part] - self._now), -part))

    def _jumps(self, index: int, track: _Track, time: Fraction) -> bool:
        if time < track.last - self._back:
            return True
        if not self._free or not track.step or time <= track.next + max(_AHEAD, 3 * track.step):
            return False
        # Images that pause while the sound goes on, or the other way round, are no jump.
        others = [other for number, other in self._tracks.items() if number != index and other.part == track.part]
        return all(abs(other.last - time) > _AHEAD for other in others)

    def _without_time(self, packet: Packet[Stream], track: _Track | None) -> list[Packet[Stream]]:
        """Sound without times follows the sound before it. Images are moved with theirs; decoding tells the rest."""
        if track is None or self._waits(track):
            return [packet]
        if self._kinds.get(packet.stream_index) == "audio" and packet.size:
            packet.pts = packet.dts = round(track.next / packet.time_base)
            _follow(track, packet, track.next)
        return self._moved([packet], track.part)

    def _moved(self, packets: Iterable[Packet[Stream]], part: int) -> list[Packet[Stream]]:
        """The packets at their new times, but for sound that the part before has covered."""
        kept = []
        offset = self._offsets[part]
        for packet in packets:
            ticks = round(offset / packet.time_base) if offset else 0
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks
            track = self._tracks.get(packet.stream_index)
            end = None if packet.pts is None else (packet.pts + (packet.duration or 0)) * packet.time_base
            if track is not None and end is not None:
                if track.covered is not None and end <= track.covered:
                    continue
                self._latest = end if self._latest is None else max(self._latest, end)
            kept.append(packet)
        return kept


def _follow(track: _Track, packet: Packet[Stream], time: Fraction) -> None:
    """Remember a packet, and when the next of its stream is expected."""
    if time > track.last:
        track.step = time - track.last
    track.last = time
    track.next = time + ((packet.duration or 0) * packet.time_base or track.step)
