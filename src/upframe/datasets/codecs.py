"""Frames through a real codec and back, in memory: what compression does to a clip."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, cast

import av
import numpy as np
import PIL.Image
import torch
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from upframe.errors import OutputError
from upframe.media.video.planes import layout_of, make_frame, view_plane
from upframe.ops.colour import planes_to_rgb, rgb_to_planes

Pixels = NDArray[np.uint8]
"""(h, w, 3) RGB."""
Codec = Literal["x264", "x265", "mpeg2", "mpeg4", "vp9"]

_ENCODERS: dict[Codec, str] = {
    "x264": "libx264",
    "x265": "libx265",
    "mpeg2": "mpeg2video",
    "mpeg4": "mpeg4",
    "vp9": "libvpx-vp9",
}
SMALLEST = 64
"""Pixels: x265 4.1 writes beyond its memory where both sides of a frame are smaller than one of its blocks."""
_LAYOUT = "yuv420p"
_SUBSAMPLING = (2, 2)


@dataclass(frozen=True, slots=True)
class Compression:
    """One setting of a codec. ``quality``: CRF of x264, x265 and vp9, the quantiser of mpeg2 and mpeg4; less is better.

    ``preset``: of x264 and x265.
    """

    codec: Codec
    quality: int
    preset: str = "medium"

    def __str__(self) -> str:
        preset = f" {self.preset}" if self.codec in ("x264", "x265") else ""
        return f"{self.codec} {self.quality}{preset}"


def compressed(frames: Iterable[Pixels], compression: Compression, *, rate: int = 25) -> Iterator[Pixels]:
    """Frames (h, w, 3) as they come out of a codec: 8-bit 4:2:0 in BT.709, limited range, ``rate`` frames a second.

    Both sides must be even, and one at least ``SMALLEST``. All frames are taken before the first is given; what is held
    meanwhile is their compressed form. One thread, so that the same frames give the same result wherever the codec is the same.
    Raises OutputError where the codec refuses, or returns another number of frames.
    """
    buffer = io.BytesIO()
    returned = 0
    try:
        written = _encode(buffer, frames, compression, rate)
        buffer.seek(0)
        for frame in _decoded(buffer):
            yield _rgb(frame)
            returned += 1
    except (av.FFmpegError, ValueError) as error:
        raise OutputError(f"{compression}: {' '.join(str(error).split())}") from error
    if returned != written:
        raise OutputError(f"{compression}: {written} frames were written, but {returned} came back")


def jpeg_compressed(frame: Pixels, quality: int) -> Pixels:
    """An image (h, w, 3) after a JPEG file of ``quality`` 1 to 100 with 4:2:0 chroma."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(frame).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(PIL.Image.open(buffer).convert("RGB"))


def _encode(buffer: io.BytesIO, frames: Iterable[Pixels], compression: Compression, rate: int) -> int:
    """How many frames were written."""
    with av.open(buffer, "w", format="matroska") as container:
        stream: VideoStream | None = None
        number = -1
        for number, pixels in enumerate(frames):
            frame = _frame(pixels)
            if stream is None:
                stream = cast(VideoStream, container.add_stream(_ENCODERS[compression.codec], rate=rate))
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, _LAYOUT
                stream.options = dict(_options(compression))
                stream.codec_context.thread_count = 1
            frame.pts = number
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode(None))
        return number + 1


def _options(compression: Compression) -> dict[str, str]:
    quality = str(compression.quality)
    match compression.codec:
        case "x264":
            return {"crf": quality, "preset": compression.preset}
        case "x265":
            return {"crf": quality, "preset": compression.preset, "x265-params": "log-level=none:pools=none:frame-threads=1"}
        case "vp9":
            return {"crf": quality, "b": "0", "deadline": "good", "cpu-used": "5"}
        case _:
            return {"qmin": quality, "qmax": quality, "g": "12", "bf": "2"}


def _frame(pixels: Pixels) -> VideoFrame:
    rgb = torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32))[None] / 255
    planes = rgb_to_planes(rgb, matrix="bt709", full_range=False, depth=8, subsampling=_SUBSAMPLING)
    layout = layout_of(_LAYOUT)
    if layout is None:
        raise OutputError(f"this FFmpeg does not know {_LAYOUT}")
    return make_frame([plane.numpy() for plane in planes], layout)


def _decoded(buffer: io.BytesIO) -> Iterator[VideoFrame]:
    with cast(InputContainer, av.open(buffer)) as container:
        container.streams.video[0].thread_count = 1
        yield from container.decode(container.streams.video[0])


def _rgb(frame: VideoFrame) -> Pixels:
    planes = [torch.from_numpy(view_plane(frame, index, np.uint8).copy()) for index in range(3)]
    rgb = planes_to_rgb(planes, matrix="bt709", full_range=False, depth=8, subsampling=_SUBSAMPLING)
    return np.ascontiguousarray(rgb[0].mul(255).round_().clamp_(0, 255).byte().permute(1, 2, 0).numpy())
