"""What a TIFF says about its picture, carried to and from an EXIF block: the same tags, in the same kind of directories."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from upframe.media.pictures.formats.exchange import Source
from upframe.media.pictures.formats.tiff_directory import (
    ASCII,
    LONG,
    Directory,
    Layout,
    Value,
    packed_directory,
    read_directory,
)
from upframe.media.pictures.picture import PictureMetadata

if TYPE_CHECKING:
    from tifffile import TiffPage

_XMP = 700
_ORIENTATION = 274
_EXIF, _GPS, _INTEROPERABILITY = 0x8769, 0x8825, 0xA005
_WORDS = {"Description": 270, "Software": 305, "Author": 315, "Copyright": 33432}
_DESCRIPTIVE = frozenset({*_WORDS.values(), 269, 271, 272, _ORIENTATION, 285, 306, 316, 18246, 18249, *range(40091, 40096)})
"""Tags of the main directory that describe the picture, not its layout: names, camera, date, rating, Windows' own."""
_CENTIMETRES_PER_INCH = 2.54
_Tag = tuple[int, int, int, bytes, bool]


def read_metadata(source: Source, page: TiffPage) -> PictureMetadata:
    """ICC, XMP, resolution, and all descriptive, camera and GPS tags as an EXIF block."""
    tags = page.tags
    dpi = None
    if "XResolution" in tags and "YResolution" in tags and int(page.resolutionunit) in (2, 3):
        per_inch = _CENTIMETRES_PER_INCH if int(page.resolutionunit) == 3 else 1.0
        dpi = (page.resolution[0] * per_inch, page.resolution[1] * per_inch)
    return PictureMetadata(
        icc=bytes(page.iccprofile) if page.iccprofile else None,
        exif=_exif_block(source, page),
        xmp=bytes(tags[_XMP].value) if _XMP in tags and isinstance(tags[_XMP].value, bytes) else None,
        dpi=dpi,
    )


def _exif_block(source: Source, page: TiffPage) -> bytes | None:
    layout = Layout(page.parent.byteorder, page.parent.is_bigtiff)
    try:
        with source.path.open("rb") as file:
            main, inner = _read_directories(file, layout, page.offset)
    except (struct.error, OverflowError, OSError) as error:
        source.note(f"{source.path}: camera data (EXIF) could not be read and is left out ({error})")
        return None
    kept = {tag: value for tag, value in main.items() if tag in _DESCRIPTIVE}
    if page.is_ome or page.is_imagej or page.is_shaped:
        kept.pop(_WORDS["Description"], None)  # which software made for itself, with sizes that will no longer be true
    return _block(kept, inner) if kept or inner else None


def _read_directories(file: BinaryIO, layout: Layout, start: int) -> tuple[dict[int, Value], dict[int, Directory]]:
    """The directory at ``start``, and those it links to, EXIF and GPS, by the tag of the link."""
    main = read_directory(file, layout, start)
    inner: dict[int, Directory] = {}
    for tag in (_EXIF, _GPS):
        if tag in main:
            directory = read_directory(file, layout, main[tag].number())
            directory.pop(_INTEROPERABILITY, None)  # a link of its own, to nothing but a version
            inner[tag] = directory
    return main, inner


def _block(main: Directory, inner: dict[int, Directory]) -> bytes:
    """A little-endian EXIF block."""
    links = {**main, **{tag: Value(LONG, bytes(4)) for tag in inner}}
    start = 8
    end = start + len(packed_directory(links, start))
    body = b""
    for tag, directory in sorted(inner.items()):
        links[tag] = Value(LONG, struct.pack("<I", end + len(body)))
        body += packed_directory(directory, end + len(body))
    return b"II*\0" + struct.pack("<I", start) + packed_directory(links, start) + body


def _unpacked(block: bytes) -> tuple[dict[int, Value], dict[int, Directory]]:
    """The directories of an EXIF block; empty for a damaged one."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    try:
        return (
            _read_directories(BytesIO(block), Layout(order), struct.unpack_from(order + "I", block, 4)[0])
            if order
            else ({}, {})
        )
    except (struct.error, OverflowError):
        return {}, {}


def extra_tags(metadata: PictureMetadata) -> list[_Tag]:
    """Tags for tifffile to write into the main directory of a little-endian file.

    For the links to the EXIF and GPS directories, which tifffile does not write, there are placeholders one tag further on.
    """
    main, inner = _unpacked(metadata.exif or b"")
    tags = {tag: value for tag, value in main.items() if tag in _DESCRIPTIVE}
    tags.update(
        {tag: Value(ASCII, metadata.text[word].encode() + b"\0") for word, tag in _WORDS.items() if word in metadata.text}
    )
    tags.update({tag + 1: Value(LONG, bytes(4)) for tag in inner})
    if metadata.xmp:
        tags[_XMP] = Value(1, metadata.xmp)
    return [(tag, value.kind, value.numbers, value.stored, True) for tag, value in sorted(tags.items())]


def append_directories(path: Path, exif: bytes) -> None:
    """Append the EXIF and GPS directories of a block to a little-endian TIFF that has placeholders for them, and link them."""
    import tifffile

    _, inner = _unpacked(exif)
    with tifffile.TiffFile(path) as file:
        big, tags = file.is_bigtiff, file.pages.first.tags
        entries: dict[int, Any] = {tag: tags[tag + 1].offset for tag in inner}
    with path.open("r+b") as stream:
        for tag, entry in entries.items():
            start = stream.seek(0, 2)
            start += stream.write(bytes(start % 2))  # directories begin on even places
            stream.write(packed_directory(inner[tag], start, big=big))
            stream.seek(entry)
            stream.write(struct.pack("<HHQQ", tag, 16, 1, start) if big else struct.pack("<HHII", tag, LONG, 1, start))
