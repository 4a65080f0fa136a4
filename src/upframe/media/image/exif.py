"""EXIF blocks, patched in place: maker notes, thumbnails and unknown tags stay byte for byte.

A block is a TIFF structure (EXIF 2.32, section 4.5): a byte order, then directories of 12-byte entries. A damaged block is
left as it is: nobody should lose an image over its EXIF.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

_ORIENTATION = 0x0112
_EXIF_DIRECTORY = 0x8769
_MAKER_NOTE = 0x927C
SMALLEST_DIRECTORY = 18
"""Bytes: a count, one entry, a link. Less cannot point anywhere."""
_SIZE_TAGS = {0x0100: 0, 0x0101: 1, 0xA002: 0, 0xA003: 1}  # ImageWidth, ImageLength, PixelXDimension, PixelYDimension
_SHORT, _LONG = 3, 4


class _Entry(NamedTuple):
    tag: int
    kind: int
    position: int
    """Of the entry in the block: tag (2 bytes), type (2), count (4), value or its offset (4)."""


def _byte_order(block: bytes | bytearray) -> str | None:
    return {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(block[:4]))


def _entries(block: bytes | bytearray, order: str, offset: int) -> Iterator[_Entry]:
    """The entries of the directory at ``offset`` that lie within the block."""
    if not 8 <= offset <= len(block) - 2:
        return
    (count,) = struct.unpack_from(order + "H", block, offset)
    for position in range(offset + 2, min(offset + 2 + 12 * count, len(block) - 11), 12):
        tag, kind = struct.unpack_from(order + "HH", block, position)
        yield _Entry(tag, kind, position)


def _value(block: bytes | bytearray, order: str, entry: _Entry) -> int:
    return int(struct.unpack_from(order + ("H" if entry.kind == _SHORT else "I"), block, entry.position + 8)[0])


def _main_directory(block: bytes | bytearray, order: str) -> int:
    return int(struct.unpack_from(order + "I", block, 4)[0]) if len(block) >= 8 else 0


def orientation(block: bytes | None) -> int:
    """The EXIF orientation, 1 (upright) to 8; 1 when the block is absent, damaged or says nothing valid."""
    order = _byte_order(block) if block else None
    if block and order:
        for entry in _entries(block, order, _main_directory(block, order)):
            if entry.tag == _ORIENTATION and entry.kind in (_SHORT, _LONG) and 1 <= _value(block, order, entry) <= 8:
                return _value(block, order, entry)
    return 1


def as_upright(block: bytes) -> bytes:
    """The block for pixels that have been turned: orientation 1, and the thumbnail, which was not turned, unlinked."""
    order = _byte_order(block)
    if order is None or orientation(block) == 1:
        return block
    patched = bytearray(block)
    directory = _main_directory(block, order)
    last = directory + 2
    for entry in _entries(block, order, directory):
        last = entry.position + 12
        if entry.tag == _ORIENTATION:
            struct.pack_into(order + ("H" if entry.kind == _SHORT else "I"), patched, entry.position + 8, 1)
    if last + 4 <= len(patched):
        struct.pack_into(order + "I", patched, last, 0)  # the link to the next directory, which describes the thumbnail
    return bytes(patched)


def with_size(block: bytes, width: int, height: int) -> bytes:
    """The block with every statement of the image's size, where it has one, set to this size in pixels."""
    order = _byte_order(block)
    if order is None:
        return block
    patched = bytearray(block)
    main = list(_entries(block, order, _main_directory(block, order)))
    inner = [
        entry
        for link in main
        if link.tag == _EXIF_DIRECTORY and link.kind == _LONG
        for entry in _entries(block, order, _value(block, order, link))
    ]
    for entry in main + inner:
        if entry.tag in _SIZE_TAGS and entry.kind in (_SHORT, _LONG):
            # Always as LONG with one value, which the entry holds itself: an upscaled side may not fit a SHORT.
            side = (width, height)[_SIZE_TAGS[entry.tag]]
            struct.pack_into(order + "HII", patched, entry.position + 2, _LONG, 1, side)
    return bytes(patched)


def xmp_as_upright(packet: bytes) -> bytes:
    """The XMP packet for pixels that have been turned: ``tiff:Orientation`` 1, written as attribute or as element."""
    return re.sub(rb"(tiff:Orientation\s*(?:=\s*[\"']|>\s*))[2-8]", rb"\g<1>1", packet)


def xmp_without_extension(packet: bytes) -> bytes:
    """The XMP packet without its mention of further XMP, for a file that does not hold any."""
    element = rb"<xmpNote:HasExtendedXMP>[^<]*</xmpNote:HasExtendedXMP>"
    return re.sub(rb"\s*xmpNote:HasExtendedXMP\s*=\s*(?:\"[^\"]*\"|'[^']*')|" + element, b"", packet)


def has_maker_note(block: bytes | None) -> bool:
    """Whether a block holds the notes of a camera's maker, which may point to places in the file."""
    order = _byte_order(block) if block else None
    if block is None or order is None:
        return False
    return any(
        entry.tag == _MAKER_NOTE and struct.unpack_from(order + "I", block, entry.position + 4)[0] >= SMALLEST_DIRECTORY
        for link in _entries(block, order, _main_directory(block, order))
        if link.tag == _EXIF_DIRECTORY and link.kind == _LONG
        for entry in _entries(block, order, _value(block, order, link))
    )
