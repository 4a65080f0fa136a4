"""AVIF, HEIC and JPEG XL, through Pillow and its plug-ins, which are loaded when such a file is met."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from PIL import features

from upframe.errors import InputError, MissingExtra
from upframe.media.image import exif
from upframe.media.image.formats.exchange import Source, WriteOptions, rgb_and_alpha, split_alpha
from upframe.media.image.image import Image, ImageEncoding, ImageFormat, ImageMetadata, Samples

_EXIF_PREFIX = b"Exif\0\0"
_HEADERS = 1 << 16  # bytes in which the boxes that describe an image are
_EXTRA = "stills"


def read_avif(source: Source) -> Image:
    """Read a still AVIF. Raises InputError, or MissingExtra where Pillow is older than 11.3."""
    with _plugin(source, "pillow>=11.3", "AVIF"):
        from PIL.AvifImagePlugin import AvifImageFile
    opened, samples, data = _decoded(source, AvifImageFile, _largest_size)
    depth = _av1_depth(data)
    if depth > 8:
        source.note(f"samples of {depth} bits were read as 8 bits")
    return _image(samples, "avif", opened.info, data)


def read_heic(source: Source) -> Image:
    """Read a still HEIC, of its images the primary one. Raises InputError, or MissingExtra without pillow-heif."""
    with _plugin(source, "pillow-heif", "HEIC"):
        import pillow_heif
    opened, samples, data = _decoded(source, partial(pillow_heif.open_heif, convert_hdr_to_8bit=False), _largest_size)
    left_out = {"further image": len(opened) - 1, "depth map": len(opened.info.get("depth_images", ()))}
    left_out["auxiliary image (a gain map or a matte)"] = len(opened.info.get("aux", ()))
    for what, count in left_out.items():
        if count > 0:
            source.note(f"{count} {what}{'s' * (count > 1 and '(' not in what)} left out")
    info = dict(opened.info)
    if info.get("exif"):  # the decoder has turned the image
        info["exif"] = exif.as_upright(info["exif"].removeprefix(_EXIF_PREFIX))
    return _image(_to_full_range(samples, int(info.get("bit_depth", 8))), "heic", info, data)


def read_jxl(source: Source) -> Image:
    """Read a still JPEG XL. Raises InputError, or MissingExtra without pillow-jxl-plugin."""
    with _plugin(source, "pillow-jxl-plugin", "JPEG XL"):
        from pillow_jxl.JpegXLImagePlugin import JXLImageFile
    opened, samples, data = _decoded(source, JXLImageFile, _jxl_size)
    if samples.dtype not in (np.uint8, np.uint16, np.float32):
        raise InputError(
            f"{source.path}: JPEG XL with samples of {samples.dtype} is not supported", remedy="convert it to PNG or TIFF"
        )
    return _image(samples, "jxl", opened.info, data)


@contextmanager
def _plugin(source: Source, package: str, kind: str) -> Iterator[None]:
    """The import of what reads a kind of file. Raises MissingExtra without it."""
    try:
        yield
    except ImportError as error:
        raise MissingExtra(package, _EXTRA, f"{source.path}: reading {kind}") from error


def _decoded(
    source: Source, open_image: Callable[[BytesIO], Any], size_of: Callable[[Source, bytes], tuple[int, int]]
) -> tuple[Any, Samples, bytes]:
    """An image, its samples, and the bytes of its file. ``size_of`` is asked before anything is decoded. Raises InputError."""
    data = source.path.read_bytes()
    source.check_size(*size_of(source, data))
    try:
        opened = open_image(BytesIO(data))
        samples: Samples = np.asarray(opened)
    except Exception as error:  # decoders raise what they like
        raise source.damaged(error) from error
    return opened, samples, data


def _image(samples: Samples, name: ImageFormat, info: Any, data: bytes) -> Image:
    pixels, alpha = split_alpha(samples)
    block = info.get("exif")
    icc = info.get("icc_profile") or None
    metadata = ImageMetadata(
        icc=icc,
        exif=bytes(block).removeprefix(_EXIF_PREFIX) if block else None,
        xmp=info.get("xmp") or None,
        png_colour=() if icc else _coding_independent_points(data),
    )
    return Image(pixels, alpha, format=name, metadata=metadata, encoding=ImageEncoding(lossless=False))


def _coding_independent_points(data: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """What a ``colr`` box says of the colours, where that is not sRGB, as PNG says it (cICP): code points of ITU-T H.273."""
    place = data.find(b"colrnclx", 0, _HEADERS)
    if place < 0 or len(data) < place + 15:
        return ()
    primaries, transfer = struct.unpack_from(">HH", data, place + 8)
    if primaries in (1, 2) and transfer in (1, 2, 6, 13):
        return ()
    return ((b"cICP", bytes((primaries & 255, transfer & 255, 0, 1))),)


def _largest_size(source: Source, data: bytes) -> tuple[int, int]:
    """The largest width and height among the images of an AVIF or HEIC (their ``ispe`` boxes), tiles among them."""
    sizes, place = [], data.find(b"ispe", 0, _HEADERS)
    while place >= 0 and place + 16 <= len(data):
        sizes.append(struct.unpack_from(">II", data, place + 8))
        place = data.find(b"ispe", place + 4, _HEADERS)
    if not sizes:
        raise source.damaged("no size in its header")
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return width, height


def _av1_depth(data: bytes) -> int:
    """Bits of a sample, from the ``av1C`` box (AV1 in ISOBMFF, 2.3)."""
    place = data.find(b"av1C", 0, _HEADERS)
    flags = data[place + 6] if 0 <= place <= len(data) - 7 else 0
    return (12 if flags & 0x20 else 10) if flags & 0x40 else 8


def _to_full_range(samples: Samples, depth: int) -> Samples:
    """16-bit samples whose white is the largest of ``depth`` bits, moved to the top, as samples whose white is 65535."""
    if samples.dtype != np.uint16 or not 8 < depth < 16:
        return samples
    full: Samples = np.rint((samples >> (16 - depth)) * (65535 / (2**depth - 1))).astype(np.uint16)
    return full


def _jxl_size(source: Source, data: bytes) -> tuple[int, int]:
    """Width and height from the header of the codestream (ISO/IEC 18181-1, SizeHeader)."""
    start = data.find(b"\xff\x0a", 0, _HEADERS) if data[:1] == b"\0" else 0
    if start < 0:
        raise source.damaged("no JPEG XL header")
    bits = int.from_bytes(data[start + 2 : start + 18], "little")

    def take(count: int) -> int:
        nonlocal bits
        value, bits = bits & ((1 << count) - 1), bits >> count
        return value

    def side(small: bool) -> int:
        return 8 * (1 + take(5)) if small else 1 + take((9, 13, 18, 30)[take(2)])

    small = bool(take(1))
    height = side(small)
    ratio = take(3)
    if not ratio:
        return side(small), height
    up, down = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio - 1]
    return height * up // down, height


def write_avif(path: Path, image: Image, options: WriteOptions) -> None:
    """Write 8 bits, 4:4:4; lossy. Raises MissingExtra where Pillow was built without AVIF."""
    if not features.check("avif"):
        raise MissingExtra("pillow>=11.3", _EXTRA, f"{path}: writing AVIF")
    metadata = image.metadata
    encoded = BytesIO()
    PIL.Image.fromarray(rgb_and_alpha(image)).save(
        encoded,
        "AVIF",
        quality=options.quality,
        subsampling="4:4:4",
        icc_profile=metadata.icc or b"",
        exif=metadata.exif or b"",
        xmp=metadata.xmp or b"",
    )
    path.write_bytes(encoded.getbuffer())


def write_heic(path: Path, image: Image, options: WriteOptions) -> None:
    """Write 8 bits, or 12 of 16; lossy, 4:4:4. Raises MissingExtra without pillow-heif."""
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingExtra("pillow-heif", _EXTRA, f"{path}: writing HEIC") from error
    samples, metadata = rgb_and_alpha(image), image.metadata
    mode = ("RGBA" if samples.shape[2] == 4 else "RGB") + (";16" if samples.dtype == np.uint16 else "")
    still = pillow_heif.from_bytes(mode, (image.width, image.height), samples.tobytes())
    encoded = BytesIO()
    still.save(
        encoded,
        quality=options.quality,
        chroma=444,
        icc_profile=metadata.icc,
        exif=metadata.exif,
        xmp=metadata.xmp,
    )
    path.write_bytes(encoded.getbuffer())


def write_jxl(path: Path, image: Image, options: WriteOptions) -> None:
    """Write 8 bits, lossy, or without loss at a quality of 100. Raises MissingExtra without pillow-jxl-plugin."""
    try:
        import pillow_jxl.JpegXLImagePlugin  # noqa: F401  # makes Pillow write it
    except ImportError as error:
        raise MissingExtra("pillow-jxl-plugin", _EXTRA, f"{path}: writing JPEG XL") from error
    metadata = image.metadata
    encoded = BytesIO()
    settings: dict[str, Any] = {"lossless": True} if options.lossless else {"quality": options.quality}
    given = {"icc_profile": metadata.icc, "exif": metadata.exif, "xmp": metadata.xmp}
    settings |= {name: value for name, value in given.items() if value}
    PIL.Image.fromarray(rgb_and_alpha(image)).save(encoded, "JXL", **settings)
    path.write_bytes(encoded.getbuffer())
