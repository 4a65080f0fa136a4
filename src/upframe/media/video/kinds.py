"""What each frame of a video is by itself: joined and broadcast videos change their size, shape, samples and colours."""

from __future__ import annotations

from fractions import Fraction

import av
from av.sidedata.sidedata import Type as SideDataType
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from upframe.errors import InputError
from upframe.media.filters import FilterChain, FrameShape, shape_of
from upframe.media.notes import Notes
from upframe.media.video.colour import ColourCodes
from upframe.media.video.info import FrameKind, VideoInfo
from upframe.media.video.planes import nearest_layout
from upframe.media.video.probe import container_codes, display_matrix_of, frame_colour

_WITH_COLOURS = ("mp4", "matroska", "mxf", "nut")
"""Containers that state colours themselves, for frames that state none."""
_STEPS = 4096
"""How finely the shape of a frame's pixels is measured."""


class FrameKinds:
    """Tells the kind of each frame of a video, the first of which ``info`` describes.

    on_note: told once of each property that changes, with the place and what becomes of it.
    """

    def __init__(self, info: VideoInfo, stream: VideoStream, decoder: VideoCodecContext, on_note: Notes) -> None:
        self.first = self.last = info.kind
        self._info, self._note = info, on_note
        self._told: set[str] = set()
        self._aspects = _Aspects(info.sample_aspect_ratio, decoder)
        states_colours = any(word in info.container for word in _WITH_COLOURS)
        self._codes = container_codes(stream) if states_colours else ColourCodes()
        self._known: dict[tuple[object, ...], FrameKind] = {}

    def of(self, frame: VideoFrame, side_data: dict[SideDataType, bytes], place: str) -> FrameKind:
        """The kind of a frame; ``place`` says which it is. Raises InputError for samples of a kind that is not supported."""
        matrix = display_matrix_of(side_data)
        if matrix is None and not frame.key_frame:  # some codecs state it with the first image of a group alone
            matrix = self.last.display_matrix
        colours = frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range
        aspect = self._aspects.of(frame)
        stated = frame.width, frame.height, frame.format.name, colours, matrix, aspect
        if not self._known:
            self._known[stated] = self.first
        if stated not in self._known:
            try:
                layout = nearest_layout(frame.format.name)
            except InputError as error:
                raise error.at(f"{self._info.path}: {place}") from error
            colour = frame_colour(self._codes, self._info.codec, frame, layout)
            self._known[stated] = FrameKind(frame.width, frame.height, frame.format.name, layout, colour, aspect, matrix)
        self.last = self._known[stated]
        if self.last != self.first:
            self._tell(self.last, place)
        return self.last

    def _tell(self, kind: FrameKind, place: str) -> None:
        """Name the properties that are not those of the first frame, each once."""
        first = self.first
        converted = "converted, and what is brighter than white is clipped" if kind.colour.hdr else "converted"
        changes = [
            ("size", f"{first.width}x{first.height}", f"{kind.width}x{kind.height}", "fitted into the first size"),
            ("shape of pixels", first.sample_aspect_ratio or 1, kind.sample_aspect_ratio or 1, "fitted into the first shape"),
            ("format of samples", first.source_format, kind.source_format, "converted"),
            ("rotation", first.rotation, kind.rotation, "turned like the first ones"),
            ("colour coding", first.colour.describe(), kind.colour.describe(), "converted"),
            ("dynamic range", _dynamic_range(first), _dynamic_range(kind), converted),
        ]
        for what, before, after, done in changes:
            if before != after and what not in self._told:
                self._told.add(what)
                self._note(f"the {what} changes from {before} to {after} {place}: such images are {done}")


def _dynamic_range(kind: FrameKind) -> str:
    return "high" if kind.colour.hdr else "standard"


class _Aspects:
    """The shape of pixels, width over height, of each frame: PyAV tells only that of the decoder, which is ahead of it.

    As long as the decoder has seen one shape, that is it. After that FFmpeg's scaler is asked, which knows the frame's: it
    makes a row as wide as the shape says. A shape that the container states is that of all frames.
    """

    def __init__(self, of_video: Fraction | None, decoder: VideoCodecContext) -> None:
        self._of_video, self._decoder = of_video, decoder
        self._own = decoder.sample_aspect_ratio or None
        self._seen = {self._own}
        self._meters: dict[FrameShape, FilterChain] = {}

    def of(self, frame: VideoFrame) -> Fraction | None:
        """The shape of a frame's pixels; None if it is not stated."""
        self._seen.add(self._decoder.sample_aspect_ratio or None)
        if len(self._seen) == 1 or self._own != self._of_video:
            return self._of_video
        try:
            measured = self._measured(frame)
        except (av.FFmpegError, ValueError):
            return self._of_video
        exact = min((shape for shape in self._seen if shape), key=lambda shape: abs(shape - measured), default=measured)
        return exact if abs(exact - measured) * 1000 < exact else measured.limit_denominator(255)

    def _measured(self, frame: VideoFrame) -> Fraction:
        shape = shape_of(frame)
        if shape not in self._meters:
            self._meters[shape] = _shape_meter(shape)
        [small] = self._meters[shape].put(frame)
        return Fraction(small.width, _STEPS)


def _shape_meter(shape: FrameShape) -> FilterChain:
    """Filters that turn a frame into a small one whose width is the shape of its pixels times ``_STEPS``."""
    width, height, _ = shape
    meter = f"scale=w='clip(round(sar*{_STEPS}),1,32768)':h=2:eval=frame:flags=neighbor"
    return FilterChain(shape, [f"crop={min(width, 2)}:{min(height, 2)}:0:0", meter])
