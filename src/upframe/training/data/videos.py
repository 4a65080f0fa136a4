"""Frames of videos in any order, as training asks for them."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from upframe.datasets.videos import VideoFrames, rgb_of
from upframe.errors import InputError
from upframe.media.video.info import RawFrame, VideoDamaged, VideoInfo
from upframe.media.video.opening import open_container
from upframe.media.video.planes import read_planes
from upframe.media.video.reader import probe

OPEN_AT_MOST = 8  # videos at a time: of thousands no process may have all open
_open: deque[SoughtVideo] = deque()


class SoughtVideo:
    """A video's frames by number, decoded from the last key frame before each; frames in order are decoded once.

    The same frames as :class:`upframe.datasets.videos.VideoFrames` has, which also reads videos that cannot be searched, such
    as those whose packets have no times, slowly. ``skip_damaged``: a video that is cut short has the frames before. Raises
    InputError for a damaged video.
    """

    def __init__(self, path: Path, *, skip_damaged: bool = False) -> None:
        try:
            self._whole = VideoFrames(path)
        except VideoDamaged as error:
            if not error.frames or not skip_damaged:
                keep = f"to keep the {error.frames} frames that can be read, set data.skip_damaged=true"
                raise InputError(str(error), remedy=keep if error.frames else None) from error
            self._whole = VideoFrames(path, error.frames)
        self._path, self._count = path, len(self._whole.names)
        self._times: list[int] | None = None  # of every frame, ascending
        self._keys: list[int] = []  # of those that can be decoded by themselves
        self._info: VideoInfo | None = None
        self._container: InputContainer | None = None
        self._frames: Iterator[VideoFrame] = iter(())
        self._next = 0  # the number of the frame that is decoded next

    def __len__(self) -> int:
        return self._count

    def read(self, index: int) -> NDArray[np.generic]:
        """A frame: (h, w, 3) RGB of uint8, or uint16 for more than 8 bits."""
        if self._info is None:
            self._info, self._times, self._keys = probe(self._path), *self._searched()
        if self._times is not None:
            frame = self._sought(index, self._times)
            if frame is not None:
                raw = RawFrame(read_planes(frame, self._info.layout), frame.pts or 0, Fraction(1), None, index)
                return rgb_of(raw, self._info)
            self._times = None  # its index does not tell the truth
            self.close()
        return self._whole.read(index)

    def close(self) -> None:
        """Let go of the file; it is opened again when a frame is asked for."""
        if self._container is not None:
            self._frames = iter(())
            self._container.close()
            self._container = None

    def _searched(self) -> tuple[list[int] | None, list[int]]:
        """The times of all frames and of the key frames, without decoding; None where they do not tell all frames apart."""
        try:
            with open_container(self._path) as container:
                packets = [packet for packet in container.demux(container.streams.video[0]) if packet.size]
                times = sorted(packet.pts for packet in packets if packet.pts is not None)
                keys = sorted(packet.pts for packet in packets if packet.pts is not None and packet.is_keyframe)
        except (av.FFmpegError, OSError):
            return None, []
        sure = len(times) == len(set(times)) == self._count and keys[:1] == times[:1]
        return (times if sure else None), keys

    def _sought(self, index: int, times: list[int]) -> VideoFrame | None:
        """The frame of a number; None where it is not where it should be."""
        key = self._keys[bisect_right(self._keys, times[index]) - 1]
        try:
            if self._container is None or not bisect_right(times, key) - 1 <= self._next <= index:
                self._seek(key)
            for frame in self._frames:
                if frame.pts is None or frame.pts > times[index]:
                    return None
                if frame.pts == times[index]:
                    self._next = index + 1
                    return frame
        except (av.FFmpegError, OSError):
            self.close()
        return None

    def _seek(self, time: int) -> None:
        if self._container is None:
            _open.append(self)
            if len(_open) > OPEN_AT_MOST:
                _open.popleft().close()
            self._container = open_container(self._path)
            self._container.streams.video[0].codec_context.thread_count = 1  # readers run beside one another already
        stream = self._container.streams.video[0]
        self._container.seek(time, stream=stream)
        self._frames = self._container.decode(stream)
