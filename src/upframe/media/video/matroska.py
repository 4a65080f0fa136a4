"""What has to be read from and written to Matroska files directly (RFC 8794: EBML; RFC 9559: Matroska).

Matroska keeps the shape of pixels as a size to display the image at. FFmpeg writes it, but PyAV has no way to pass it on.
So the track is given a name with blanks at its end while the file is written, and in the finished file the blanks make room
for the size.
"""

from __future__ import annotations

import zlib
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

_EBML, _SEGMENT, _TRACKS, _TRACK = 0x1A45DFA3, 0x18538067, 0x1654AE6B, 0xAE
_NAME, _VIDEO, _VOID, _CRC = 0x536E, 0xE0, 0xEC, 0xBF
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
_RATIO = 3
"""The display unit by which width and height are a ratio, not pixels."""
ROOM = " " * 40
"""What is to be put after the track's name."""

Element = tuple[int, bytes]


def write_display_shape(path: Path, size: tuple[int, int], aspect: Fraction, *, ratio: bool) -> bool:
    """Store the shape of pixels in the track whose name ends with ROOM, which is removed; whether one was found.

    size: (height, width) of the images. ratio: store it exactly, as a ratio; else in whole pixels, as WebM wants.
    """
    with path.open("r+b") as file:
        found = _find_tracks(file)
        if found is None:
            return False
        start, payload = found
        elements = _parse(payload)
        changed = [
            (identity, _with_shape(body, size, aspect, ratio)) if identity == _TRACK else (identity, body)
            for identity, body in elements
        ]
        new = b"".join(_encode(element) for element in changed if element[0] not in (_CRC, _VOID))
        crc = any(identity == _CRC for identity, _ in elements)
        room = len(payload) - len(new) - (6 if crc else 0)
        if changed == elements or room < 0 or room == 1:
            return False
        new += _void(room)
        if crc:
            new = _encode((_CRC, zlib.crc32(new).to_bytes(4, "little"))) + new
        file.seek(start)
        file.write(new)
        return True


def _enter_segment(file: BinaryIO) -> bool:
    """Go to the size of the segment."""
    if _read_identity(file) != _EBML:
        return False
    size = _read_number(file)
    if size is None:
        return False
    file.seek(size, 1)
    return _read_identity(file) == _SEGMENT


def _find_tracks(file: BinaryIO) -> tuple[int, bytes] | None:
    """Where the list of tracks begins, and what it holds."""
    if not _enter_segment(file):
        return None
    _read_number(file)
    while (identity := _read_identity(file)) is not None:
        size = _read_number(file)
        if size is None:
            return None
        if identity == _TRACKS:
            return file.tell(), file.read(size)
        file.seek(size, 1)
    return None


def _read_identity(file: BinaryIO) -> int | None:
    first = file.read(1)
    if not first or not first[0]:
        return None
    return int.from_bytes(first + file.read(8 - first[0].bit_length()), "big")


def _read_number(file: BinaryIO) -> int | None:
    """A size; None for an unknown one, whose bits are all ones."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    number = int.from_bytes(bytes([first[0] & (0x7F >> more)]) + file.read(more), "big")
    return None if number == (1 << (7 * (more + 1))) - 1 else number


def _parse(payload: bytes) -> list[Element]:
    """The elements side by side in a payload."""
    elements = []
    position = 0
    while position < len(payload):
        length = 9 - payload[position].bit_length()
        identity = int.from_bytes(payload[position : position + length], "big")
        position += length
        length = 9 - payload[position].bit_length()
        size = int.from_bytes(payload[position : position + length], "big") - (1 << (7 * length))
        position += length
        elements.append((identity, payload[position : position + size]))
        position += size
    return elements


def _encode(element: Element) -> bytes:
    identity, body = element
    length = next(length for length in range(1, 9) if len(body) < (1 << (7 * length)) - 1)
    head = identity.to_bytes((identity.bit_length() + 7) // 8, "big")
    return head + (len(body) + (1 << (7 * length))).to_bytes(length, "big") + body


def _void(size: int) -> bytes:
    """An element of ``size`` bytes, at least 2, that says nothing."""
    if size == 0:
        return b""
    body = size - 2 if size < 129 else size - 9
    length = 1 if size < 129 else 8
    return bytes([_VOID]) + (body + (1 << (7 * length))).to_bytes(length, "big") + bytes(body)


def _with_shape(track: bytes, size: tuple[int, int], aspect: Fraction, ratio: bool) -> bytes:
    """A track with the shape, if its name ends with ROOM; else the same."""
    elements = _parse(track)
    name = dict(elements).get(_NAME, b"").decode("utf-8", "replace")
    if not name.endswith(ROOM):
        return track
    name = name.removesuffix(ROOM)
    changed = []
    for identity, body in elements:
        if identity == _VIDEO:
            kept = [each for each in _parse(body) if each[0] not in (_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT)]
            changed.append((_VIDEO, b"".join(_encode(each) for each in (*kept, *_shape(size, aspect, ratio)))))
        elif identity != _NAME:
            changed.append((identity, body))
        elif name:
            changed.append((_NAME, name.encode()))
    return b"".join(_encode(element) for element in changed)


def _shape(size: tuple[int, int], aspect: Fraction, ratio: bool) -> list[Element]:
    height, width = size
    if not ratio:
        shown = (round(width * aspect), height)
    else:
        whole = Fraction(width, height) * aspect
        shown = (whole.numerator, whole.denominator)
    elements = [(_DISPLAY_WIDTH, shown[0].to_bytes(4, "big")), (_DISPLAY_HEIGHT, shown[1].to_bytes(4, "big"))]
    return [*elements, (_DISPLAY_UNIT, bytes([_RATIO]))] if ratio else elements
