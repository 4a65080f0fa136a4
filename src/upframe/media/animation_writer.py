"""Writing animated GIF, PNG and WebP by FFmpeg's encoders, AVIF by Pillow: a frame at a time, for as long as it is shown."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import accumulate, chain, pairwise
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import av
import numpy as np
import PIL.Image
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from upframe.media.animation import AnimationFormat
from upframe.media.filters import FilterChain
from upframe.media.image.image import Image

_TICK = {"gif": Fraction(1, 100), "png": Fraction(1, 1000), "webp": Fraction(1, 1000), "avif": Fraction(1, 1000)}
_RGBA = 4
_OPAQUE = 128  # from which a pixel of a GIF is shown
_QUALITY = 90
_TO_DURATION = 12  # bytes, in an ANMF chunk


class AnimationWriter:
    """Takes 8-bit RGB images with or without alpha, of one size.

    A GIF has one palette for all of its frames, made of what they show, and an ordered dither, which leaves alone what stands
    still; its frames wait on the disk until the last one has come. milliseconds: how long each of the frames to come is
    shown. plays: how often all of them, 0 without end. ``quality``: of a WebP that is not ``lossless``. In WebP, frames that
    equal the one before them become one that is shown for longer. The frames of an AVIF, which plays without end, wait as a PNG
    on the disk until the last has come.
    """

    def __init__(
        self,
        path: Path,
        kind: AnimationFormat,
        size: tuple[int, int],
        *,
        milliseconds: Sequence[int],
        plays: int,
        alpha: bool,
        lossless: bool = True,
        quality: int | None = None,
    ) -> None:
        self._path, self._kind, self._size, self._plays, self._alpha = path, kind, size, plays, alpha
        self._lossless, self._quality = lossless, quality or _QUALITY
        self._tick = _TICK[kind]
        ends = [round(Fraction(end, 1000) / self._tick) for end in accumulate(milliseconds, initial=0)]
        # Ends are rounded to the clock's ticks, not durations, so that errors do not add up.
        self._spans = [(begin, max(end - begin, 1)) for begin, end in pairwise(ends)]
        self._written = 0
        self._waiting: IO[bytes] | None = tempfile.TemporaryFile(dir=path.parent) if kind == "gif" else None  # noqa: SIM115  # closed in __exit__
        self._stored = tempfile.TemporaryFile(dir=path.parent) if kind == "avif" else None  # noqa: SIM115  # closed in __exit__
        self._output = None if kind == "gif" else self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if error is None:
                self._finish()
        finally:
            if self._waiting is not None:
                self._waiting.close()
            if self._output is not None:
                self._output.abort()
            if self._stored is not None:
                self._stored.close()

    def write(self, image: Image) -> None:
        """One more frame."""
        pixels = _rgba(image)
        if self._waiting is not None:
            self._waiting.write(pixels.tobytes())
            self._written += 1
        else:
            self._add(VideoFrame.from_ndarray(pixels, format="rgba"))

    def _open(self) -> _Output:
        kind = "png" if self._kind == "avif" else self._kind
        return _Output(self._stored or self._path, kind, self._size, self._pix_fmt, self._of_file(), self._of_encoder())

    @property
    def _pix_fmt(self) -> str:
        of_png = "rgba" if self._alpha else "rgb24"
        return {"gif": "pal8", "png": of_png, "avif": of_png, "webp": self._webp_format}[self._kind]

    @property
    def _webp_format(self) -> str:
        return "bgra" if self._lossless else "yuva420p" if self._alpha else "yuv420p"

    def _of_file(self) -> dict[str, str]:
        last = self._spans[-1][1]
        if self._kind == "webp":
            return {"loop": str(self._plays)}
        if self._kind in ("png", "avif"):
            return {"plays": str(self._plays), "final_delay": f"{last}/1000"}
        return {"loop": str({0: 0, 1: -1}.get(self._plays, self._plays - 1)), "final_delay": str(last)}

    def _of_encoder(self) -> dict[str, str]:
        if self._kind == "webp":
            return {"lossless": str(int(self._lossless)), "quality": str(self._quality)}
        return {"pred": "mixed"} if self._kind in ("png", "avif") else {}

    def _add(self, frame: VideoFrame) -> None:
        assert self._output is not None
        begin, duration = self._spans[self._written]
        self._output.add(frame, begin, duration)
        self._written += 1

    def _finish(self) -> None:
        if self._waiting is not None:
            self._output, count = self._open(), self._written
            self._written = 0
            for frame in self._in_palette(count):
                self._add(frame)
        assert self._output is not None
        self._output.close()
        if self._kind == "webp":
            _set_last_duration(self._path, self._spans[-1][0] + self._spans[-1][1])
        if self._stored is not None:
            times = [duration for _, duration in self._spans]
            self._stored.seek(0)
            with PIL.Image.open(self._stored, formats=["PNG"]) as frames:
                frames.save(self._path, "AVIF", save_all=True, duration=times, quality=self._quality, subsampling="4:4:4")

    def _frames_again(self, count: int) -> Iterator[VideoFrame]:
        assert self._waiting is not None
        height, width = self._size
        self._waiting.seek(0)
        for number in range(count):
            pixels = np.frombuffer(self._waiting.read(height * width * _RGBA), np.uint8).reshape(height, width, _RGBA)
            frame = VideoFrame.from_ndarray(pixels, format="rgba")
            frame.pts, frame.time_base = number, Fraction(1, 1)
            yield frame

    def _in_palette(self, count: int) -> Iterator[VideoFrame]:
        """The frames in the colours of one palette."""
        height, width = self._size
        shape = width, height, "rgba"
        making = FilterChain(shape, [f"palettegen=reserve_transparent={int(self._alpha)}"])
        for frame in self._frames_again(count):
            making.put(frame)
        [palette] = making.put(None)
        using = FilterChain(shape, [f"paletteuse=dither=bayer:bayer_scale=3:alpha_threshold={_OPAQUE}"], beside=palette)
        for image in chain(self._frames_again(count), [None]):
            yield from using.put(image)


def _rgba(image: Image) -> NDArray[np.uint8]:
    colour = np.broadcast_to(image.pixels, (image.height, image.width, 3))
    alpha = np.full((image.height, image.width, 1), 255, np.uint8) if image.alpha is None else image.alpha
    return np.ascontiguousarray(np.concatenate((colour, alpha), axis=2))


def _set_last_duration(path: Path, total: int) -> None:
    """Let the frames of a WebP last ``total`` milliseconds: its encoder does not take the duration of the last one."""
    with path.open("r+b") as file:
        file.seek(len(b"RIFFsizeWEBP"))
        place, before, last = 0, 0, 0
        while len(head := file.read(8)) == 8:
            start, length = file.tell(), int.from_bytes(head[4:], "little")
            if head.startswith(b"ANMF"):
                file.seek(start + _TO_DURATION)
                before += last
                place, last = start + _TO_DURATION, int.from_bytes(file.read(3), "little")
            file.seek(start + length + length % 2)
        if place:
            file.seek(place)
            file.write(max(total - before, 0).to_bytes(3, "little"))


class _Output:
    """A file of one stream."""

    def __init__(
        self,
        path: Path | IO[bytes],
        kind: AnimationFormat,
        size: tuple[int, int],
        pix_fmt: str,
        of_file: dict[str, str],
        of_encoder: dict[str, str],
    ) -> None:
        muxer, encoder = {"gif": ("gif", "gif"), "png": ("apng", "apng"), "webp": ("webp", "libwebp_anim")}[kind]
        self._container = av.open(str(path) if isinstance(path, Path) else path, "w", format=muxer, container_options=of_file)
        stream = self._container.add_stream(encoder, rate=25, options=of_encoder)
        assert isinstance(stream, VideoStream)
        self._stream = stream
        self._stream.height, self._stream.width = size
        self._stream.pix_fmt = pix_fmt
        self._tick = self._stream.codec_context.time_base = self._stream.time_base = _TICK[kind]

    def add(self, frame: VideoFrame, begin: int, duration: int) -> None:
        frame.pts, frame.duration, frame.time_base = begin, duration, self._tick
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def close(self) -> None:
        for packet in self._stream.encode(None):
            self._container.mux(packet)
        self._container.close()

    def abort(self) -> None:
        with suppress(av.FFmpegError, ValueError):  # of a file that was not begun
            self._container.close()
