"""Black borders and what else surrounds the images of a video: cut off before they are upscaled, and put back on request.

An enlarged border rings at the edge of the image, and costs as much time as the image. It is found here because the FFmpeg that
PyAV brings lacks ``cropdetect``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from av.video.frame import VideoFrame

from upframe.errors import InputError
from upframe.media.filters import FilterChain, FrameShape, shape_of
from upframe.media.notes import Notes
from upframe.media.video.info import Plane, VideoInfo
from upframe.media.video.places import frames_at
from upframe.media.video.planes import nearest_layout, read_planes

_PLACES, _FRAMES = 12, 2  # that are looked at, and frames at each
_MEAN, _BRIGHTEST = 6, 20  # 8-bit codes above black, of a line that is black: noise, and what a codec has smeared over the edge
_LEAST = 1 / 3  # of either side: what is smaller is a dark video, not one with borders
_WORDS = re.compile(r"(\d+):(\d+):(\d+):(\d+)")


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a frame, in pixels."""

    width: int
    height: int
    left: int
    top: int

    def __str__(self) -> str:
        """As it is written: ``W:H:X:Y``."""
        return f"{self.width}:{self.height}:{self.left}:{self.top}"


@dataclass(frozen=True, slots=True)
class Crop:
    """What is kept of each frame; None: all but black borders. ``borders``: whether black is put back around the result."""

    box: Box | None = None
    borders: Literal["drop", "keep"] = "drop"


def parse_crop(text: str, borders: Literal["drop", "keep"]) -> Crop:
    """Of ``auto`` or ``W:H:X:Y``. Raises InputError for anything else."""
    if text == "auto":
        return Crop(None, borders)
    found = _WORDS.fullmatch(text)
    if found is None:
        raise InputError(f"{text!r} is no part of an image: write auto or W:H:X:Y, such as 704:576:8:0")
    return Crop(Box(*map(int, found.groups())), borders)


def find_box(frames: Sequence[VideoFrame], *, full_range: bool, steps: tuple[int, int]) -> Box | None:
    """What all frames of one size show inside of black borders; None where there are none, or nothing else.

    steps: rows and columns that go together, as their chroma does.
    """
    black = 0 if full_range else 16
    boxes = [box for box in (_bright_part(frame, black) for frame in frames) if box is not None]
    if not boxes:
        return None
    height, width = frames[0].height, frames[0].width
    top, left = min(box[0] for box in boxes), min(box[1] for box in boxes)
    bottom, right = max(box[2] for box in boxes), max(box[3] for box in boxes)
    rows, columns = steps
    top, left = -(-top // rows) * rows, -(-left // columns) * columns
    bottom = bottom // rows * rows if bottom < height else height
    right = right // columns * columns if right < width else width
    if (bottom - top, right - left) == (height, width) or bottom - top < _LEAST * height or right - left < _LEAST * width:
        return None
    return Box(right - left, bottom - top, left, top)


def _bright_part(frame: VideoFrame, black: int) -> tuple[int, int, int, int] | None:
    """(top, left, bottom, right) of what is not black."""
    luma = _luma(frame)
    rows, columns = (_bright_lines(lines, black) for lines in (luma, luma.T))
    if not (rows.any() and columns.any()):
        return None
    top, left = int(rows.argmax()), int(columns.argmax())
    return top, left, len(rows) - int(rows[::-1].argmax()), len(columns) - int(columns[::-1].argmax())


def _bright_lines(lines: Plane, black: int) -> Plane:
    """Which rows are not black, single bright samples aside."""
    return np.asarray((lines.mean(1) > black + _MEAN) | (np.percentile(lines, 98, axis=1) > black + _BRIGHTEST))


def _luma(frame: VideoFrame) -> Plane:
    """Luma as floats in 8-bit codes; the brightest colour of RGB."""
    layout = nearest_layout(frame.format.name)
    planes = read_planes(frame, layout)
    luma = np.maximum.reduce(planes[:3]) if layout.rgb else planes[0]
    return luma.astype(np.float32) / (1 << (layout.depth - 8))


class Cropper:
    """Takes frames and gives a part of each; those of another shape than the first go through as they are."""

    def __init__(self, box: Box, info: VideoInfo, *, borders: bool) -> None:
        self._box, self._borders = box, borders
        self._first: FrameShape = info.width, info.height, info.source_format
        self._chain = FilterChain(self._first, [f"crop={box}:exact=1"], time_base=info.time_base)

    def describe(self, info: VideoInfo) -> VideoInfo:
        """The video of the results."""
        box = self._box
        right, bottom = info.width - box.left - box.width, info.height - box.top - box.height
        margins = (box.left, right, box.top, bottom) if self._borders else info.margins
        return replace(info, width=box.width, height=box.height, margins=margins)

    def put(self, frame: VideoFrame) -> list[VideoFrame]:
        """Its part."""
        return self._chain.put(frame) if shape_of(frame) == self._first else [frame]

    def rest(self) -> list[VideoFrame]:
        """Nothing is held back."""
        return []


def choose_cropping(crop: Crop | None, info: VideoInfo, max_pixels: int, note: Notes) -> Cropper | None:
    """How the frames of a video are cropped; None where they are not. Raises InputError for a box that is not in them."""
    if crop is None:
        return None
    layout = info.layout
    steps = (1 << layout.sub_y) * (2 if info.interlaced else 1), 1 << layout.sub_x
    box = crop.box
    if box is None:
        sampled = [frame for place in frames_at(info.path, _PLACES, _FRAMES, max_pixels=max_pixels) for frame in place]
        alike = [frame for frame in sampled if (frame.width, frame.height) == (info.width, info.height)]
        box = find_box(alike, full_range=info.colour.full_range or layout.rgb, steps=steps)
        if box is None:
            note("no black borders are found: its frames are taken whole")
            return None
    _refuse_outside(box, info, steps)
    where = "and put back around the result" if crop.borders == "keep" else "and left out"
    note(f"what is outside of {box} (W:H:X:Y) of {info.width}x{info.height} pixels is cut off, {where}")
    return Cropper(box, info, borders=crop.borders == "keep")


def _refuse_outside(box: Box, info: VideoInfo, steps: tuple[int, int]) -> None:
    rows, columns = steps
    if min(box.width, box.height) < 1 or box.left + box.width > info.width or box.top + box.height > info.height:
        raise InputError(f"{info.path}: {box} (W:H:X:Y) is not inside its {info.width}x{info.height} pixels")
    if box.top % rows or box.left % columns:
        raise InputError(
            f"{info.path}: {box} (W:H:X:Y) divides a pixel of chroma: X must be a multiple of {columns}, Y of {rows}"
        )
