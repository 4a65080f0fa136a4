"""WebP through Pillow, lossy and lossless, 8 bit."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import PIL.Image
from PIL.WebPImagePlugin import WebPImageFile

from upframe.errors import InputError
from upframe.media.image.formats.exchange import Source, WriteOptions, rgb_and_alpha, split_alpha
from upframe.media.image.image import Image, ImageEncoding, ImageMetadata

_EXIF_PREFIX = b"Exif\0\0"
_KEPT = frozenset({"VP8X", "VP8 ", "VP8L", "ALPH", "ICCP", "EXIF", "XMP "})


def read(source: Source) -> Image:
    """Read a WebP; an animated one is refused. Raises InputError."""
    data = source.path.read_bytes()
    chunks = dict(reversed([*_chunks(data)]))  # the first of each kind
    source.check_size(*_size(source, chunks))
    if len(data) < 8 + struct.unpack_from("<I", data, 4)[0]:
        raise InputError(f"{source.path}: the file is cut short, and no part of a cut WebP can be read")
    source.check_single(
        sum(kind == b"ANMF" for kind, _ in _chunks(data)),
        "save the frames of this animation as numbered images and give, for instance, frames/%05d.png",
    )
    try:
        image = WebPImageFile(BytesIO(data))
        image.load()
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        raise source.damaged(error) from error
    pixels, alpha = split_alpha(np.asarray(image))
    lost = sorted({kind.decode("latin-1") for kind in chunks} - _KEPT)
    if lost:
        source.note(f"chunks left out: {', '.join(lost)}")
    exif = image.info.get("exif")
    metadata = ImageMetadata(
        icc=image.info.get("icc_profile"),
        exif=exif.removeprefix(_EXIF_PREFIX) if exif else None,
        xmp=image.info.get("xmp"),
    )
    return Image(pixels, alpha, format="webp", metadata=metadata, encoding=ImageEncoding(lossless=b"VP8L" in chunks))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The RIFF chunks: kind and the first bytes of the content, as far as the file goes."""
    position = 12
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        yield kind, data[position + 8 : position + 18]
        position += 8 + length + length % 2


def _size(source: Source, chunks: dict[bytes, bytes]) -> tuple[int, int]:
    """Width and height from the header (WebP container specification, RFC 9649)."""
    extended, lossless, lossy = (chunks.get(kind, b"") for kind in (b"VP8X", b"VP8L", b"VP8 "))
    if len(extended) == 10:
        return 1 + int.from_bytes(extended[4:7], "little"), 1 + int.from_bytes(extended[7:10], "little")
    if len(lossless) >= 5 and lossless[0] == 0x2F:
        bits = int.from_bytes(lossless[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if len(lossy) == 10:
        width, height = struct.unpack_from("<HH", lossy, 6)
        return width & 0x3FFF, height & 0x3FFF
    raise source.damaged("no WebP header")


def write(path: Path, image: Image, options: WriteOptions) -> None:
    """Write 8-bit RGB with or without alpha; grey becomes RGB, which is all that WebP has."""
    metadata = image.metadata
    encoded = BytesIO()
    PIL.Image.fromarray(rgb_and_alpha(image)).save(
        encoded,
        "WEBP",
        lossless=options.lossless,
        quality=75 if options.lossless else options.quality,  # for lossless it is the effort, not the quality
        exact=True,  # colours under full transparency are kept
        icc_profile=metadata.icc or b"",
        exif=metadata.exif or b"",
        xmp=metadata.xmp or b"",
    )
    path.write_bytes(encoded.getbuffer())
