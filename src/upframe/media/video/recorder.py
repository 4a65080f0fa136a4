"""A video of images that were made here, with no video to take anything from: H.264, as every player shows it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from upframe.errors import OutputError, ShapeError
from upframe.media.atomic import atomic_output, output_error
from upframe.media.video.containers import container_for

Pixels: TypeAlias = NDArray[np.uint8]
"""(h, w, 3): sRGB."""

_OPTIONS = {"crf": "16", "preset": "veryfast"}  # thin lines and text stay clear; little is taken from what makes the images
_BT709, _SRGB_CURVE = 1, 13  # of H.273: primaries and matrix, and transfer


@contextmanager
def record_video(path: Path, fps: float, *, overwrite: bool = False) -> Iterator[Callable[[Pixels], None]]:
    """A function that adds an image to the video ``path``, which appears when the block ends without an error.

    Images are (h, w, 3) uint8, sRGB, all of one size with even sides; ``fps`` of them a second. The function raises
    ShapeError for any other image. Raises OutputError for a suffix H.264 does not go with, an existing file without
    ``overwrite``, a place that cannot be written, and a block that added no image.
    """
    container = container_for(path)
    if "x264" not in container.encoders:
        raise OutputError(f"{path}: {container.name} does not hold H.264", remedy="record to a .mp4 or .mkv file")
    with atomic_output(path, overwrite=overwrite) as temporary:
        recorder = _Recorder(temporary, path, container.format, fps)
        try:
            yield recorder.add
            recorder.finish()
        finally:
            recorder.close()


class _Recorder:
    """Opens the file with the first image, whose size is the video's."""

    def __init__(self, path: Path, name: Path, container: str, fps: float) -> None:
        self._path, self._name, self._format = path, name, container
        self._rate = Fraction(fps).limit_denominator(1001)
        self._output: Any = None
        self._size: tuple[int, int] | None = None

    def add(self, pixels: Pixels) -> None:
        height, width, channels = pixels.shape
        if channels != 3 or height % 2 or width % 2 or pixels.dtype != np.uint8:
            raise ShapeError(f"{self._name}: an image of {pixels.dtype} {pixels.shape}; (even, even, 3) uint8 can be recorded")
        if self._size not in (None, (height, width)):
            raise ShapeError(f"{self._name}: an image of {(height, width)} (h, w) in a video of {self._size}")
        with self._told():
            if self._size is None:
                self._open(height, width)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            self._output.mux(self._stream.encode(self._converted(frame)))

    def finish(self) -> None:
        """Encode what the encoder still holds, and complete the file."""
        if self._output is None:
            raise OutputError(f"{self._name}: there was no image to record")
        with self._told():
            self._output.mux(self._stream.encode(None))
            self._output.close()
            self._output = None

    def close(self) -> None:
        """Let go of a file that was not finished."""
        if self._output is not None:
            with suppress(av.FFmpegError, OSError, ValueError):  # it is thrown away
                self._output.close()

    def _converted(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Full-range RGB to the Y'CbCr of BT.709, limited range."""
        return self._converter.reformat(
            frame,
            format="yuv420p",
            src_color_range=ColorRange.JPEG,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )

    def _open(self, height: int, width: int) -> None:
        self._size = height, width
        self._converter = VideoReformatter()
        self._output = av.open(f"file:{os.fspath(self._path)}", "w", format=self._format)
        stream = self._output.add_stream("libx264", rate=self._rate, options=dict(_OPTIONS))
        assert isinstance(stream, VideoStream)
        self._stream: VideoStream = stream
        context = stream.codec_context
        context.height, context.width, context.pix_fmt = height, width, "yuv420p"
        context.colorspace, context.color_range = _BT709, ColorRange.MPEG
        context.color_primaries, context.color_trc = _BT709, _SRGB_CURVE

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What FFmpeg raises, as an error that names the file."""
        try:
            yield
        except OSError as error:  # most of FFmpeg's errors are
            raise output_error(self._name, error) from error
        except av.FFmpegError as error:
            raise OutputError(f"{self._name}: cannot be recorded: {error.strerror}") from error
