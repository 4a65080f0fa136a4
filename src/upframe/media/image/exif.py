"""EXIF blocks, patched in place: maker notes, thumbnails and unknown tags stay byte for byte.

A block is a TIFF structure (EXIF 2.32, section 4.5): a byte order, then directories of 12-byte entries. A damaged block is
left as it is: nobody should lose an image over its EXIF.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO

from upframe.media.image.tiff_directory import LONG, SHORT, Entry, header_of, read_entries

_ORIENTATION = 0x0112
_EXIF_DIRECTORY = 0x8769
_MAKER_NOTE = 0x927C
SMALLEST_DIRECTORY = 18
"""Bytes: a count, one entry, a link. Less cannot point anywhere."""
_SIZE_TAGS = {0x0100: 0, 0x0101: 1, 0xA002: 0, 0xA003: 1}  # ImageWidth, ImageLength, PixelXDimension, PixelYDimension


def _entries(block: bytes, link: Entry | None = None) -> Iterator[Entry]:
    """The entries of the main directory, or of the one that an entry links to: those that are within the block."""
    header = header_of(block)
    if header is None:
        return
    layout, start = header
    if link is not None:
        start = link.number(layout)
    if start >= 8:
        with suppress(struct.error):  # it is cut short
            yield from read_entries(BytesIO(block), layout, start)


def _camera_entries(block: bytes) -> Iterator[Entry]:
    """The entries of the EXIF directory proper, that of the camera."""
    for link in _entries(block):
        if link.tag == _EXIF_DIRECTORY and link.kind == LONG:
            yield from _entries(block, link)


def orientation(block: bytes | None) -> int:
    """The EXIF orientation, 1 (upright) to 8; 1 when the block is absent, damaged or says nothing valid."""
    if block and (header := header_of(block)):
        for entry in _entries(block):
            if entry.tag == _ORIENTATION and entry.kind in (SHORT, LONG) and 1 <= entry.number(header[0]) <= 8:
                return entry.number(header[0])
    return 1


def as_upright(block: bytes) -> bytes:
    """The block for pixels that have been turned: orientation 1, and the thumbnail, which was not turned, unlinked."""
    header = header_of(block)
    if header is None or orientation(block) == 1:
        return block
    patched = bytearray(block)
    layout, start = header
    last = start + 2
    for entry in _entries(block):
        last = entry.position + 12
        if entry.tag == _ORIENTATION:
            struct.pack_into(layout.order + ("H" if entry.kind == SHORT else "I"), patched, entry.position + 8, 1)
    if last + 4 <= len(patched):
        struct.pack_into(layout.order + "I", patched, last, 0)  # the link to the next directory, which describes the thumbnail
    return bytes(patched)


def with_size(block: bytes, width: int, height: int) -> bytes:
    """The block with every statement of the image's size, where it has one, set to this size in pixels."""
    header = header_of(block)
    if header is None:
        return block
    patched = bytearray(block)
    for entry in (*_entries(block), *_camera_entries(block)):
        if entry.tag in _SIZE_TAGS and entry.kind in (SHORT, LONG):
            # Always as LONG with one value, which the entry holds itself: an upscaled side may not fit a SHORT.
            side = (width, height)[_SIZE_TAGS[entry.tag]]
            struct.pack_into(header[0].order + "HII", patched, entry.position + 2, LONG, 1, side)
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
    return any(entry.tag == _MAKER_NOTE and entry.numbers >= SMALLEST_DIRECTORY for entry in _camera_entries(block or b""))
