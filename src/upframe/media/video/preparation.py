"""What is done to the frames of a video between its decoder and everything else: they become whole, clean, cropped, more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from av.video.frame import VideoFrame

from upframe.media.notes import Notes
from upframe.media.video.cleaning import choose_cleaning
from upframe.media.video.cropping import Crop, choose_cropping
from upframe.media.video.deinterlacing import AS_THEY_ARE, Deinterlace, choose_deinterlacing
from upframe.media.video.frame_rate import FrameRate, choose_frame_rate
from upframe.media.video.info import VideoInfo


@dataclass(frozen=True, slots=True)
class Preparation:
    """deinterlace: what becomes of interlaced frames. clean: whether the traces of analogue video are taken out. crop: which
    part of each frame is taken, None for all. frame_rate: of the result, None for that of the video.
    """

    deinterlace: Deinterlace = field(default_factory=Deinterlace)
    clean: bool = False
    crop: Crop | None = None
    frame_rate: FrameRate | None = None


AS_DECODED = Preparation(AS_THEY_ARE)


class _Stage(Protocol):
    """Something that is done to all frames in order, some of which it may hold back for a while."""

    def describe(self, info: VideoInfo) -> VideoInfo: ...

    def put(self, frame: VideoFrame) -> list[VideoFrame]: ...

    def rest(self) -> list[VideoFrame]: ...


class FramePreparation:
    """Takes the frames of a video in order and gives them prepared. ``info`` is that of the results.

    note: told of everything that is done. Raises InputError for a crop that is not inside the frames.
    """

    def __init__(self, settings: Preparation, info: VideoInfo, max_pixels: int, note: Notes) -> None:
        self.info = info
        self._stages: list[_Stage] = []
        self._add(choose_deinterlacing(settings.deinterlace, self.info, max_pixels, note))
        self._add(choose_cleaning(settings.clean, self.info, max_pixels, note))
        self._add(choose_cropping(settings.crop, self.info, max_pixels, note))
        self._add(choose_frame_rate(settings.frame_rate, self.info, note))

    def _add(self, stage: _Stage | None) -> None:
        if stage is not None:
            self._stages.append(stage)
            self.info = stage.describe(self.info)

    def put(self, frame: VideoFrame) -> list[VideoFrame]:
        """The frames that are ready now."""
        return _through(self._stages, [frame])

    def rest(self) -> list[VideoFrame]:
        """Those that were held back, at the end of the video."""
        results = []
        for number, stage in enumerate(self._stages, 1):
            results += _through(self._stages[number:], stage.rest())
        return results


def _through(stages: Sequence[_Stage], frames: list[VideoFrame]) -> list[VideoFrame]:
    for stage in stages:
        frames = [result for frame in frames for result in stage.put(frame)]
    return frames
