"""What a user should know of a video before it is upscaled."""

from __future__ import annotations

from collections.abc import Iterator

from upframe.media.video.colour import unsupported_matrix
from upframe.media.video.endings import Joined
from upframe.media.video.info import VideoInfo

INTERLACED = (
    "the video is interlaced: its frames are upscaled as they are, combs included; deinterlace it first for a better result"
)


def remarks_on(info: VideoInfo, joined: Joined | None) -> Iterator[str]:
    """Lines about what of it is not read, and its colours, fields and samples, where they are not what they might be."""
    if joined is not None:
        yield str(joined)
    guess = info.colour.describe_guess(info.width, info.height)
    if guess:
        yield guess
    matrix = unsupported_matrix(info.colour.colorspace) if info.colour.matrix not in ("rgb", "grey") else None
    if matrix:
        yield f"colours are {matrix}: the network sees them through the {info.colour.matrix} matrix; they are kept"
    if info.interlaced:
        yield INTERLACED
    if info.source_format in ("yuv411p", "yuvj411p", "uyyvyy411", "yuv410p"):
        yield f"{info.source_format} images are read as {info.layout}"
