"""FFmpeg's filters on the frames of a video, in planes, as all filters can read them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from av.video.frame import VideoFrame

from upframe.media.filters import FilterChain, shape_of
from upframe.media.video.planes import nearest_layout

_PLANAR = ("yuv4", "yuvj4", "yuva4", "gbrp", "gray")


def planar_chain(frame: VideoFrame, filters: Sequence[str], time_base: Fraction, rate: Fraction | None = None) -> FilterChain:
    """Filters for frames like one, whose results have its samples; between the filters these are in planes."""
    own = frame.format.name
    if not own.startswith(_PLANAR) or own.endswith("be"):
        filters = [f"format={nearest_layout(own).name}", *filters, f"format={own}"]
    return FilterChain(shape_of(frame), filters, time_base=time_base, rate=rate)
