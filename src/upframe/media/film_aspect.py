"""The shape of pixels: kept where a container or codec has a place for it."""

from __future__ import annotations

from fractions import Fraction

from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from upframe.media.encoders import Encoding
from upframe.media.film import FilmInfo, Notes
from upframe.media.film_containers import FilmContainer

_IN_THE_STREAM = ("x264", "x265", "ffv1")
"""Encoders that write the shape of pixels themselves: PyAV gives Matroska none to write."""
_LARGEST = 65535


def result_aspect(info: FilmInfo, size: tuple[int, int]) -> Fraction | None:
    """Width over height of a pixel of the result, of ``size`` (height, width); None if the source does not say.

    The source's own, unless the picture is enlarged more in one direction: then what keeps the picture's shape, if the film
    had pixels that are not square. With square ones the change of shape is what was asked for.
    """
    own = info.sample_aspect_ratio
    height, width = size
    stretched = abs(width * info.height - height * info.width) > max(info.width, info.height)
    if own is None or own == 1 or not stretched:
        return own
    return (own * Fraction(info.width * height, info.height * width)).limit_denominator(_LARGEST)


def tell_lost_aspect(aspect: Fraction | None, word: str, container: FilmContainer, note: Notes) -> None:
    """Say so if pixels that are not square become so."""
    if aspect not in (None, 1) and container.format not in ("mp4", "mov") and word not in _IN_THE_STREAM:
        note(f"the shape of the pixels ({aspect}) is not kept with {word} in {container.name}; x264, x265 or MP4 keep it")


class AspectStamp:
    """Marks frames with the shape of their pixels, which FFV1 takes from the frame; only a filter of FFmpeg's can set it."""

    def __init__(self, encoding: Encoding, size: tuple[int, int], aspect: Fraction) -> None:
        self._graph = Graph()
        height, width = size
        source = self._graph.add_buffer(
            width=width, height=height, format=VideoFormat(encoding.layout.name), time_base=Fraction(1, 1000)
        )
        stamp = self._graph.add("setsar", f"{aspect.numerator}/{aspect.denominator}")
        sink = self._graph.add("buffersink")
        source.link_to(stamp)
        stamp.link_to(sink)
        self._graph.configure()

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """The same picture, marked; without a time and tags of colour, which are set afterwards."""
        self._graph.vpush(frame)
        return self._graph.vpull()
