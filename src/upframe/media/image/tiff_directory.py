"""TIFF directories as they are stored: tags with their types and bytes, to move between TIFF files and EXIF blocks unchanged.

A directory is a count, entries of tag, type, count and value (or its place in the file), and a link; all places are counted
from the start of the file, so that a directory that moves is written again (TIFF 6.0, section 2; BigTIFF has wider counts).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import BinaryIO, NamedTuple

import numpy as np

_UNIT = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 1, 7: 1, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of the numbers a type is made of, by its code: what changing the byte order turns round."""
_RATIONALS = (5, 10)  # pairs of numbers
_MOST_BYTES = 16 << 20  # of one value; a damaged count asks for more
_MOST_TOGETHER = 64 << 20  # bytes of all values of a directory, as many may lie at one place of the file

ASCII, SHORT, LONG = 2, 3, 4


class TagValue(NamedTuple):
    """What is stored under a tag: the code of its type, and its bytes in the little-endian order."""

    kind: int
    stored: bytes

    @property
    def numbers(self) -> int:
        """How many numbers or characters; a rational is one number."""
        return len(self.stored) // _size(self.kind)

    def number(self) -> int:
        """The first number, for types of whole numbers."""
        return int.from_bytes(self.stored[: _UNIT[self.kind]], "little")


Directory = Mapping[int, TagValue]


class DirectoryLayout(NamedTuple):
    """How a file writes its directories."""

    order: str
    """``<`` or ``>``, as in ``struct``."""
    big: bool = False
    """BigTIFF."""

    @property
    def counts(self) -> tuple[str, str, int]:
        """Formats of the number of entries and of a count or place, and how many bytes of a value an entry holds itself."""
        return ("Q", "Q", 8) if self.big else ("H", "I", 4)


class Entry(NamedTuple):
    """An entry as it is stored. content: the value, or its place where it is longer; position: of the entry in the file."""

    tag: int
    kind: int
    numbers: int
    content: bytes
    position: int

    def number(self, layout: DirectoryLayout) -> int:
        """The first number of an entry of SHORT or LONG that holds its value itself."""
        return int(struct.unpack_from(layout.order + ("H" if self.kind == SHORT else "I"), self.content)[0])


def header_of(block: bytes) -> tuple[DirectoryLayout, int] | None:
    """How an EXIF block, which begins as a TIFF does, writes its directories, and where the first is; None for another."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return None
    return DirectoryLayout(order), int(struct.unpack_from(order + "I", block, 4)[0])


def read_entries(file: BinaryIO, layout: DirectoryLayout, start: int) -> Iterator[Entry]:
    """The entries of the directory at ``start`` that are whole. Raises struct.error where no directory is."""
    total, place, inside = layout.counts
    entry = struct.Struct(f"{layout.order}HH{place}{inside}s")
    file.seek(start)
    (count,) = struct.unpack(layout.order + total, file.read(struct.calcsize(total)))
    position = start + struct.calcsize(layout.order + total)
    stored = file.read(entry.size * min(count, 65535))
    for number, (tag, kind, numbers, content) in enumerate(entry.iter_unpack(stored[: len(stored) // entry.size * entry.size])):
        yield Entry(tag, kind, numbers, content, position + number * entry.size)


def _size(kind: int) -> int:
    return _UNIT[kind] * (2 if kind in _RATIONALS else 1)


def _reordered(kind: int, stored: bytes) -> bytes:
    return np.frombuffer(stored, f"u{_UNIT[kind]}").byteswap().tobytes()


def read_directory(file: BinaryIO, layout: DirectoryLayout, start: int) -> dict[int, TagValue]:
    """The directory at ``start``, without entries of unknown type, too large or outside the file. Raises struct.error."""
    _, place, inside = layout.counts
    found: dict[int, TagValue] = {}
    left = _MOST_TOGETHER
    for entry in read_entries(file, layout, start):
        if entry.kind not in _UNIT or entry.numbers * _size(entry.kind) > min(_MOST_BYTES, left):
            continue
        length, content = entry.numbers * _size(entry.kind), entry.content
        if length > inside:
            file.seek(struct.unpack(layout.order + place, content)[0])
            content = file.read(length)
        if len(content) >= length:
            left -= length
            stored = content[:length]
            found[entry.tag] = TagValue(entry.kind, stored if layout.order == "<" else _reordered(entry.kind, stored))
    return found


def packed_directory(directory: Directory, start: int, *, big: bool = False) -> bytes:
    """A directory to be placed at ``start`` (even) of a little-endian file, followed by its values; its link ends the chain."""
    total, place, inside = DirectoryLayout("<", big).counts
    entry = struct.Struct(f"<HH{place}{inside}s")
    values_at = start + struct.calcsize("<" + total) + entry.size * len(directory) + inside
    entries, values = bytearray(), bytearray()
    for tag in sorted(directory):
        value = directory[tag]
        content = value.stored
        if len(content) > inside:
            content = struct.pack("<" + place, values_at + len(values))
            values += value.stored + bytes(len(value.stored) % 2)
        entries += entry.pack(tag, value.kind, value.numbers, content)
    return struct.pack("<" + total, len(directory)) + entries + bytes(inside) + values
