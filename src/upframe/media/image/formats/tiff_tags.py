"""What a TIFF says about its image, carried to and from an EXIF block: the same tags, in the same kind of directories."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from upframe.media.image.exif import SMALLEST_DIRECTORY
from upframe.media.image.formats import geotiff
from upframe.media.image.formats.exchange import Source
from upframe.media.image.image import Georeference, ImageMetadata
from upframe.media.image.tiff_directory import (
    ASCII,
    LONG,
    Directory,
    DirectoryLayout,
    TagValue,
    header_of,
    packed_directory,
    read_directory,
)

if TYPE_CHECKING:
    from tifffile import TiffPage

_XMP = 700
_ORIENTATION = 274
_EXIF, _GPS, _INTEROPERABILITY = 0x8769, 0x8825, 0xA005
_WORDS = {"Description": 270, "Software": 305, "Author": 315, "Copyright": 33432}
_DESCRIPTIVE = frozenset({*_WORDS.values(), 269, 271, 272, _ORIENTATION, 285, 306, 316, 18246, 18249, *range(40091, 40096)})
"""Tags of the main directory that describe the image, not its layout: names, camera, date, rating, Windows' own."""
_IPTC, _MAKER_NOTE = 33723, 0x927C
_BYTES = (1, 7)  # types of tags
_KEPT = frozenset({_XMP, _EXIF, _GPS, _IPTC, 34675})
_LAYOUT = frozenset(
    {*range(254, 267), 273, *range(277, 285), *range(288, 294), 296, 297, 301, *range(317, 326), 327, *range(330, 335)}
    | {*range(336, 344), 347, *range(512, 522), *range(529, 533), 559, 32995, 32996, 32997, 50838, 50839}
)
"""Tags that say how samples are stored, and what programs for stacks write for themselves: made again."""
_NAMES = {34377: "Photoshop's image resources", 37724: "Photoshop's layers", 50844: "the georeference (RPC)"}
_CENTIMETRES_PER_INCH = 2.54
_Tag = tuple[int, int, int, bytes, bool]


def read_metadata(source: Source, page: TiffPage) -> ImageMetadata:
    """ICC, XMP, resolution, and all descriptive, camera and GPS tags as an EXIF block."""
    tags = page.tags
    main, inner = _directories(source, page)
    kept = _described(page, main)
    dpi = None
    if "XResolution" in tags and "YResolution" in tags and int(page.resolutionunit) in (2, 3):
        per_inch = _CENTIMETRES_PER_INCH if int(page.resolutionunit) == 3 else 1.0
        dpi = (page.resolution[0] * per_inch, page.resolution[1] * per_inch)
    return ImageMetadata(
        icc=bytes(page.iccprofile) if page.iccprofile else None,
        exif=_block(kept, inner) if kept or inner else None,
        xmp=bytes(tags[_XMP].value) if _XMP in tags and isinstance(tags[_XMP].value, bytes) else None,
        dpi=dpi,
        iptc=main[_IPTC].stored if _IPTC in main and main[_IPTC].kind in _BYTES else None,
        geo=_georeference(source, page, main),
    )


def _georeference(source: Source, page: TiffPage, main: Directory) -> Georeference | None:
    tags = {tag: (value.kind, value.stored) for tag, value in main.items() if tag in geotiff.TAGS}
    if tags and _ORIENTATION in main and main[_ORIENTATION].number() > 1:
        source.note("its georeference is left out, as the image was set upright")
        return None
    return Georeference(tags, page.imagewidth, page.imagelength) if tags else None


def _directories(source: Source, page: TiffPage) -> tuple[dict[int, TagValue], dict[int, Directory]]:
    """The tags of the page and of its EXIF and GPS; with a note on those that have no place in the result."""
    layout = DirectoryLayout(page.parent.byteorder, page.parent.is_bigtiff)
    try:
        with source.path.open("rb") as file:
            main, inner = _read_directories(file, layout, page.offset)
    except (struct.error, OverflowError, OSError) as error:
        source.note(f"camera data (EXIF) could not be read and is left out ({error})")
        return {}, {}
    lost = [tag for tag in main if not (tag in _LAYOUT or tag in _DESCRIPTIVE or tag in geotiff.TAGS or tag in _KEPT)]
    if _IPTC in main and main[_IPTC].kind not in _BYTES:
        lost.append(_IPTC)
    if lost:
        names = (f"{_NAMES.get(tag, 'tag')} {tag}" for tag in sorted(lost))
        source.note(f"tags left out: {', '.join(names)}")
    if _MAKER_NOTE in (camera := inner.get(_EXIF, {})) and len(camera[_MAKER_NOTE].stored) >= SMALLEST_DIRECTORY:
        source.note("the maker notes of its EXIF were moved; what in them points to places in the file is lost")
    return main, inner


def _described(page: TiffPage, main: Directory) -> dict[int, TagValue]:
    """The tags that describe the image."""
    kept = {tag: value for tag, value in main.items() if tag in _DESCRIPTIVE}
    if page.is_ome or page.is_imagej or page.is_shaped:
        kept.pop(_WORDS["Description"], None)  # which software made for itself, with sizes that will no longer be true
    return kept


def _read_directories(file: BinaryIO, layout: DirectoryLayout, start: int) -> tuple[dict[int, TagValue], dict[int, Directory]]:
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
    links = {**main, **{tag: TagValue(LONG, bytes(4)) for tag in inner}}
    start = 8
    end = start + len(packed_directory(links, start))
    body = b""
    for tag, directory in sorted(inner.items()):
        links[tag] = TagValue(LONG, struct.pack("<I", end + len(body)))
        body += packed_directory(directory, end + len(body))
    return b"II*\0" + struct.pack("<I", start) + packed_directory(links, start) + body


def _unpacked(block: bytes) -> tuple[dict[int, TagValue], dict[int, Directory]]:
    """The directories of an EXIF block; empty for a damaged one."""
    header = header_of(block)
    try:
        return _read_directories(BytesIO(block), *header) if header else ({}, {})
    except (struct.error, OverflowError):
        return {}, {}


def extra_tags(metadata: ImageMetadata, size: tuple[int, int] | None = None) -> list[_Tag]:
    """Tags for tifffile to write into the main directory of a little-endian file.

    ``size``: width and height, for the georeference; where nothing is said, those it is true for. For the links to the EXIF and
    GPS directories, which tifffile does not write, there are placeholders one tag further on.
    """
    main, inner = _unpacked(metadata.exif or b"")
    tags = {tag: value for tag, value in main.items() if tag in _DESCRIPTIVE}
    tags.update(
        {tag: TagValue(ASCII, metadata.text[word].encode() + b"\0") for word, tag in _WORDS.items() if word in metadata.text}
    )
    tags.update({tag + 1: TagValue(LONG, bytes(4)) for tag in inner})
    if metadata.iptc:
        tags[_IPTC] = TagValue(7, metadata.iptc)
    if geo := metadata.geo:
        stored = {tag: TagValue(*value) for tag, value in geo.tags.items()}
        width, height = size or (geo.width, geo.height)
        tags.update(geotiff.scaled(stored, width / geo.width, height / geo.height))
    if metadata.xmp:
        tags[_XMP] = TagValue(1, metadata.xmp)
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
