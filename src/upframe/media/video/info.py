"""What a video is, once read: its description, its frames as planes of samples, its other packets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from upframe.errors import InputError
from upframe.media.video.colour import ColourTags, unsupported_matrix
from upframe.media.video.turning import Margins, QuarterTurn, turn_of
from upframe.remedies import keep_readable

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame

StreamKind = Literal["video", "image", "audio", "subtitle", "attachment", "data", "unknown"]
Plane = NDArray[Any]
INTERLACED = "the video is interlaced: its frames are taken as they are, combs included"
_LARGEST_ASPECT = 65535
"""Of the numbers of a fraction, as containers store it."""


class VideoDamaged(InputError):
    """A video that ends before its end, or has parts that cannot be decoded; ``frames`` were read until then."""

    def __init__(self, message: str, frames: int) -> None:
        super().__init__(message, remedy=keep_readable(f"the {frames} frames that can be read") if frames else None)
        self.frames = frames


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """How a frame is in planes, one for each component.

    Order: Y; Y, U, V; or G, B, R (as FFmpeg's gbrp); alpha last. Samples are uint8 for a depth of 8, else uint16 with the
    value in the low ``depth`` bits. Y, G, B, R and alpha are (h, w); U and V are (ceil(h / 2^sub_y), ceil(w / 2^sub_x)).
    ``name`` is FFmpeg's, of the little-endian format without a range ("yuvj420p" is yuv420p with ``full_range`` colours).
    """

    name: str
    depth: int
    sub_x: int
    sub_y: int
    rgb: bool
    grey: bool
    alpha: bool

    @property
    def dtype(self) -> type[np.uint8 | np.uint16]:
        return np.uint8 if self.depth == 8 else np.uint16

    @property
    def planes(self) -> int:
        """How many there are, alpha included."""
        return (1 if self.grey else 3) + self.alpha

    def shape(self, plane: int, height: int, width: int) -> tuple[int, int]:
        """(rows, columns) of a plane of an image of ``height`` x ``width``."""
        if plane in (1, 2) and not (self.rgb or self.grey):
            return -(-height >> self.sub_y), -(-width >> self.sub_x)
        return height, width

    def __str__(self) -> str:
        """As a user reads it: ``8-bit 4:2:0``."""
        if self.grey:
            colour = "grey"
        elif self.rgb:
            colour = "RGB"
        else:
            colour = {(0, 0): "4:4:4", (1, 0): "4:2:2", (1, 1): "4:2:0", (0, 1): "4:4:0"}[self.sub_x, self.sub_y]
        return f"{self.depth}-bit {colour}{' with alpha' if self.alpha else ''}"


@dataclass(frozen=True, slots=True)
class FrameKind:
    """What a frame's samples are, and how a player shows them; the fields are as VideoInfo has them."""

    width: int
    height: int
    source_format: str
    layout: PixelLayout
    colour: ColourTags
    sample_aspect_ratio: Fraction | None = None
    display_matrix: tuple[int, ...] | None = None

    @property
    def shape(self) -> tuple[int, int, Fraction | None, tuple[int, ...] | None]:
        """What it must share with another frame to be shown in the same place."""
        return self.width, self.height, self.sample_aspect_ratio, self.display_matrix

    @property
    def turn(self) -> QuarterTurn:
        """How it is turned to be shown; not at all where that is no quarter turn."""
        return turn_of(self.display_matrix) or QuarterTurn()

    @property
    def rotation(self) -> str:
        """As a user reads it."""
        turn = turn_of(self.display_matrix)
        return "an odd angle" if turn is None else str(turn)


@dataclass(frozen=True, slots=True)
class MasteringDisplay:
    """The screen an HDR video was graded on (SMPTE ST 2086): CIE 1931 x, y of its colours; luminance in cd/m2."""

    red: tuple[Fraction, Fraction]
    green: tuple[Fraction, Fraction]
    blue: tuple[Fraction, Fraction]
    white: tuple[Fraction, Fraction]
    min_luminance: Fraction
    max_luminance: Fraction


@dataclass(frozen=True, slots=True)
class ContentLight:
    """The brightest pixel and the brightest frame on average, in cd/m2 (CTA-861.3: MaxCLL, MaxFALL)."""

    max_content: int
    max_average: int


@dataclass(frozen=True, slots=True)
class HdrMetadata:
    """Static metadata of HDR10, as far as the video has it."""

    mastering: MasteringDisplay | None = None
    light: ContentLight | None = None


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One stream of a video. ``kind`` "image" is a cover or thumbnail that is stored as video. ``title``: its own, if any."""

    index: int
    kind: StreamKind
    codec: str
    language: str | None = None
    title: str | None = None

    def __str__(self) -> str:
        """As a user reads it: ``subtitle stream 3 (subrip, eng)``."""
        kind = {"audio": "sound", "image": "cover image"}.get(self.kind, self.kind)
        details = ", ".join(detail for detail in (self.codec, self.language, self.title) if detail)
        return f"{kind} stream {self.index} ({details})" if details else f"{kind} stream {self.index}"


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """A video's images and what surrounds them.

    container: FFmpeg's name of the format ("mov,mp4,..." or "matroska,webm"). source_format: FFmpeg's name of the samples
    as decoded; ``layout`` is the nearest one in planes. time_base: seconds a unit of frame times. frames: None if unknown;
    an estimate unless ``frames_exact``. duration, start_time: seconds, of the images; None if unknown. sample_aspect_ratio:
    width over height of a pixel, None if not stated. display_matrix: the nine numbers of a rotation or flip that a player
    applies (16.16 and 2.30 fixed point), None for none; rotation: the same, in degrees anticlockwise. margins: columns left and
    right, rows above and below, that were cut off and are to be black in the result.
    """

    path: Path
    container: str
    codec: str
    width: int
    height: int
    source_format: str
    layout: PixelLayout
    colour: ColourTags
    time_base: Fraction
    frames: int | None
    frames_exact: bool
    duration: Fraction | None
    start_time: Fraction | None
    average_rate: Fraction | None
    sample_aspect_ratio: Fraction | None
    display_matrix: tuple[int, ...] | None
    rotation: int
    interlaced: bool
    hdr: HdrMetadata | None
    video_index: int
    streams: tuple[StreamInfo, ...]
    margins: Margins = (0, 0, 0, 0)

    @property
    def full_size(self) -> tuple[int, int]:
        """(height, width) with the margins."""
        left, right, top, bottom = self.margins
        return self.height + top + bottom, self.width + left + right

    @property
    def kind(self) -> FrameKind:
        """What its first frame is."""
        return FrameKind(
            self.width,
            self.height,
            self.source_format,
            self.layout,
            self.colour,
            self.sample_aspect_ratio,
            self.display_matrix,
        )

    def result_aspect(self, size: tuple[int, int]) -> Fraction | None:
        """Width over height of a pixel of a result of ``size`` (height, width); None if the source does not say.

        The source's own, unless the image is upscaled more in one direction: then what keeps the image's shape, if the video
        had pixels that are not square. With square ones the change of shape is what was asked for.
        """
        own = self.sample_aspect_ratio
        height, width = size
        rows, columns = self.full_size
        stretched = abs(width * rows - height * columns) > max(columns, rows)
        if own is None or own == 1 or not stretched:
            return own
        return (own * Fraction(columns * height, rows * width)).limit_denominator(_LARGEST_ASPECT)

    def remarks(self) -> Iterator[str]:
        """What a user should know before it is upscaled: colours and samples that are not what they might be."""
        if guess := self.colour.describe_guess(self.width, self.height):
            yield guess
        matrix = unsupported_matrix(self.colour.colorspace) if self.colour.matrix not in ("rgb", "grey") else None
        if matrix:
            yield f"colours are {matrix}: the network sees them through the {self.colour.matrix} matrix; they are kept"
        if self.source_format in ("yuv411p", "yuvj411p", "uyyvyy411", "yuv410p"):
            yield f"{self.source_format} images are read as {self.layout}"


@dataclass(frozen=True, slots=True)
class RawFrame:
    """One image: planes as its layout has them, contiguous and its own.

    pts: when it is shown, in units of ``time_base`` (seconds); strictly ascending. duration: in the same units, until the
    next frame; None for a last frame of unknown length. index: from 0. kind: what it is by itself, if that is known.
    captions: a small frame with the closed captions that were inside this one, as PyAV copies them from frame to frame alone.
    """

    planes: tuple[Plane, ...]
    pts: int
    time_base: Fraction
    duration: int | None
    index: int
    kind: FrameKind | None = None
    captions: VideoFrame | None = None


@dataclass(frozen=True, slots=True)
class CopiedPacket:
    """A piece of another stream (``index`` in the source), to be written as it is."""

    index: int
    packet: Packet[Stream]
