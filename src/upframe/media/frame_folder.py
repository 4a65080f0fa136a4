"""A video's frames as numbered images in a folder: what VideoWriter is for a video, with the same properties kept."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from upframe.media.image.image import Image, ImageMetadata
from upframe.media.notes import Notes
from upframe.media.numbered import FrameNames
from upframe.media.video.colour import FULL, UNSPECIFIED, ColourTags
from upframe.media.video.info import CopiedPacket, HdrMetadata, PixelLayout, RawFrame, VideoInfo
from upframe.media.video.planes import layout_of
from upframe.media.video.turning import turn_of

_CHROMATICITY, _LUMINANCE = 50000, 10000
"""Steps of PNG's mDCV and cLLI chunks."""


class FrameFolder:
    """Numbered images in a folder, upright, and ``timestamps.txt`` with the time of each in ms.

    ``layout`` and ``colour`` say what the frames given to ``write`` must be: R'G'B' of full range, in the video's primaries and
    transfer, with transparency where the video has it; 8 bits or 16 as the video has them, unless ``depth`` says which.
    ``size`` is their (height, width). write_image: what writes one. What is not for images is reported to ``on_note``.
    """

    def __init__(
        self,
        names: FrameNames,
        info: VideoInfo,
        size: tuple[int, int],
        *,
        depth: int | None,
        write_image: Callable[[Path, Image], None],
        on_note: Notes,
    ) -> None:
        self._names, self._write_image = names, write_image
        self.size = size
        self.layout = _layout(depth or (8 if info.layout.depth == 8 else 16), alpha=info.layout.alpha)
        height, width = size
        rgb = info.colour.for_layout(rgb=True, grey=False, width=width, height=height)
        self.colour: ColourTags = replace(rgb, full_range=True, color_range=FULL)
        self._metadata = _metadata(info, self.colour, size, png=names.suffix.lower() == ".png")
        self._times = ["# timestamp format v2"]
        if turn_of(info.display_matrix) is None:
            on_note("the video is rotated by an odd angle: its images are written as they are stored")
        others = [str(stream) for stream in info.streams if stream.index != info.video_index]
        if others:
            on_note(f"left out, as numbered images have no place for it: {', '.join(others)}")

    def write(self, frame: RawFrame) -> None:
        """One more image. Raises OutputError if it cannot be written."""
        self._times.append(f"{float(1000 * frame.pts * frame.time_base):.6f}")
        green, blue, red, *alpha = frame.planes
        opacity = alpha[0][..., None] if alpha else None
        image = Image(np.stack((red, green, blue), axis=2), opacity, metadata=self._metadata)
        self._write_image(self._names.path(frame.index), image)

    def copy(self, item: CopiedPacket) -> None:
        """Sound and the like have no place among images."""

    def close(self) -> None:
        """Write the times."""
        (self._names.folder / "timestamps.txt").write_text("\n".join(self._times) + "\n", encoding="ascii")


def _layout(depth: int, *, alpha: bool) -> PixelLayout:
    layout = layout_of(f"gbr{'a' if alpha else ''}p{'' if depth == 8 else '16le'}")
    assert layout is not None
    return layout


def _metadata(info: VideoInfo, colour: ColourTags, size: tuple[int, int], *, png: bool) -> ImageMetadata:
    """The shape of pixels, and the colours in PNG's own words."""
    turn = info.kind.turn
    aspect = turn.aspect(info.result_aspect(turn.size(*size)))
    chunks = []
    if not png:
        return ImageMetadata(pixel_aspect=None if aspect == 1 else aspect)
    if UNSPECIFIED not in (colour.primaries, colour.transfer):
        chunks.append((b"cICP", bytes([colour.primaries, colour.transfer, 0, 1])))
    chunks += _hdr_chunks(info.hdr)
    return ImageMetadata(pixel_aspect=None if aspect == 1 else aspect, png_colour=tuple(chunks))


def _hdr_chunks(hdr: HdrMetadata | None) -> list[tuple[bytes, bytes]]:
    chunks = []
    if hdr is not None and hdr.mastering is not None:
        display = hdr.mastering
        points = [value for point in (display.red, display.green, display.blue, display.white) for value in point]
        numbers = [round(value * _CHROMATICITY) for value in points]
        light = [round(value * _LUMINANCE) for value in (display.max_luminance, display.min_luminance)]
        chunks.append((b"mDCV", struct.pack(">8H2I", *numbers, *light)))
    if hdr is not None and hdr.light is not None:
        levels = [value * _LUMINANCE for value in (hdr.light.max_content, hdr.light.max_average)]
        chunks.append((b"cLLI", struct.pack(">2I", *levels)))
    return chunks
