"""A few frames from across a video, and what its stream says of its quality, without reading all of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from upframe.errors import InputError
from upframe.media.notes import no_notes
from upframe.media.quantisers import EXPORT, frame_step, written_step
from upframe.media.video.opening import open_decoder
from upframe.media.video.places import frames_here, go_to
from upframe.media.video.probe import choose_video, open_video

PLACES = (0.0, 0.35, 0.7)  # of the length
FRAMES = 6  # at each place: a key frame and some that are predicted
SIDE = 768  # pixels: of larger frames the middle is looked at
Luma = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Glance:
    """``codec``: FFmpeg's name of it. ``luma``: for each place the middle of frames in a row, (h, w), at full size.

    ``step``: the mean quantiser step (:mod:`upframe.media.quantisers`), None if unknown; ``source``: who said so, the stream or
    the settings its encoder wrote down. ``bits``: a pixel, None if unknown.
    """

    codec: str
    luma: tuple[tuple[Luma, ...], ...]
    step: float | None
    source: Literal["stream", "encoder"]
    bits: float | None


def glance(path: Path, *, max_pixels: int) -> Glance | None:
    """Look at a video; None where nothing in it can be decoded in this way. Its reader then says what is wrong with it."""
    try:
        with open_video(path) as container:
            stream = choose_video(path, container, max_pixels, no_notes)
            return _of_stream(container, stream, max_pixels)
    except (InputError, av.FFmpegError, ValueError, OSError):
        return None


def _of_stream(container: InputContainer, stream: VideoStream, max_pixels: int) -> Glance | None:
    decoder = open_decoder(stream, None, max_pixels)
    decoder.options = {**decoder.options, **EXPORT}
    head = bytes(decoder.extradata or b"")
    luma: list[tuple[Luma, ...]] = []
    steps: list[float | None] = []
    for place in PLACES:
        if place and not go_to(container, place):
            break
        decoder.flush_buffers()
        found = []
        for frame, packet in frames_here(container, stream, decoder, FRAMES):
            head = head if luma else head + packet
            found.append(_middle(frame))
            steps.append(frame_step(frame))
        if found:
            luma.append(tuple(found))
    if not luma:
        return None
    known = [step for step in steps if step is not None]
    step = float(np.mean(known)) if known else written_step(head)
    return Glance(stream.codec_context.name, tuple(luma), step, "stream" if known else "encoder", _bits(container, stream))


def _middle(frame: VideoFrame) -> Luma:
    grey = np.asarray(frame.to_ndarray(format="gray"), np.uint8)
    return crop(grey)


def crop(grey: NDArray[Any]) -> NDArray[Any]:
    """The middle of an image (h, w), ``SIDE`` pixels at most; it begins on a block of 16, where codecs begin theirs."""
    top, left = (max(length - SIDE, 0) // 2 // 16 * 16 for length in grey.shape)
    return grey[top : top + SIDE, left : left + SIDE]


def _bits(container: InputContainer, stream: VideoStream) -> float | None:
    """Bits a pixel: by the stream's own rate, else by the container's, of which other streams have some."""
    context = stream.codec_context
    rate = stream.average_rate
    total = context.bit_rate or container.bit_rate
    if not total or not rate or not context.width or not context.height:
        return None
    if not context.bit_rate:
        total -= sum(other.bit_rate or 0 for other in container.streams.audio)
    return max(float(total), 0) / float(context.width * context.height * rate) or None
