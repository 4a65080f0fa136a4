"""A few seconds of a video, to see what a model makes of it before hours are spent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from upframe.errors import InputError
from upframe.media.video.info import CopiedPacket, RawFrame
from upframe.media.video.reader import VideoReader

SECONDS = Fraction(5)
_TIME = re.compile(r"(?:(?:(?P<hours>\d+):)?(?P<minutes>\d+):)?(?P<seconds>\d+(?:\.\d+)?)")


def is_time(text: str) -> bool:
    """Whether a text is a time: ``90``, ``12:30``, ``1:02:03.5``."""
    return _TIME.fullmatch(text) is not None


def parse_time(text: str) -> Fraction:
    """Seconds of such a time. Raises InputError for anything else."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise InputError(f"{text!r} is not a time: write seconds, 12:30 or 1:02:03.5")
    hours, minutes, seconds = (Fraction(part or 0) for part in match.group("hours", "minutes", "seconds"))
    return 3600 * hours + 60 * minutes + seconds


@dataclass(frozen=True, slots=True)
class VideoExcerpt:
    """The frames of a video from ``start``, in seconds after its first one, for ``length``, and what else belongs to them.

    All times are moved so that the first frame kept is shown when the video's first frame was.
    """

    start: Fraction
    length: Fraction = SECONDS

    def of(self, reader: VideoReader) -> Iterator[RawFrame | CopiedPacket]:
        """Iterates a reader as far as that is needed. Raises InputError for a start after the last frame."""
        zero: Fraction | None = None
        move: Fraction | None = None
        count = 0
        for item in reader:
            if isinstance(item, RawFrame):
                time = item.pts * item.time_base
                zero = time if zero is None else zero
                if time - zero >= self.start + self.length and count:
                    return
                if time - zero >= self.start:
                    move = time - zero if move is None else move
                    yield replace(item, pts=item.pts - round(move / item.time_base), index=count)
                    count += 1
            elif move is not None:
                yield _moved(item, move)
        if not count:
            raise self.too_late(reader.path)

    def too_late(self, path: Path) -> InputError:
        """The error for something that ends before ``start``."""
        return InputError(f"{path}: ends before {float(self.start):g} s: there is nothing to preview")


def _moved(item: CopiedPacket, seconds: Fraction) -> CopiedPacket:
    packet = item.packet
    ticks = round(seconds / packet.time_base)
    packet.pts = None if packet.pts is None else packet.pts - ticks
    packet.dts = None if packet.dts is None else packet.dts - ticks
    return item
