"""Frames from several places of a video, without reading all of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from upframe.errors import InputError
from upframe.media.notes import no_notes
from upframe.media.video.opening import open_decoder
from upframe.media.video.probe import choose_video, open_video

_PACKETS = 200  # that are read at a place at most


def go_to(container: InputContainer, place: float) -> bool:
    """Go to a part of the length, from 0 to 1; False where the container cannot be read from there on."""
    if not container.duration:
        return False
    try:
        container.seek(int((container.start_time or 0) + place * container.duration))
    except (av.FFmpegError, OSError):
        return False
    return True


def frames_here(
    container: InputContainer, stream: VideoStream, decoder: Any, count: int | None
) -> Iterator[tuple[VideoFrame, bytes]]:
    """The first frames from here on, each with the bytes of the packet it came after; None: as many as 200 packets hold."""
    given = 0
    for number, packet in enumerate(container.demux(stream)):
        for frame in decoder.decode(packet if packet.size else None):
            yield frame, bytes(packet)
            given += 1
            if given == count:
                return
        if number == _PACKETS or not packet.size:
            return


def frames_at(path: Path, places: int, count: int, *, max_pixels: int) -> list[list[VideoFrame]]:
    """``count`` frames in a row from each of so many places, evenly spread; fewer where a video is short or damaged.

    A place is the key frame before it, or where that was seen already, itself.
    """
    found: list[list[VideoFrame]] = []
    try:
        with open_video(path) as container:
            stream = choose_video(path, container, max_pixels, no_notes)
            decoder = open_decoder(stream, None, max_pixels)
            for number in range(places):
                place = number / places
                if number and not go_to(container, place):
                    break
                decoder.flush_buffers()
                last = found[-1][-1].time if found and found[-1][-1].pts is not None else None
                begin = ((container.start_time or 0) + place * (container.duration or 0)) / av.time_base
                fresh = _unseen((frame for frame, _ in frames_here(container, stream, decoder, None)), last, begin)
                if frames := list(islice(fresh, count)):
                    found.append(frames)
    except (InputError, av.FFmpegError, OSError):  # what is damaged is told by who reads it all
        pass
    return found


def _unseen(frames: Iterator[VideoFrame], last: float | None, begin: float) -> Iterator[VideoFrame]:
    """From the first frame on; from ``begin`` on, in seconds, if that is not later than the ``last`` that was seen."""
    first = next(frames, None)
    if first is None:
        return
    if last is None or first.pts is None or first.time > last:
        yield first
        yield from frames
        return
    yield from (frame for frame in frames if frame.pts is not None and frame.time > last and frame.time >= begin)
