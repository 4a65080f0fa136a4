"""An image as a screen shows it, and a film at any moment, without reading all that is before it."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import accumulate, islice
from pathlib import Path
from typing import TypeAlias

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from upframe.errors import InputError
from upframe.media.animation import AnimationReader
from upframe.media.image.file import read_image
from upframe.media.image.image import Image
from upframe.media.kinds import kind_by_suffix
from upframe.media.notes import no_notes
from upframe.media.video.info import VideoInfo
from upframe.media.video.opening import open_decoder
from upframe.media.video.planes import read_planes
from upframe.media.video.probe import MAX_PIXELS, choose_video, container_aspect, describe_video, open_video

Pixels: TypeAlias = NDArray[np.uint8]
"""(h, w, 3), as a screen shows them."""
_MOST_DECODED = 600  # frames from a key frame on: ten seconds between two of them are usual
MOST_PIXELS = 120_000_000
"""Of an image or frame that is looked at; a larger one can be upscaled, and is not shown."""


def is_image(path: Path) -> bool:
    """Whether a file is an image, by its name, and by its content where that says nothing."""
    return kind_by_suffix(path) == "image"


def is_moving_image(path: Path) -> bool:
    """Whether a file is an animation: a GIF, PNG or WebP of several frames."""
    return kind_by_suffix(path) == "animation"


def length_of(path: Path) -> float:
    """Seconds of an animation or a video; 0 for an image, and where it is not known. Raises InputError."""
    if is_image(path):
        return 0.0
    if is_moving_image(path):
        with AnimationReader(path, max_pixels=MOST_PIXELS, allow_truncated=True) as reader:
            return sum(reader.info.milliseconds) / 1000
    with open_video(path) as container:
        return (container.duration or 0) / 1e6


def frames_at(path: Path, seconds: float, before: int = 0) -> list[Pixels]:
    """The frame of a video that is shown at a time after its first one, and up to ``before`` that come before it, in order.

    Upright. A time after the end gives the last frame. Raises InputError for what cannot be decoded.
    """
    limit = min(MAX_PIXELS, MOST_PIXELS)
    try:
        with open_video(path) as container:
            stream = choose_video(path, container, limit, no_notes)
            aspect = container_aspect(stream)
            kept = _decoded(container, stream, seconds, before + 1, limit)
            if not kept:
                raise InputError(f"{path}: no frame of it can be shown")
            info = describe_video(path, container, stream, kept[-1], aspect)
            return [_shown(frame, info) for frame in kept]
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{path}: cannot be shown at {seconds:g} s: {error}") from error


def _decoded(container: InputContainer, stream: VideoStream, seconds: float, count: int, limit: int) -> list[VideoFrame]:
    """The last ``count`` frames up to a time."""
    base = float(stream.time_base or 1)
    zero = float(stream.start_time or 0) * base
    if seconds > 0:
        with suppress(av.FFmpegError, OSError):  # what cannot be sought is read from its start
            container.seek(int((zero + seconds) / base), stream=stream)
    decoder = open_decoder(stream, None, limit)
    kept: deque[VideoFrame] = deque(maxlen=count)
    for number, frame in enumerate(_frames(container, stream, decoder)):
        late = frame.pts is not None and frame.pts * base > zero + seconds + 1e-3
        if (late and kept) or number == _MOST_DECODED:
            break
        kept.append(frame)
    return list(kept)


def _frames(container: InputContainer, stream: VideoStream, decoder: object) -> Iterator[VideoFrame]:
    """Frames from here on; packets that are damaged are passed over, as a player does."""
    for packet in container.demux(stream):
        with suppress(av.FFmpegError):
            yield from decoder.decode(packet if packet.size else None)  # type: ignore[attr-defined]
        if not packet.size:
            return


def _shown(frame: VideoFrame, info: VideoInfo) -> Pixels:
    import torch

    from upframe.engine.videos import plane_conversion
    from upframe.ops.colour import planes_to_rgb

    layout = info.layout
    planes = read_planes(frame, layout)[: layout.planes - layout.alpha]
    rgb = planes_to_rgb([torch.from_numpy(plane) for plane in planes], **plane_conversion(layout, info.colour))
    pixels: Pixels = (rgb[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    return np.ascontiguousarray(np.rot90(pixels, info.rotation // 90)) if info.rotation % 90 == 0 else pixels


def image_of(path: Path) -> Pixels:
    """An image file, on grey where it is transparent. Raises InputError for what cannot be read."""
    return _on_grey(read_image(path, max_pixels=MOST_PIXELS, allow_truncated=True, page=0))


def _animation_at(path: Path, seconds: float) -> Pixels:
    with AnimationReader(path, max_pixels=MOST_PIXELS, allow_truncated=True) as reader:
        ends = list(accumulate(reader.info.milliseconds))
        number = min(bisect_right(ends, seconds * 1000), len(ends) - 1)
        return _on_grey(next(islice(reader, number, None)))


def _on_grey(image: Image) -> Pixels:
    from upframe.ops.transfer import encode_linear

    pixels = image.pixels
    if image.linear:
        import torch

        pixels = encode_linear(torch.from_numpy(pixels)).numpy()
    values = pixels.astype(np.float32) / (np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1)
    if image.alpha is not None and not image.associated:
        alpha = image.alpha.astype(np.float32) / (np.iinfo(image.alpha.dtype).max if image.alpha.dtype.kind == "u" else 1)
        values = values * alpha + 0.5 * (1 - alpha)
    shown = (np.nan_to_num(values).clip(0, 1) * 255).round().astype(np.uint8)
    return shown if shown.shape[2] == 3 else np.repeat(shown, 3, axis=2)


def shown_at(path: Path, seconds: float) -> Pixels:
    """An image, or an animation or video at a time. Raises InputError."""
    if is_moving_image(path):
        return _animation_at(path, seconds)
    return image_of(path) if is_image(path) else frames_at(path, seconds)[-1]


def crop_at(pixels: Pixels, centre: tuple[float, float], size: tuple[int, int]) -> Pixels:
    """A part of an image of (rows, columns) at most. ``centre``: from 0 to 1, x then y, moved so that the part is inside."""
    slices = []
    for length, wanted, at in zip(pixels.shape[:2], size, reversed(centre), strict=True):
        first = round(min(max(at * length - wanted / 2, 0), max(length - wanted, 0)))
        slices.append(slice(first, first + wanted))
    return np.ascontiguousarray(pixels[slices[0], slices[1]])
