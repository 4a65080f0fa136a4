"""Which packets of a video bring out which of its frames, and what each frame is: noted while the video is read once.

With it any frames can be decoded later from a few packets, and known again by their samples (``slices``).
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame

from upframe.media.video.info import FrameKind, Plane, RawFrame
from upframe.media.video.reader import VideoReader

_UNKNOWN = -(1 << 63)  # in place of a time that is not known
_REORDERED = 32  # more packets than any codec lets pass before it shows a frame
_FURTHER = (0, 1, 3, 7)  # key frames before the nearest one, from which decoding is tried in turn; at last from the start


@dataclass(frozen=True, slots=True)
class ExpectedFrame:
    """A frame of the whole video: the digest of its samples, and the rest of its RawFrame."""

    digest: int
    pts: int
    duration: int | None
    kind: FrameKind | None


@dataclass(frozen=True, slots=True)
class SlicePlan:
    """Packets ``start`` to ``stop`` - 1 of a video's images, counted from 0, which hold frames ``begin`` to ``end`` - 1.

    mark: the digest of the first of these packets, by which it is known again. seek: a time in units of the stream before
    which it is not; None: it is found by counting packets from the start of the file.
    """

    begin: int
    end: int
    start: int
    stop: int
    mark: int
    seek: int | None
    frames: tuple[ExpectedFrame, ...]


@dataclass(slots=True)
class FrameIndex:
    """Filled by IndexingReader. Of packets: digest, times, whether it is a key; of frames: what ExpectedFrame says, and how
    many packets had been read when it was given out. ``clock_moved``: times in the file are not those that are noted.
    """

    clock_moved: bool = False
    _packet_digests: array[int] = field(default_factory=lambda: array("Q"))
    _packet_pts: array[int] = field(default_factory=lambda: array("q"))
    _packet_dts: array[int] = field(default_factory=lambda: array("q"))
    _keys: array[int] = field(default_factory=lambda: array("Q"))
    _digests: array[int] = field(default_factory=lambda: array("Q"))
    _pts: array[int] = field(default_factory=lambda: array("q"))
    _durations: array[int] = field(default_factory=lambda: array("q"))
    _kind_numbers: array[int] = field(default_factory=lambda: array("L"))
    _arrived: array[int] = field(default_factory=lambda: array("Q"))
    _kinds: list[FrameKind | None] = field(default_factory=list)

    @property
    def packets(self) -> int:
        return len(self._packet_digests)

    @property
    def frames(self) -> int:
        return len(self._digests)

    def add_packet(self, packet: Packet[Stream]) -> None:
        """Note the next packet of the images."""
        if packet.is_keyframe:
            self._keys.append(self.packets)
        self._packet_digests.append(packet_digest(packet))
        self._packet_pts.append(_UNKNOWN if packet.pts is None else packet.pts)
        self._packet_dts.append(_UNKNOWN if packet.dts is None else packet.dts)

    def add_frame(self, frame: RawFrame) -> None:
        """Note the next frame."""
        if frame.kind not in self._kinds:
            self._kinds.append(frame.kind)
        self._digests.append(frame_digest(frame.planes))
        self._pts.append(frame.pts)
        self._durations.append(_UNKNOWN if frame.duration is None else frame.duration)
        self._kind_numbers.append(self._kinds.index(frame.kind))
        self._arrived.append(self.packets)

    def expected(self, number: int) -> ExpectedFrame:
        """What is known of a frame."""
        duration = self._durations[number]
        return ExpectedFrame(
            self._digests[number],
            self._pts[number],
            None if duration == _UNKNOWN else duration,
            self._kinds[self._kind_numbers[number]],
        )

    def plans(self, begin: int, end: int) -> list[SlicePlan]:
        """How frames ``begin`` to ``end`` - 1 can be decoded, to be tried in turn: each begins earlier than the one before.

        A decoder that starts at a key frame gives the same frames from there on, mostly: where groups of pictures are open, or
        a codec refreshes images bit by bit, it may take a few more.
        """
        delay = self._arrived[0]
        nearest = self._key_before(begin, self._arrived[begin] - delay)
        last = self._arrived[end - 1]
        frames = tuple(self.expected(number) for number in range(begin, end))
        plans: list[SlicePlan] = []
        for further in _FURTHER:
            if nearest <= further:
                break
            start = self._keys[nearest - further]
            stop = last if plans else min(last, max(last - delay, start) + _REORDERED)
            plans.append(SlicePlan(begin, end, start, stop, self._packet_digests[start], self._seek_time(start), frames))
        whole = SlicePlan(begin, end, 0, last, self._packet_digests[0], None, frames)
        return [*plans, whole]

    def _key_before(self, frame: int, packet: int) -> int:
        """Which of the keys is the last at or before a packet, and is not shown after the frame."""
        number = bisect_right(self._keys, packet) - 1
        while number > 0 and self._packet_pts[self._keys[number]] > self._pts[frame]:
            number -= 1
        return number

    def _seek_time(self, packet: int) -> int | None:
        time = self._packet_dts[packet] if self._packet_dts[packet] != _UNKNOWN else self._packet_pts[packet]
        return None if self.clock_moved or time == _UNKNOWN else time


class IndexingReader(VideoReader):
    """A VideoReader that notes in ``index`` what it reads."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """As VideoReader's."""
        self.index = FrameIndex()
        super().__init__(*arguments, **options)

    def _decode_packet(self, packet: Packet[Stream] | None) -> list[VideoFrame]:
        if packet is not None:
            self.index.add_packet(packet)
        return super()._decode_packet(packet)

    def _release(self, held: Any, duration: int | None) -> RawFrame:
        frame = super()._release(held, duration)
        self.index.add_frame(frame)
        self.index.clock_moved = bool(self._clock and self._clock.jumps)
        return frame


def packet_digest(packet: Packet[Stream]) -> int:
    """64 bits that tell the contents of packets apart."""
    return int.from_bytes(hashlib.blake2b(memoryview(packet), digest_size=8).digest())


def frame_digest(planes: Sequence[Plane]) -> int:
    """64 bits that tell the samples of frames apart."""
    digest = hashlib.blake2b(digest_size=8)
    for plane in planes:
        digest.update(repr(plane.shape).encode())
        digest.update(plane.data if plane.flags.c_contiguous else plane.tobytes())
    return int.from_bytes(digest.digest())


def shorter(plan: SlicePlan, done: int) -> SlicePlan:
    """A plan without its first ``done`` frames, which are decoded already."""
    return replace(plan, begin=plan.begin + done, frames=plan.frames[done:])
