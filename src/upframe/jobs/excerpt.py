"""Frames of a video from any place on, in a reader that only goes forward."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from upframe.errors import InputError
from upframe.media.video.info import RawFrame
from upframe.media.video.reader import VideoReader


class FrameSource:
    """The frames of a video by their numbers. Those before are passed over, as every container can be read from its start.

    ``open_reader``: opens the video. ``kept``: how many frames that were read last stay at hand, so that the frames that two
    segments share are read once. What comes before these is read again from the start.
    """

    def __init__(self, open_reader: Callable[[], VideoReader], kept: int) -> None:
        self._open_reader = open_reader
        self._kept: deque[RawFrame] = deque(maxlen=kept + 1)
        self.reader = open_reader()
        self._frames = _frames_of(self.reader)

    def frames(self, begin: int, end: int) -> Iterator[RawFrame]:
        """Frames ``begin`` to ``end`` - 1. Raises InputError where the video has fewer of them than it had."""
        at_hand = [frame for frame in self._kept if begin <= frame.index < end]
        if self._kept and begin < self._kept[0].index:
            self._restart()
            at_hand = []
        yield from at_hand
        following = begin + len(at_hand)
        while following < end:
            frame = next(self._frames, None)
            if frame is None:
                raise InputError(f"{self.reader.path}: ends at frame {following}, and had more when the job was planned")
            self._kept.append(frame)
            if frame.index >= following:
                following = frame.index + 1
                yield frame

    def close(self) -> None:
        self.reader.close()

    def _restart(self) -> None:
        self.reader.close()
        self._kept.clear()
        self.reader = self._open_reader()
        self._frames = _frames_of(self.reader)


def _frames_of(reader: VideoReader) -> Iterator[RawFrame]:
    return (item for item in reader if isinstance(item, RawFrame))
