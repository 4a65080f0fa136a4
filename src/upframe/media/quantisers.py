"""How coarsely an encoder has rounded video or an image: what the file says of itself.

One unit for every codec, the *step*: the distance, in 8-bit codes, of two values that a coefficient of an orthonormal
transform may have. A step of 1 is as good as none; at 8 a close look sees it, at 16 anybody.

Sources: FFmpeg's ``AVVideoEncParams``, for the layout of what its decoders export; ITU-T H.264, 8.5.9 (the step doubles every
6 quantisers, and is 1 at 4); ISO/IEC 13818-2, 7.4.2 (the step of inter blocks is the quantiser scale); VP9's specification,
8.6.1, whose table for AC coefficients is a line up to index 97 and nearly an exponential above.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import PIL.Image
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame

from upframe.media.video.probe import frame_side_data

EXPORT = {"export_side_data": "venc_params"}
"""The option of a decoder that makes it say which quantisers it met."""
_HEADER = struct.Struct("@IQQii")  # of AVVideoEncParams: nb_blocks, blocks_offset, block_size, type, qp
_BLOCK = struct.Struct("@iiiii")  # of AVVideoBlockParams: src_x, src_y, w, h, delta_qp
_WRITTEN = re.compile(rb"x26[45] .{0,200}?options: .{0,3000}?\b(crf|qp)=(\d+(?:\.\d+)?)", re.DOTALL)
_ABOVE_CRF = 2.5  # x264 and x265 in their usual settings: by so much the mean quantiser of frames lies above the CRF
_LOW = [row * 8 + column for row in range(4) for column in range(4)]  # coefficients that an image's detail is in


def frame_step(frame: VideoFrame) -> float | None:
    """The mean step of a frame that was decoded with :data:`EXPORT`; None for a codec whose decoder does not say.

    H.264, MPEG-1, MPEG-2, MPEG-4 part 2, H.263 and VP9 do; H.265 and AV1 do not.
    """
    content = frame_side_data(frame).get(SideDataType.VIDEO_ENC_PARAMS)
    return None if content is None else _exported_step(content, frame.format.components[0].bits)


def _exported_step(content: bytes, depth: int) -> float | None:
    count, offset, size, kind, quantiser = _HEADER.unpack_from(content)
    if count and size >= _BLOCK.size:
        blocks = np.frombuffer(content, np.uint8, count=count * size, offset=offset).reshape(count, size)
        deltas = np.ascontiguousarray(blocks[:, _BLOCK.size - 4 : _BLOCK.size]).view(np.int32)
        quantiser += float(deltas.mean())
    steps = {0: vp9_step(quantiser) / 2 ** (depth - 8), 1: h264_step(quantiser - 6 * (depth - 8)), 2: float(quantiser)}
    return steps.get(kind)  # VP9, H.264, MPEG


def h264_step(quantiser: float) -> float:
    """The step of a quantiser of H.264 and H.265, 0 to 51."""
    return float(2 ** ((quantiser - 4) / 6))


def vp9_step(index: float) -> float:
    """The step of a quantiser index of VP9 and AV1, 0 to 255, at 8 bits."""
    return (index + 7) / 8 if index <= 97 else 13 * float(17.6 ** ((index - 97) / 158))


def written_step(head: bytes) -> float | None:
    """The step by the settings that x264 and x265 write, in words, into their first bytes; None where there are none."""
    found = _WRITTEN.search(head)
    if found is None:
        return None
    quantiser = float(found[2])
    return h264_step(quantiser + _ABOVE_CRF if found[1] == b"crf" else quantiser)


def image_step(path: Path) -> float | None:
    """The mean step of a JPEG's luma, of the coefficients of low frequencies; None for any other file."""
    try:
        with PIL.Image.open(path) as image:
            tables = getattr(image, "quantization", None) if image.format in ("JPEG", "MPO") else None
    except (OSError, ValueError, SyntaxError):
        return None
    return float(np.mean([tables[0][index] for index in _LOW])) if tables and 0 in tables else None
