"""The containers a video can be written to, and what each can hold."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from upframe.errors import OutputError

TextSubtitles = Literal["mov_text", "subrip", "webvtt"]


@dataclass(frozen=True, slots=True)
class VideoContainer:
    """A container.

    format: FFmpeg's name. encoders: those whose images it holds, by preference. text: what it holds plain subtitles as.
    tick: its own unit of time in seconds, None if it takes that of the source. from_zero: whether times below zero, in
    decoding order too, move all streams (MP4 has edit lists for them; Matroska stores no decoding times). lossless, lossy: what
    sound it cannot hold becomes.
    """

    name: str
    format: str
    encoders: tuple[str, ...]
    text: TextSubtitles | None = None
    tick: Fraction | None = None
    from_zero: bool = False
    chapters: bool = True
    rotation: bool = True
    attachments: bool = False
    covers: bool = False
    lossless: Literal["pcm", "flac"] | None = "pcm"
    lossy: Literal["aac", "opus"] = "aac"
    only: frozenset[str] | None = None


_IN_TRANSPORT_STREAMS = """
    h264 hevc mpeg1video mpeg2video mp2 mp3 aac aac_latm ac3 eac3 dts truehd opus s302m
    dvb_subtitle dvb_teletext hdmv_pgs_subtitle klv scte_35 timed_id3
"""

_MP4 = VideoContainer("MP4", "mp4", ("x264", "x265", "av1", "vp9"), "mov_text", covers=True, lossless="flac")
_MOV = VideoContainer("QuickTime", "mov", ("x264", "x265", "prores"), "mov_text")
_MATROSKA = VideoContainer(
    "Matroska",
    "matroska",
    ("x264", "x265", "av1", "vp9", "ffv1", "prores"),
    "subrip",
    tick=Fraction(1, 1000),
    attachments=True,
)
_WEBM = VideoContainer("WebM", "webm", ("vp9", "av1"), "webvtt", tick=Fraction(1, 1000), lossless=None, lossy="opus")
_MPEGTS = VideoContainer(
    "MPEG-TS",
    "mpegts",
    ("x264", "x265"),
    tick=Fraction(1, 90000),
    from_zero=True,
    chapters=False,
    rotation=False,
    lossless=None,
    only=frozenset(_IN_TRANSPORT_STREAMS.split()),
)
_FLV = VideoContainer(
    "FLV", "flv", ("x264",), tick=Fraction(1, 1000), from_zero=True, chapters=False, rotation=False, lossless=None
)
_3GP = VideoContainer("3GP", "3gp", ("x264",), "mov_text", lossless=None)

CONTAINER_OF_SUFFIX = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": _MOV,
    ".mkv": _MATROSKA,
    ".webm": _WEBM,
    ".ts": _MPEGTS,
    ".mts": _MPEGTS,
    ".m2ts": _MPEGTS,
    ".flv": _FLV,
    ".3gp": _3GP,
    ".3g2": _3GP,
}
"""By suffix in lower case, with the dot."""


def container_for(path: Path) -> VideoContainer:
    """The container a video is written in under this name. Raises OutputError for a suffix that names none."""
    container = CONTAINER_OF_SUFFIX.get(path.suffix.lower())
    if container is None:
        raise OutputError(
            f"{path}: videos are not written as {path.suffix or 'a name without a suffix'}",
            remedy="use .mkv, which holds everything, or one of "
            + " ".join(suffix for suffix in CONTAINER_OF_SUFFIX if suffix != ".mkv"),
        )
    return container


def result_suffix(source: Path) -> str:
    """The suffix for the result of a video: its own where players expect H.264 under it, else .mkv."""
    return source.suffix if source.suffix.lower() in CONTAINER_OF_SUFFIX else ".mkv"
