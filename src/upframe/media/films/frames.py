"""A film's frames as numbered pictures in a folder: what FilmWriter is for a film, with the same properties kept."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from upframe.media.films.aspect import result_aspect
from upframe.media.films.colour import FULL, UNSPECIFIED, ColourTags
from upframe.media.films.film import CopiedPacket, FilmInfo, HdrMetadata, Notes, PixelLayout, RawFrame
from upframe.media.films.planes import layout_of
from upframe.media.films.turning import turn_of
from upframe.media.numbered import FrameNames
from upframe.media.pictures.picture import Picture, PictureMetadata

_CHROMATICITY, _LUMINANCE = 50000, 10000
"""Steps of PNG's mDCV and cLLI chunks."""


class FrameFolder:
    """Numbered pictures in a folder, upright, and ``timestamps.txt`` with the time of each in ms.

    ``layout`` and ``colour`` say what the frames given to ``write`` must be: R'G'B' of full range, in the film's primaries and
    transfer, with transparency where the film has it; 8 bits or 16 as the film has them, unless ``depth`` says which. ``size``
    is their (height, width). write_picture: what writes one. What is not for pictures is told to ``on_note``.
    """

    def __init__(
        self,
        names: FrameNames,
        info: FilmInfo,
        size: tuple[int, int],
        *,
        depth: int | None,
        write_picture: Callable[[Path, Picture], None],
        on_note: Notes,
    ) -> None:
        self._names, self._write_picture = names, write_picture
        self.size = size
        self.layout = _layout(depth or (8 if info.layout.depth == 8 else 16), alpha=info.layout.alpha)
        height, width = size
        rgb = info.colour.for_layout(rgb=True, grey=False, width=width, height=height)
        self.colour: ColourTags = replace(rgb, full_range=True, color_range=FULL)
        self._metadata = _metadata(info, self.colour, size, png=names.suffix.lower() == ".png")
        self._times = ["# timestamp format v2"]
        if turn_of(info.display_matrix) is None:
            on_note("the film is rotated by an odd angle: its pictures are written as they are stored")
        others = [str(stream) for stream in info.streams if stream.index != info.video_index]
        if others:
            on_note(f"left out, as numbered pictures have no place for it: {', '.join(others)}")

    def write(self, frame: RawFrame) -> None:
        """One more picture. Raises OutputError if it cannot be written."""
        self._times.append(f"{float(1000 * frame.pts * frame.time_base):.6f}")
        green, blue, red, *alpha = frame.planes
        opacity = alpha[0][..., None] if alpha else None
        picture = Picture(np.stack((red, green, blue), axis=2), opacity, metadata=self._metadata)
        self._write_picture(self._names.path(frame.index), picture)

    def copy(self, item: CopiedPacket) -> None:
        """Sound and the like have no place among pictures."""

    def close(self) -> None:
        """Write the times."""
        (self._names.folder / "timestamps.txt").write_text("\n".join(self._times) + "\n", encoding="ascii")


def _layout(depth: int, *, alpha: bool) -> PixelLayout:
    layout = layout_of(f"gbr{'a' if alpha else ''}p{'' if depth == 8 else '16le'}")
    assert layout is not None
    return layout


def _metadata(info: FilmInfo, colour: ColourTags, size: tuple[int, int], *, png: bool) -> PictureMetadata:
    """The shape of pixels, and the colours in PNG's own words."""
    turn = info.kind.turn
    aspect = turn.aspect(result_aspect(info, turn.size(*size)))
    chunks = []
    if not png:
        return PictureMetadata(pixel_aspect=None if aspect == 1 else aspect)
    if UNSPECIFIED not in (colour.primaries, colour.transfer):
        chunks.append((b"cICP", bytes([colour.primaries, colour.transfer, 0, 1])))
    chunks += _hdr_chunks(info.hdr)
    return PictureMetadata(pixel_aspect=None if aspect == 1 else aspect, png_colour=tuple(chunks))


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
