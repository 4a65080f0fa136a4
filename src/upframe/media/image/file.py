"""Reading and writing image files: by content in, by suffix out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np

from upframe.errors import InputError, OutputError, UpframeError
from upframe.media.atomic import atomic_output
from upframe.media.image import exif
from upframe.media.image.contents import format_of_content, unread_format
from upframe.media.image.fitting import fit
from upframe.media.image.formats.exchange import Source, WriteOptions
from upframe.media.image.image import FORMAT_OF_SUFFIX, Depth, Image, ImageFormat, Samples, Subsampling, format_for
from upframe.regular import refuse_irregular
from upframe.remedies import CONVERT_IMAGE, LESS_MEMORY

MAX_PIXELS = 300_000_000
"""The default limit: above every camera (about 200 megapixels), 0.9 GB as 8-bit RGB and 3.6 GB upscaled x2."""

DEFAULT_QUALITY = 95
"""JPEG and lossy WebP: little is lost, at about a third of the size of quality 100."""

_READERS: Mapping[ImageFormat, tuple[str, str]] = {
    "png": ("png", "read"),
    "jpeg": ("jpeg", "read"),
    "webp": ("webp", "read"),
    "tiff": ("tiff", "read"),
    "exr": ("exr", "read"),
    "bmp": ("simple", "read_bmp"),
    "gif": ("simple", "read_gif"),
    "ppm": ("simple", "read_netpbm"),
    "avif": ("modern", "read_avif"),
    "heic": ("modern", "read_heic"),
    "jxl": ("modern", "read_jxl"),
    "tga": ("others", "read_tga"),
    "jp2": ("others", "read_jp2"),
    "psd": ("others", "read_psd"),
    "qoi": ("others", "read_qoi"),
    "hdr": ("light", "read_hdr"),
    "pfm": ("light", "read_pfm"),
}
_WRITERS: Mapping[ImageFormat, tuple[str, str]] = {
    "png": ("png", "write"),
    "jpeg": ("jpeg", "write"),
    "webp": ("webp", "write"),
    "tiff": ("tiff", "write"),
    "exr": ("exr", "write"),
    "bmp": ("simple", "write_bmp"),
    "ppm": ("simple", "write_netpbm"),
    "avif": ("modern", "write_avif"),
    "heic": ("modern", "write_heic"),
    "jxl": ("modern", "write_jxl"),
    "tga": ("others", "write_tga"),
    "jp2": ("others", "write_jp2"),
    "hdr": ("light", "write_hdr"),
    "pfm": ("light", "write_pfm"),
}


def read_image(
    path: Path | str,
    *,
    max_pixels: int = MAX_PIXELS,
    allow_truncated: bool = False,
    layer: str | None = None,
    page: int | None = None,
    on_note: Callable[[str], None] | None = None,
) -> Image:
    """Read an image of any supported format, upright.

    The format is known by the content; a suffix that says otherwise is noted. ``max_pixels`` is checked on the header, before
    memory is asked for. ``allow_truncated`` keeps the readable part of a PNG, JPEG, TIFF, PGM or PPM that ends early.
    ``layer`` chooses a layer, part or channel of an OpenEXR file by its name, in place of the one that is the image; ``page``
    a page of a TIFF, from 0.
    ``on_note`` receives whatever is left out or converted, one line each, without the file's name. Raises InputError for a file
    that is missing, empty, damaged, too large, no image, or of several images; MissingExtra without the package it needs.
    """
    path = Path(path)
    note = on_note or (lambda _: None)
    name = _checked_format(path, note)
    module, function = _READERS[name]
    read = getattr(import_module(f"upframe.media.image.formats.{module}"), function)
    source = Source(path, max_pixels, allow_truncated, note, layer, page)
    if layer is not None and name != "exr":
        note(f"has no layers, so {layer!r} is not used: only OpenEXR files have them")
    try:
        image: Image = read(source)
        return _ready(_upright(image))
    except UpframeError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except MemoryError as error:
        raise InputError(f"{path}: there is not enough memory to read it", remedy=LESS_MEMORY) from error
    except Exception as error:  # decoders of others stumble over damaged bytes in any way there is
        raise source.damaged(error) from error


def page_count(path: Path) -> int:
    """How many images a file holds: more than one for a TIFF of several pages. Raises MissingExtra without tifffile."""
    with suppress(OSError):
        if format_of_content(path) == "tiff":
            from upframe.media.image.formats import tiff

            return tiff.count_pages(path)
    return 1


def _checked_format(path: Path, note: Callable[[str], None]) -> ImageFormat:
    """The format of a file's content. Raises InputError with the reason why it is no image."""
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder, not an image")
        refuse_irregular(path)
        if path.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty (0 bytes)")
        name = format_of_content(path)
        if name is None:
            if unread := unread_format(path):
                raise InputError(f"{path}: {unread} is an image format that is not supported", remedy=CONVERT_IMAGE)
            with path.open("rb") as file:
                start = file.read(512)
            what = "holds text" if _is_text(start) else "its content is in no image format that Upframe reads"
            raise InputError(f"{path}: not an image: {what}")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    claimed = FORMAT_OF_SUFFIX.get(path.suffix.lower())
    if claimed is not None and claimed != name:
        note(f"named {path.suffix}, but its content is {name.upper()}")
    return name


