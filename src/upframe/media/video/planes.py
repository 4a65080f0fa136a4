"""Between FFmpeg's frames and planes of samples, by plain copies wherever a format has planes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from upframe.errors import InputError, ShapeError
from upframe.media.video.info import PixelLayout, Plane

_DEPTHS = (8, 9, 10, 12, 14, 16)
_SEMI_PLANAR = {  # base: (chroma shifts x and y, V before U)
    "nv12": (1, 1, False),
    "nv21": (1, 1, True),
    "nv16": (1, 0, False),
    "nv24": (0, 0, False),
    "nv42": (0, 0, True),
    "p0": (1, 1, False),
    "p2": (1, 0, False),
    "p4": (0, 0, False),
}
"""Y in one plane, U and V in turn in another. p0xx, p2xx and p4xx keep their xx bits in the high end of 16."""
_NEAREST = {"pal8": "gbrp", "monow": "gray", "monob": "gray", "ya8": "gbrap", "ya16le": "gbrap16le", "ya16be": "gbrap16le"}
_NEVER = {"f16", "f32", "xyz", "bayer", "msb"}


@cache
def layout_of(name: str) -> PixelLayout | None:
    """The layout of an FFmpeg format that has one plane a component, the value in the low end; None for any other."""
    try:
        pixel_format = VideoFormat(name, 64, 64)
    except ValueError:
        return None
    components = pixel_format.components
    depths = {component.bits for component in components}
    apart = {component.plane for component in components}
    grey = len(components) == 1
    if (
        len(apart) != len(components)
        or len(depths) != 1
        or depths.isdisjoint(_DEPTHS)
        or pixel_format.is_big_endian
        or pixel_format.has_palette
        or pixel_format.is_bit_stream
        or any(word in name for word in _NEVER)
    ):
        return None
    shifts = [6 - chroma.bit_length() + 1 for chroma in (pixel_format.chroma_width(), pixel_format.chroma_height())]
    if max(shifts) > 1:
        return None
    return PixelLayout(
        name=name.replace("yuvj", "yuv"),
        depth=depths.pop(),
        sub_x=0 if grey else shifts[0],
        sub_y=0 if grey else shifts[1],
        rgb=pixel_format.is_rgb,
        grey=grey,
        alpha=any(component.is_alpha for component in components),
    )


@cache
def nearest_layout(name: str) -> PixelLayout:
    """The layout in planes that holds all an FFmpeg format has; its own where that is one plane a component.

    4:1:1 and 4:1:0 become 4:2:2 and 4:2:0. Raises InputError for float samples, raw sensor data and X'Y'Z'.
    """
    own = layout_of(name)
    if own is not None:
        return own
    layout = None if any(word in name for word in _NEVER) else layout_of(_NEAREST.get(name) or _planar_name(name))
    if layout is None:
        raise InputError(f"images in the format {name} are not supported; integer Y'CbCr, RGB and grey are")
    return layout


def _planar_name(name: str) -> str:
    pixel_format = VideoFormat(name, 64, 64)
    components = pixel_format.components
    bits = max((component.bits for component in components), default=0)
    depth = next((depth for depth in _DEPTHS if depth >= bits > 0), None)
    if depth is None:
        return name
    alpha = "a" if any(component.is_alpha for component in components) else ""
    if pixel_format.is_rgb:
        depth = 10 if depth == 9 and alpha else depth
        base = f"gbr{alpha}p"
    elif len(components) == 1:
        base = "gray"
    else:
        chroma = (min(64 // pixel_format.chroma_width(), 2), min(64 // pixel_format.chroma_height(), 2))
        base = f"yuv{alpha}{ {(1, 1): '444', (2, 1): '422', (2, 2): '420', (1, 2): '440'}[chroma] }p"
    return base if depth == 8 else f"{base}{depth}le"


def read_planes(frame: VideoFrame, layout: PixelLayout) -> tuple[Plane, ...]:
    """Copies of a frame's samples in ``layout``, which is ``nearest_layout`` of its format."""
    name = frame.format.name
    if layout_of(name) is None:
        base = name.removesuffix("le")
        base = base if base in _SEMI_PLANAR else base[:2]
        if base in _SEMI_PLANAR and not name.endswith("be"):
            return _read_semi_planar(frame, layout, *_SEMI_PLANAR[base])
        frame = frame.reformat(format=layout.name)
    return tuple(view_plane(frame, index, layout.dtype).copy() for index in range(layout.planes))


def _read_semi_planar(frame: VideoFrame, layout: PixelLayout, sub_x: int, sub_y: int, swapped: bool) -> tuple[Plane, ...]:
    height, width = -(-frame.height >> sub_y), -(-frame.width >> sub_x)
    luma = view_plane(frame, 0, layout.dtype)
    chroma = view_plane(frame, 1, layout.dtype, 2)[:height, : 2 * width]
    planes = (luma, chroma[:, int(swapped) :: 2], chroma[:, int(not swapped) :: 2])
    if layout.depth in (8, 16):
        return tuple(plane.copy() for plane in planes)
    return tuple(plane >> np.uint16(16 - layout.depth) for plane in planes)


def view_plane(frame: VideoFrame, index: int, dtype: type[np.uint8 | np.uint16], components: int = 1) -> NDArray[Any]:
    """A plane's memory as (rows, columns), without what pads its rows. ``components`` lie in it in turn."""
    plane = frame.planes[index]
    step = np.dtype(dtype).itemsize
    rows: NDArray[Any] = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, abs(plane.line_size))
    rows = rows[:, : plane.width * components * step].view(dtype)
    return rows if plane.line_size > 0 else rows[::-1]


def make_frame(planes: Sequence[Plane], layout: PixelLayout, captions: VideoFrame | None = None) -> VideoFrame:
    """An FFmpeg frame that holds a copy of planes. Raises ShapeError if they are not as the layout has them.

    captions: a small frame whose captions are to accompany it.
    """
    if len(planes) != layout.planes:
        raise ShapeError(f"{len(planes)} planes given: {layout.name} has {layout.planes}")
    height, width = planes[0].shape
    if captions is None:
        frame = VideoFrame(width, height, layout.name)
    else:
        frame = captions.reformat(width=width, height=height, format=layout.name, interpolation="POINT")
    for index, plane in enumerate(planes):
        expected = layout.shape(index, height, width)
        if plane.shape != expected or plane.dtype != layout.dtype:
            wanted = f"{np.dtype(layout.dtype).name} {expected}"
            raise ShapeError(f"plane {index} of {layout.name} is {plane.dtype} {plane.shape}, expected {wanted}")
        view_plane(frame, index, layout.dtype)[...] = plane
    return frame
