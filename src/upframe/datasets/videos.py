"""The frames of a video as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from upframe.datasets.degradation import Pixels
from upframe.errors import InputError
from upframe.media.video.info import RawFrame, VideoInfo
from upframe.media.video.reader import VideoReader
from upframe.ops.colour import planes_to_rgb, rgb_to_planes


def rgb_depth(info: VideoInfo) -> int:
    """Bits of the RGB a video's frames become: 8 where they have 8, else 16."""
    return 8 if info.layout.depth == 8 else 16


@torch.inference_mode()
def rgb_of(frame: RawFrame, info: VideoInfo) -> Pixels:
    """A decoded frame as (h, w, 3) RGB of uint8, or uint16 for more than 8 bits, full range; transparency is left out."""
    layout, colour = info.layout, info.colour
    planes = [torch.from_numpy(plane) for plane in frame.planes[: layout.planes - layout.alpha]]
    rgb = planes_to_rgb(
        planes,
        matrix=colour.matrix,
        full_range=colour.full_range,
        depth=layout.depth,
        chroma_location=colour.chroma_location,
        subsampling=(1, 1) if layout.grey or layout.rgb else (1 << layout.sub_y, 1 << layout.sub_x),
    )
    green, blue, red = rgb_to_planes(rgb, matrix="rgb", full_range=True, depth=rgb_depth(info))
    return np.stack((red.numpy(), green.numpy(), blue.numpy()), axis=2)


def count_frames(path: Path) -> int:
    """How many frames a video has; decodes all of it unless its index is sure. Raises InputError for a damaged one."""
    with VideoReader(path) as reader:
        if reader.info.frames is not None and reader.info.frames_exact:
            return reader.info.frames
        return sum(isinstance(item, RawFrame) for item in reader)


class VideoFrames:
    """A video's frames by number. The video stays open from one frame to the next; going back opens it again."""

    def __init__(self, path: Path, count: int | None = None) -> None:
        self.path = path
        self._count = count_frames(path) if count is None else count
        self._reader: VideoReader | None = None
        self._frames: Iterator[RawFrame] = iter(())
        self._last: tuple[int, Pixels] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        digits = max(5, len(str(self._count)))
        return tuple(f"{number:0{digits}d}" for number in range(self._count))

    def read(self, index: int) -> Pixels:
        if self._last is None or self._last[0] != index:
            self._last = index, self._decode(index)
        return self._last[1].copy()

    def again(self) -> VideoFrames:
        """The same video with a place of its own in it."""
        return VideoFrames(self.path, self._count)

    def label(self, index: int) -> str:
        return f"{self.path}, frame {index}"

    def _decode(self, index: int) -> Pixels:
        if self._reader is None or self._last is None or index < self._last[0]:
            self._close()
            self._reader = VideoReader(self.path)
            self._frames = (item for item in self._reader if isinstance(item, RawFrame))
        for frame in self._frames:
            if frame.index == index:
                pixels = rgb_of(frame, self._reader.info)
                if index == self._count - 1:
                    self._close()
                return pixels
        self._close()
        raise InputError(f"{self.path}: frame {index} was asked for; it has {self._count}")

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
