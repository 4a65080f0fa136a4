"""The shape of pixels of a result."""

from __future__ import annotations

from fractions import Fraction

from upframe.media.video.info import VideoInfo

_LARGEST = 65535


def result_aspect(info: VideoInfo, size: tuple[int, int]) -> Fraction | None:
    """Width over height of a pixel of the result, of ``size`` (height, width); None if the source does not say.

    The source's own, unless the image is upscaled more in one direction: then what keeps the image's shape, if the video
    had pixels that are not square. With square ones the change of shape is what was asked for.
    """
    own = info.sample_aspect_ratio
    height, width = size
    stretched = abs(width * info.height - height * info.width) > max(info.width, info.height)
    if own is None or own == 1 or not stretched:
        return own
    return (own * Fraction(info.width * height, info.height * width)).limit_denominator(_LARGEST)