def _is_text(start: bytes) -> bool:
    return b"\0" not in start and all(byte >= 32 or byte in b"\t\n\f\r\x1b" for byte in start)


def _ready(image: Image) -> Image:
    """With arrays of their own, in plain order, that may be written to."""
    alpha = None if image.alpha is None else np.require(image.alpha, requirements=["C_CONTIGUOUS", "WRITEABLE"])
    return replace(image, pixels=np.require(image.pixels, requirements=["C_CONTIGUOUS", "WRITEABLE"]), alpha=alpha)


def _upright(image: Image) -> Image:
    """Turn the pixels as the EXIF orientation asks, and reset it."""
    orientation = exif.orientation(image.metadata.exif)
    if orientation == 1:
        return image
    metadata = image.metadata
    assert metadata.exif is not None
    turned = replace(
        metadata,
        exif=exif.as_upright(metadata.exif),
        xmp=exif.xmp_as_upright(metadata.xmp) if metadata.xmp else metadata.xmp,
        dpi=(metadata.dpi[1], metadata.dpi[0]) if metadata.dpi and orientation >= 5 else metadata.dpi,
    )
    alpha = None if image.alpha is None else _turned(image.alpha, orientation)
    return replace(image, pixels=_turned(image.pixels, orientation), alpha=alpha, metadata=turned)


def _turned(samples: Samples, orientation: int) -> Samples:
    """(h, w, c) as stored -> upright; EXIF 2.32, tag 274: from 5 on, stored rows are columns."""
    if orientation >= 5:
        samples = samples.swapaxes(0, 1)
    # After that: which of the axes are still reversed.
    rows_reversed = orientation in (3, 4, 7, 8)
    columns_reversed = orientation in (2, 3, 6, 7)
    return np.ascontiguousarray(samples[:: -1 if rows_reversed else 1, :: -1 if columns_reversed else 1])


def write_image(
    path: Path | str,
    image: Image,
    *,
    quality: int | None = None,
    lossless: bool | None = None,
    depth: Depth | None = None,
    subsampling: Subsampling | None = None,
    overwrite: bool = False,
    on_note: Callable[[str], None] | None = None,
) -> None:
    """Write an image in the format of the path's suffix, whole or not at all.

    What is not said is as in ``image``: its depth, its JPEG subsampling, lossless or lossy WebP. ``quality`` is 1 to 100
    for JPEG and lossy WebP. ``depth`` is in bits a sample; 16 in OpenEXR is half, 32 is float. What the format cannot hold
    is converted and reported to ``on_note``, one line each, without the file's name. Raises OutputError when the file exists
    (unless ``overwrite``), its suffix names no format, the image is too large for the format, or the disk refuses.
    """
    path = Path(path)
    format_for(path)
    if quality is not None and not 1 <= quality <= 100:
        raise OutputError(f"{path}: a quality is from 1 to 100, not {quality}")
    note = on_note or (lambda _: None)
    with atomic_output(path, overwrite=overwrite) as temporary:
        options = WriteOptions(
            quality=quality or DEFAULT_QUALITY,
            lossless=image.encoding.lossless if lossless is None else lossless,
            subsampling=subsampling or image.encoding.subsampling,
            note=note,
        )
        _write(path, temporary, image, depth, options)


@contextmanager
def write_pages(
    path: Path,
    count: int,
    *,
    depth: Depth | None = None,
    overwrite: bool = False,
    on_note: Callable[[str], None] | None = None,
) -> Iterator[Callable[[Image], None]]:
    """A TIFF of so many pages, each written when it is given to what this yields; whole at the end, or not at all.

    Raises OutputError as ``write_image`` does.
    """
    numbers = itertools.count()
    with atomic_output(path, overwrite=overwrite) as temporary:

        def put(image: Image) -> None:
            chosen = image.encoding
            note = on_note or (lambda _: None)
            options = WriteOptions(DEFAULT_QUALITY, chosen.lossless, chosen.subsampling, note, count, next(numbers))
            _write(path, temporary, image, depth, options)

        yield put


def _write(path: Path, temporary: Path, image: Image, depth: Depth | None, options: WriteOptions) -> None:
    """Write an image into the temporary file of a path, fitted to what the path's format holds."""
    target = format_for(path)
    module, function = _WRITERS[target]
    write = getattr(import_module(f"upframe.media.image.formats.{module}"), function)
    try:
        fitted = fit(image, target, depth, options.note)
    except OutputError as error:
        raise error.at(path) from error
    write(temporary, fitted, options)
