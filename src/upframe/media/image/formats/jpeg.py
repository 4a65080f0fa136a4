"""JPEG through Pillow: grey and RGB; CMYK is converted to RGB on reading."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import PIL.Image
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from upframe.errors import InputError
from upframe.media.image.colour import cmyk_to_rgb
from upframe.media.image.formats.exchange import Source, WriteOptions, split_alpha
from upframe.media.image.formats.jpeg_segments import beside_segments, read_beside, segments
from upframe.media.image.image import Image, ImageEncoding, ImageMetadata, Origin, Samples, Subsampling
from upframe.remedies import CONVERT_IMAGE

SIGNATURE = b"\xff\xd8\xff"
_END_OF_IMAGE = b"\xff\xd9"
_EXIF_PREFIX = b"Exif\0\0"
_MOST_IN_SEGMENT = 65_533  # bytes; a segment's length is 16 bits and counts itself
_XMP_PREFIX_SIZE = 29
_IPTC_HEAD_SIZE = 40
_SUBSAMPLING: dict[int, Subsampling] = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}
_OTHER_PROCESSES = {
    **dict.fromkeys((0xC3, 0xCB), "lossless JPEG"),
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical JPEG"),
}
COMMENT = "Comment"
"""The keyword under which a JPEG's comment is kept, PNG's word for it."""


def read(source: Source) -> Image:
    """Read a JPEG. Raises InputError."""
    data = source.path.read_bytes()
    _check_process(source, data)
    image = _open(source, data)
    source.check_size(*image.size)
    if "mp" in image.info:
        source.note("further images in the file (a gain map, a preview or a second view) are left out")
    try:
        image.load()
    except OSError:
        image = _load_cut(source, data)
    subsampling = _SUBSAMPLING.get(get_sampling(image), "4:4:4")
    metadata = _metadata(source, image, data)
    origin: Origin = "samples"
    samples = np.asarray(image)
    if image.mode == "CMYK":
        origin = "cmyk"
        samples, metadata = cmyk_to_rgb(image, metadata, source.note)
    pixels, alpha = split_alpha(samples)
    encoding = ImageEncoding(lossless=False, subsampling=subsampling, origin=origin)
    return Image(pixels, alpha, format="jpeg", metadata=metadata, encoding=encoding)


def _check_process(source: Source, data: bytes) -> None:
    """Refuse ways of coding that Pillow does not decode, by their names (ITU-T T.81, table B.1)."""
    for marker, payload in segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            kind = _OTHER_PROCESSES.get(marker, "12-bit JPEG" if payload[:1] == b"\x0c" else "")
        else:
            kind = "JPEG-LS" if marker == 0xF7 else ""
        if kind:
            raise InputError(f"{source.path}: {kind} is not supported", remedy=CONVERT_IMAGE)


def _open(source: Source, data: bytes) -> JpegImageFile:
    # The plug-in itself, not PIL.Image.open: that has a pixel limit of its own, which is global to the program.
    try:
        return JpegImageFile(BytesIO(data))
    except (OSError, SyntaxError, ValueError, IndexError) as error:
        raise source.damaged(error) from error


def _load_cut(source: Source, data: bytes) -> JpegImageFile:
    """What can be decoded of a file that ends early; an end marker lets the decoder fill the rest with flat colour."""
    image = _open(source, data + _END_OF_IMAGE)
    try:
        image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise source.damaged(error) from error
    samples = np.asarray(image)
    source.cut_short(image.height - _flat_rows_at_the_end(samples), image.height)
    return image


def _flat_rows_at_the_end(samples: Samples) -> int:
    """Rows below the last one that has any detail: those the decoder made up."""
    detailed = (samples != samples[:, :1]).reshape(len(samples), -1).any(axis=1)
    return len(samples) - int(np.flatnonzero(detailed)[-1]) - 1 if detailed.any() else len(samples)


def _metadata(source: Source, image: JpegImageFile, data: bytes) -> ImageMetadata:
    info = image.info
    beside = read_beside(data)
    if beside.left_out:
        source.note(f"left out: {', '.join(beside.left_out)}")
    dpi = info.get("dpi")
    return ImageMetadata(
        icc=info.get("icc_profile"),
        exif=info["exif"].removeprefix(_EXIF_PREFIX) if "exif" in info else None,
        xmp=info.get("xmp"),
        text={COMMENT: "\n".join(beside.comments)} if any(beside.comments) else {},
        dpi=(float(dpi[0]), float(dpi[1])) if dpi else None,
        iptc=beside.iptc,
        xmp_extension=beside.xmp_extension,
        comments=beside.comments if len(beside.comments) > 1 else (),
    )


def write(path: Path, image: Image, options: WriteOptions) -> None:
    """Write 8-bit grey or RGB at ``options.quality``."""
    metadata = image.metadata
    blocks = {
        "exif": _EXIF_PREFIX + metadata.exif if metadata.exif else b"",
        "xmp": metadata.xmp or b"",
        "comment": b"" if len(metadata.comments) > 1 else metadata.text.get(COMMENT, "").encode(),
    }
    for name, most in (("exif", 0), ("xmp", _XMP_PREFIX_SIZE), ("comment", 0)):
        if len(blocks[name]) > _MOST_IN_SEGMENT - most:
            options.note(f"JPEG holds at most 64 KiB of {name}; the {len(blocks[name]):,} bytes were left out")
            blocks[name] = b""
    if len(metadata.iptc or b"") > _MOST_IN_SEGMENT - _IPTC_HEAD_SIZE:
        options.note("JPEG holds at most 64 KiB of IPTC; it was left out")
    samples = image.pixels[..., 0] if image.pixels.shape[2] == 1 else image.pixels
    encoded = BytesIO()
    PIL.Image.fromarray(samples).save(
        encoded,
        "JPEG",
        quality=options.quality,
        subsampling=options.subsampling,
        icc_profile=metadata.icc or b"",
        dpi=tuple(round(value) for value in metadata.dpi) if metadata.dpi else (0, 0),
        extra=beside_segments(metadata),
        **blocks,
    )
    path.write_bytes(encoded.getbuffer())
