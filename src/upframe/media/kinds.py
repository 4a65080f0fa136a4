"""What a file is: an image, a video, or neither; by its suffix, and by its content where that says nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from upframe.errors import InputError
from upframe.media.animation import ANIMATION_FORMATS, is_animation
from upframe.media.image.contents import format_of_content, unread_format
from upframe.media.image.image import IMAGE_SUFFIXES, READ_ONLY_SUFFIXES
from upframe.regular import irregular

_VIDEO_NAMES = """
    3g2 3gp asf avi dv f4v flv gif ivf m2ts m2v m4v mkv mov mp4 mpeg mpg mts mxf nut ogg ogm ogv ts vob webm wmv y4m
"""
VIDEO_SUFFIXES = frozenset(f".{name}" for name in _VIDEO_NAMES.split())
"""Suffixes, in lower case and with the dot, that make a file in a folder a video. A GIF of one frame is an image."""
_ALSO_OTHERS = frozenset({".ts", ".mts", ".ogg", ".dv"})  # programs in TypeScript and sound have them too

_MAY_MOVE = frozenset({".avif", ".heic", ".heif", ".hif"})

Kind = Literal["image", "animation", "video", "sequence"]
"""An animation is a GIF, PNG, WebP or AVIF of several frames; a sequence is numbered images."""

_STARTS: tuple[tuple[int, bytes], ...] = (
    (0, b"\x1a\x45\xdf\xa3"),
    (8, b"AVI "),
    (4, b"ftyp"),
    (4, b"moov"),
    (4, b"mdat"),
    (4, b"wide"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    (0, b"FLV\x01"),
    (0, b"OggS"),
    (0, b"\0\0\1\xba"),
    (0, b"\0\0\1\xb3"),
    (0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01"),
    (0, b"DKIF"),
    (0, b"nut/multimedia container\0"),
    (0, b"YUV4MPEG2 "),
    (0, b".RMF"),
    (0, b"\x1f\x07\x00"),
)
"""Where in a file which bytes are: Matroska, AVI, QuickTime, ASF, FLV, Ogg, MPEG, MXF, IVF, NUT, YUV4MPEG, RealMedia, DV."""
_PACKET = 188  # bytes of MPEG-TS, each beginning with "G"; M2TS has a time of four bytes before


def kind_by_suffix(path: Path) -> Kind | None:
    """None for what is neither image nor video by its name."""
    suffix = path.suffix.lower()
    if suffix in ANIMATION_FORMATS and is_animation(path):
        return "animation"
    if suffix in _MAY_MOVE:
        return _kind_of_still(path)
    if suffix in IMAGE_SUFFIXES | READ_ONLY_SUFFIXES or suffix == ".gif":
        return "image"
    if suffix in VIDEO_SUFFIXES:
        return "image" if _is_image(path) else "video"
    return None


def kind_of_found(path: Path) -> Kind | str:
    """Of a file that is in a folder: its kind, or in words why it is neither image nor video.

    A file of a suffix that is no image's and no video's is judged by its content.
    """
    kind = kind_by_suffix(path)
    if not path.exists():
        return kind or "a broken link"
    if words := irregular(path):  # a pipe would be waited for without end
        return words
    if kind is not None and path.suffix.lower() not in _ALSO_OTHERS:
        return kind
    try:
        if image := _image_by_content(path):
            return image
        if unread := unread_format(path):
            return f"{unread} is an image format that is not supported"
        if not _starts_as_video(path):
            return "no image or video"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return "video" if _has_video(path) else "no video in it"


def kind_of_named(path: Path) -> Kind:
    """Of a file that a user names: by suffix, else by content; what is no image is left to the video reader to judge."""
    kind = kind_by_suffix(path)
    if kind is not None:
        return kind
    return _image_by_content(path) or ("image" if unread_format(path) else "video")


def _image_by_content(path: Path) -> Kind | None:
    if is_animation(path):
        return "animation"
    return "image" if format_of_content(path) is not None else None


def _kind_of_still(path: Path) -> Kind:
    """Of an AVIF or HEIC: those of several frames are videos."""
    if irregular(path):
        return "image"  # whose reader refuses it
    try:
        known = format_of_content(path) or unread_format(path)
    except OSError:
        return "image"  # whose reader says what is wrong with it
    return "image" if known else "video"


def _is_image(path: Path) -> bool:
    """Whether a file that is named as a video holds an image."""
    try:
        return not irregular(path) and format_of_content(path) is not None
    except OSError:
        return False


def _starts_as_video(path: Path) -> bool:
    """Whether the first bytes of a file are those of a format of videos."""
    with path.open("rb") as file:
        start = file.read(1024)
    for place in (0, 4):
        step = _PACKET + place
        if len(start) > place + 2 * step and all(start[place + number * step] == ord("G") for number in range(3)):
            return True
    return any(start[place : place + len(signature)] == signature for place, signature in _STARTS)


def _has_video(path: Path) -> bool:
    """Whether a container has video, and not sound with a cover alone; True where that cannot be seen."""
    from upframe.media.video.probe import is_still, open_video

    try:
        with open_video(path) as container:
            return not all(map(is_still, container.streams.video))
    except InputError:
        return True  # the video reader says what is wrong with it
