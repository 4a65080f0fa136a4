"""Where the chroma samples of a decoded picture lie among its luma samples.

FFmpeg knows, but PyAV has no attribute for it below version 19. FFmpeg would print it too, but to listen to its log is to risk
a hang: a decoder's thread that logs waits for the interpreter, while whoever frees that decoder holds it and waits for the
thread. So FFmpeg's scaler is watched, which honours the place: slopes in the chroma planes are moved when it upscales them.
"""

from __future__ import annotations

import av
import numpy as np
from av.video.frame import VideoFrame

from upframe.media.video.colour import LIMITED, ChromaLocation
from upframe.media.video.planes import nearest_layout, view_plane

_SIDE, _MIDDLE = 16, 8
_LOWEST, _STEP = 32, 16
"""The slopes: the value of the first chroma sample, and the difference between neighbours, which are two luma samples apart."""
_BT709 = 1
_BILINEAR, _STRICT = 1 << 1, 1 << 11
"""FFmpeg's flags. Strict: fail if anything is not stated; else the scaler takes chroma whose place is not stated as centred."""

_LOCATIONS: dict[tuple[int, int], ChromaLocation] = {
    (0, 0): "topleft",
    (1, 0): "top",
    (0, 1): "left",
    (1, 1): "center",
    (0, 2): "bottomleft",
    (1, 2): "bottom",
}
"""By how far to the right of the first luma sample, and how far below it, the first chroma sample is, in half samples."""


def chroma_location(frame: VideoFrame) -> ChromaLocation | None:
    """Where a frame's chroma samples are stated to lie; None if that is not stated, or there is as much chroma as luma."""
    layout = nearest_layout(frame.format.name)
    if not (layout.sub_x or layout.sub_y):
        return None
    try:
        upscaled = _upscale(_sloping(frame))
    except av.FFmpegError:
        return None
    return _LOCATIONS.get((_moved(upscaled, 1), _moved(upscaled, 2)))


def _moved(upscaled: VideoFrame, plane: int) -> int:
    """By how many half luma samples, each a quarter of the way to the next chroma sample, a plane has gone along its slope."""
    unmoved = _LOWEST + _STEP * _MIDDLE // 2
    return round((unmoved - int(view_plane(upscaled, plane, np.uint8)[_MIDDLE, _MIDDLE])) / (_STEP / 4))


def _sloping(frame: VideoFrame) -> VideoFrame:
    """A small new frame with all a frame states, of 8-bit 4:2:0: one chroma plane rises to the right, the other down."""
    # By way of 4:4:4, as the scaler gives back the very frame if there is nothing to do, and it must not be drawn on.
    small = frame.reformat(_SIDE, _SIDE, "yuv444p", _BT709, _BT709, threads=1).reformat(format="yuv420p", threads=1)
    slope = _LOWEST + _STEP * np.arange(_SIDE // 2)
    view_plane(small, 1, np.uint8)[...] = slope
    view_plane(small, 2, np.uint8)[...] = slope[:, None]
    small.colorspace = small.color_primaries = small.color_trc = _BT709
    small.color_range = LIMITED
    return small


def _upscale(frame: VideoFrame) -> VideoFrame:
    """The frame with chroma of the size of its luma. Raises FFmpegError if anything about its colours is not stated."""
    return frame.reformat(
        format="yuv444p",
        interpolation=_BILINEAR | _STRICT,
        dst_color_trc=_BT709,  # PyAV hides both from the scaler if they are not named
        dst_color_primaries=_BT709,
        threads=1,
    )
