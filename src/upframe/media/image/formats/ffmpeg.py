"""16-bit samples through FFmpeg's image decoders (in PyAV), where Pillow has eight bits only."""

from __future__ import annotations

from typing import Literal

import av
import numpy as np

from upframe.media.image.image import Samples

_CHANNELS = {"gray16": 1, "ya16": 2, "rgb48": 3, "rgba64": 4}


def decode_16_bit(codec: Literal["png", "tiff"], file: bytes) -> Samples:
    """A whole file -> uint16 (h, w, channels): grey, grey and alpha, RGB or RGBA. Raises ValueError with what is amiss."""
    decoder = av.VideoCodecContext.create(codec, "r")
    try:
        frames = [*decoder.decode(av.Packet(file)), *decoder.decode(None)]
    except av.FFmpegError as error:
        raise ValueError(error.strerror) from error
    if not frames:
        raise ValueError("holds no image")
    frame, plane = frames[0], frames[0].planes[0]
    layout, order = frame.format.name[:-2], frame.format.name[-2:]
    if layout not in _CHANNELS:
        raise ValueError(f"layout {frame.format.name}")
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(frame.height, plane.line_size)
    used = np.ascontiguousarray(lines[:, : frame.width * _CHANNELS[layout] * 2])
    return used.view(">u2" if order == "be" else "<u2").astype(np.uint16).reshape(frame.height, frame.width, -1)
