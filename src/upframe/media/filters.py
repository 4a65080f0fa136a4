"""FFmpeg's filters, one after the other: frames go in, and what comes out is taken."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import av
from av.filter import Graph
from av.video.frame import VideoFrame

FrameShape = tuple[int, int, str]
"""Width, height, and FFmpeg's name of the samples."""


def shape_of(frame: VideoFrame) -> FrameShape:
    """What all frames of a chain share."""
    return frame.width, frame.height, frame.format.name


class FilterChain:
    """A chain of FFmpeg's filters for frames of one shape.

    filters: each as FFmpeg writes it, ``name=arguments``. time_base: seconds a unit of the frames' times, and afterwards of the
    results'. rate: frames a second, for filters that want to know. beside: one more image, for a first filter that takes two.
    Raises FFmpeg's errors, and ValueError for a filter that this FFmpeg lacks.
    """

    def __init__(
        self,
        shape: FrameShape,
        filters: Sequence[str],
        *,
        time_base: Fraction = Fraction(1),
        rate: Fraction | None = None,
        beside: VideoFrame | None = None,
    ) -> None:
        self.shape, self.time_base = shape, time_base
        self._graph = graph = Graph()
        steady = f":frame_rate={rate.numerator}/{rate.denominator}" if rate else ""
        base = f":time_base={time_base.numerator}/{time_base.denominator}"
        self._source = graph.add("buffer", _video(shape) + base + steady)
        steps = []
        for written in filters:
            name, _, arguments = written.partition("=")
            steps.append(graph.add(name, arguments or None))
        self._sink = graph.add("buffersink")
        graph.link_nodes(self._source, *steps, self._sink)
        if beside is not None:
            still = graph.add("buffer", _video(shape_of(beside)) + ":time_base=1/1")
            still.link_to(steps[0], 0, 1)
        graph.configure()
        if beside is not None:
            beside.pts = 0
            still.push(beside)
            still.push(None)

    def fits(self, frame: VideoFrame) -> bool:
        """Whether a frame is of this chain's shape."""
        return shape_of(frame) == self.shape

    def put(self, frame: VideoFrame | None) -> list[VideoFrame]:
        """What comes out at a frame; None: at the end."""
        self._source.push(frame)
        results: list[VideoFrame] = []
        while True:
            try:
                result = self._sink.pull()
            except (av.BlockingIOError, av.EOFError):
                return results
            assert isinstance(result, VideoFrame)
            self.time_base = result.time_base or self.time_base
            results.append(result)


def _video(shape: FrameShape) -> str:
    width, height, pix_fmt = shape
    return f"video_size={width}x{height}:pix_fmt={pix_fmt}"
