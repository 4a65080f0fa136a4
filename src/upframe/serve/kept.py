"""What a result has kept of its source, point by point."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av

from upframe.errors import UpframeError
from upframe.media.animation import AnimationReader
from upframe.media.image.file import page_count, read_image
from upframe.media.notes import no_notes
from upframe.media.video.info import StreamKind, VideoInfo
from upframe.media.video.probe import open_video
from upframe.media.video.reader import VideoReader
from upframe.serve.facts import in_time
from upframe.serve.moments import is_image, is_moving_image

_KINDS: dict[StreamKind, str] = {
    "audio": "sound track",
    "subtitle": "subtitle",
    "attachment": "attached file",
    "image": "cover image",
    "data": "data stream",
}


@dataclass(frozen=True, slots=True)
class Point:
    """Something of the source, and whether the result has it."""

    text: str
    kept: bool = True


def kept_of(source: Path, result: Path) -> list[Point]:
    """Empty where one of the two cannot be read any more."""
    try:
        if is_moving_image(source) and is_moving_image(result):
            return list(_of_animations(source, result))
        return list(_of_images(source, result) if is_image(result) else _of_videos(source, result))
    except (UpframeError, av.FFmpegError, OSError, ValueError):
        return []


def _of_images(source: Path, result: Path) -> Iterator[Point]:
    before, after = read_image(source, page=0), read_image(result, page=0)
    if (pages := page_count(source)) > 1:
        yield Point(f"{pages} pages", page_count(result) == pages)
    yield Point(f"{before.width}×{before.height} became {after.width}×{after.height}")
    bits = 8 * before.pixels.dtype.itemsize
    yield Point(f"{bits} bits a sample", after.pixels.dtype == before.pixels.dtype)
    if before.alpha is not None:
        yield Point("Transparency", after.alpha is not None)
    for name, words in (("icc", "Colour profile"), ("exif", "Camera data (EXIF)"), ("xmp", "XMP"), ("iptc", "Captions (IPTC)")):
        if getattr(before.metadata, name):
            yield Point(words, bool(getattr(after.metadata, name)))


def _of_animations(source: Path, result: Path) -> Iterator[Point]:
    with AnimationReader(source, allow_truncated=True) as reader, AnimationReader(result) as other:
        before, after = reader.info, other.info
    yield Point(f"{before.width}×{before.height} became {after.width}×{after.height}")
    yield Point(f"{len(after.milliseconds)} frames", len(before.milliseconds) == len(after.milliseconds))
    yield Point(f"Length {in_time(sum(after.milliseconds) / 1000)}", before.milliseconds == after.milliseconds)
    yield Point("Loops", before.plays == after.plays)
    if before.alpha:
        yield Point("Transparency", after.alpha)


def _of_videos(source: Path, result: Path) -> Iterator[Point]:
    before, after = _info(source), _info(result)
    yield Point(f"{before.width}×{before.height} became {after.width}×{after.height}")
    if before.frames and after.frames:
        exact = before.frames_exact and after.frames_exact
        yield Point(
            f"{after.frames} frames" if exact else f"about {after.frames} frames", not exact or before.frames == after.frames
        )
    if before.duration and after.duration:
        yield Point(f"Length {in_time(float(after.duration))}", abs(before.duration - after.duration) < 1)
    yield Point(f"{before.layout.depth} bits a sample", after.layout.depth >= before.layout.depth)
    if before.hdr is not None:
        yield Point("HDR metadata", after.hdr is not None)
    if (before.colour.primaries, before.colour.transfer) != (2, 2):
        same = (before.colour.primaries, before.colour.transfer) == (after.colour.primaries, after.colour.transfer)
        yield Point("Colours as tagged", same)
    for kind, word in _KINDS.items():
        streams = [stream for stream in before.streams if stream.kind == kind]
        if streams:
            details = "; ".join(", ".join(filter(None, (stream.codec, stream.language, stream.title))) for stream in streams)
            there = sum(stream.kind == kind for stream in after.streams)
            yield Point(f"{len(streams)} {word}{'s' * (len(streams) > 1)} ({details})", there >= len(streams))
    chapters = [_chapters(path) for path in (source, result)]
    if chapters[0]:
        yield Point(f"{chapters[0]} chapters", chapters[1] >= chapters[0])


def _info(path: Path) -> VideoInfo:
    reader = VideoReader(path, on_note=no_notes)
    try:
        return reader.info
    finally:
        reader.close()


def _chapters(path: Path) -> int:
    with open_video(path) as container:
        return len(container.chapters())
