"""What a JPEG says in segments that Pillow does not keep: IPTC, extended XMP, several comments; and the names of the rest.

Segments: ITU-T T.81, B.1. IPTC is among Photoshop's image resources (APP13); XMP beyond 64 KiB in portions after the main
packet, which names their digest (XMP specification, part 3, 1.1.3.1).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from hashlib import md5
from typing import NamedTuple

from upframe.media.image.image import ImageMetadata

_COMMENT, _SAMPLES, _END = 0xFE, 0xDA, 0xD9
_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_IPTC = 0x0404
_NOT_MISSED = frozenset({_IPTC, 0x03ED, 0x0409, 0x040C, 0x0425})  # kept elsewhere: resolution; made again: previews, a digest
_KEPT = {
    0xE0: (b"JFIF\0", b"JFXX\0"),
    0xE1: (b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0", _EXTENSION),
    0xE2: (b"ICC_PROFILE\0", b"MPF\0"),
    0xED: (_PHOTOSHOP,),
    0xEE: (b"Adobe",),
}
"""Segments by their marker and first bytes that are read here or by Pillow, or made again (previews, layout)."""
_MOST = 65_533  # bytes in a segment
_PORTION = 65_000  # bytes of extended XMP in one


class JpegExtras(NamedTuple):
    """What is beside EXIF, XMP and the profile."""

    iptc: bytes | None
    xmp_extension: bytes | None
    comments: tuple[str, ...]
    left_out: tuple[str, ...]


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The segments before the samples: code of the marker, and content."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # filling
            position += 1
            continue
        if marker in (_SAMPLES, _END):
            return
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        yield marker, data[position + 4 : position + 2 + length]
        position += 2 + max(length, 2)


def read_beside(data: bytes) -> JpegExtras:
    """IPTC, extended XMP, comments, and in words what is left out."""
    resources, portions = b"", []
    comments: list[str] = []
    left_out: dict[str, None] = {}
    for marker, content in segments(data):
        if marker == _COMMENT:
            comments.append(content.rstrip(b"\0").decode("utf-8", "replace"))
        elif content.startswith(_EXTENSION):
            portions.append(content[len(_EXTENSION) :])
        elif content.startswith(_PHOTOSHOP) and marker == 0xED:
            resources += content[len(_PHOTOSHOP) :]
        elif 0xE0 <= marker <= 0xEF and not content.startswith(_KEPT.get(marker, ())):
            left_out[_named(marker, content)] = None
    found = dict(_resources(resources))
    others = found.keys() - _NOT_MISSED
    if others:
        left_out[f"{len(others)} of Photoshop's image resources"] = None
    extension = _joined(portions)
    if portions and extension is None:
        left_out["extended XMP, of which portions are missing"] = None
    return JpegExtras(found.get(_IPTC), extension, tuple(comments), tuple(left_out))


def _named(marker: int, content: bytes) -> str:
    word = content[:24].split(b"\0")[0].decode("ascii", "ignore")
    name = "".join(letter for letter in word if letter.isprintable()).strip()
    if marker == 0xEB and content[:2] == b"JP":
        name = "JUMBF, such as content credentials"
    if b"21496" in content[:40]:
        name = "a gain map"
    return f"APP{marker - 0xE0}{f' ({name})' if name else ''}"


def _resources(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Photoshop's image resources: number and content."""
    position = 0
    while data[position : position + 4] == b"8BIM" and position + 12 <= len(data):
        (number,) = struct.unpack_from(">H", data, position + 4)
        start = position + 6 + ((1 + data[position + 6]) + 1) // 2 * 2  # after a name, padded to an even length
        if start + 4 > len(data):
            return
        (length,) = struct.unpack_from(">I", data, start)
        yield number, data[start + 4 : start + 4 + length]
        position = start + 4 + length + length % 2


def _joined(portions: list[bytes]) -> bytes | None:
    """Extended XMP from its portions: digest (32), full length (4), offset (4), content. None where one is missing."""
    if not portions or any(len(portion) < 40 for portion in portions):
        return None
    digest, length = portions[0][:32], int.from_bytes(portions[0][32:36], "big")
    whole = b"".join(portion[40:] for portion in sorted(portions, key=lambda portion: portion[36:40]) if portion[:32] == digest)
    return whole if len(whole) == length else None


def beside_segments(metadata: ImageMetadata) -> bytes:
    """IPTC, extended XMP and all comments but a single one, as segments."""
    made = []
    if metadata.iptc and len(metadata.iptc) < _MOST - 40:
        length = struct.pack(">I", len(metadata.iptc))
        resource = b"8BIM" + struct.pack(">HH", _IPTC, 0) + length + metadata.iptc + bytes(len(metadata.iptc) % 2)
        made.append((0xED, _PHOTOSHOP + resource))
    if metadata.xmp_extension:
        whole = metadata.xmp_extension
        digest = md5(whole, usedforsecurity=False).hexdigest().upper().encode()
        for start in range(0, len(whole), _PORTION):
            head = _EXTENSION + digest + struct.pack(">II", len(whole), start)
            made.append((0xE1, head + whole[start : start + _PORTION]))
    if len(metadata.comments) > 1:
        made += [(_COMMENT, comment.encode()[:_MOST]) for comment in metadata.comments]
    return b"".join(b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content for marker, content in made)
