"""TIFF of 8, 16 and 32 (float) bits through tifffile; libtiff (in Pillow) and FFmpeg (in PyAV) stand in for codecs it lacks."""

from __future__ import annotations

import logging
import lzma
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image
from PIL.TiffImagePlugin import COMPRESSION_INFO, TiffImageFile

from upframe.errors import InputError, MissingExtra
from upframe.media.image.colour import cmyk_to_rgb, profile_is_linear, to_depth
from upframe.media.image.exif import has_maker_note
from upframe.media.image.formats import tiff_tags
from upframe.media.image.formats.exchange import Source, WriteOptions
from upframe.media.image.formats.ffmpeg import decode_16_bit
from upframe.media.image.image import Image, ImageEncoding, ImageMetadata, Origin, Samples
from upframe.remedies import either, install

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _SEPARATED, _YCBCR = 0, 1, 2, 3, 5, 6
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _SEPARATED: 4, _YCBCR: 3}
_ASSOCIATED, _UNASSOCIATED = 1, 2  # ExtraSamples (TIFF 6.0, section 18): colour multiplied by alpha, and not
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType: a preview, a transparency mask
_ON_DAMAGE = (ValueError, LookupError, RuntimeError, TypeError, ArithmeticError, struct.error, zlib.error, lzma.LZMAError)
"""What tifffile raises on damaged files; its own TiffFileError is a ValueError."""
_CLASSIC_LIMIT = 3_900_000_000  # bytes; offsets in a classic TIFF are 32 bits


def _tifffile() -> Any:
    try:
        import tifffile
    except ImportError as error:
        raise MissingExtra("tifffile", "images", "reading and writing TIFF") from error
    # Its complaints about damaged files would otherwise reach the user beside our error.
    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    return tifffile


def read(source: Source) -> Image:
    """Read a TIFF of one page (previews beside it do not count), or the page that is wanted.

    Raises InputError, or MissingExtra without tifffile.
    """
    tifffile = _tifffile()
    try:
        with tifffile.TiffFile(source.path) as file:
            page = _wanted_page(source, file)
            _check(source, page)
            samples = _samples(source, file, page)
            metadata = tiff_tags.read_metadata(source, page)
            return _image(source, page, samples, metadata)
    except _ON_DAMAGE as error:
        raise source.damaged(error) from error


def count_pages(path: Path) -> int:
    """How many images a TIFF holds, previews aside; 1 for one that is damaged, as reading it says more."""
    try:
        with _tifffile().TiffFile(path) as file:
            return max(len(_images(file)), 1)
    except (*_ON_DAMAGE, OSError):
        return 1


def _images(file: TiffFile) -> list[TiffPage]:
    return [page for page in _pages(file) if not page.subfiletype & (_REDUCED | _MASK)]


def _wanted_page(source: Source, file: TiffFile) -> TiffPage:
    pages = _images(file)
    if not pages:
        raise InputError(
            f"{source.path}: holds a preview and no other image that can be read, as raw files of cameras do (DNG, NEF, ARW), "
            "which are not supported",
            remedy="develop it first",
        )
    if source.page is None:
        source.check_single(len(pages), "split it into one file a page, for instance with tiffsplit")
    return pages[source.page or 0]


def _pages(file: TiffFile) -> Iterator[TiffPage]:
    """Every page in turn. Raises ValueError for a list of pages that leads back into itself, which would have no end."""
    seen: set[int] = set()
    for page in file.pages:
        if page.offset in seen:
            raise ValueError("its list of pages leads back into itself")
        seen.add(page.offset)
        yield page.aspage()


def _check(source: Source, page: TiffPage) -> None:
    """Refuse what is too large, or is no image of samples that Upframe knows."""
    source.check_size(page.imagewidth, page.imagelength)
    if page.imagedepth > 1:
        raise InputError(f"{source.path}: is a volume of {page.imagedepth} slices, not one image")
    if int(page.photometric) not in _COLOURS:
        model = getattr(page.photometric, "name", page.photometric)
        raise InputError(f"{source.path}: colour model {model} is not supported", remedy="convert the file to RGB")
    if page.dtype is None or page.dtype.kind not in "buf" or (page.dtype.kind == "u" and page.dtype.itemsize > 2):
        kind = f"{page.bitspersample}-bit sample format {page.sampleformat}"
        raise InputError(f"{source.path}: {kind} is not supported", remedy="convert the file to 8 or 16 bits, or to float")


def _samples(source: Source, file: TiffFile, page: TiffPage) -> Samples:
    """Samples as stored, (h, w, n)."""
    _cut(source, file, page)
    if int(page.photometric) == _YCBCR:
        return _samples_by_others(source, page)  # as RGB
    try:
        samples = page.asarray()
    except (ValueError, KeyError, ImportError) as error:
        if "imagecodecs" not in str(error) and not isinstance(error, ImportError):
            raise
        return _samples_by_others(source, page)
    if page.samplesperpixel > 1 and int(page.planarconfig) == 2:
        samples = np.moveaxis(samples, 0, -1)
    return samples.reshape(page.imagelength, page.imagewidth, -1)


def _cut(source: Source, file: TiffFile, page: TiffPage) -> None:
    """Report strips or tiles that lie beyond the end of the file, and have them left empty."""
    size = file.filehandle.size
    whole = [start + count <= size for start, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if all(whole):
        return
    across = -(-page.imagewidth // page.tilewidth) if page.is_tiled else 1
    rows = (page.tilelength if page.is_tiled else page.rowsperstrip) * (whole.index(False) // across)
    source.cut_short(min(rows, page.imagelength), page.imagelength)
    counts = zip(page.databytecounts, whole, strict=True)
    page.databytecounts = tuple(count if there else 0 for count, there in counts)


def _samples_by_others(source: Source, page: TiffPage) -> Samples:
    """Samples that tifffile leaves to imagecodecs: LZW, JPEG, fax; and luminance with chroma, as RGB."""
    compression = getattr(page.compression, "name", page.compression)
    unread = InputError(
        f"{source.path}: this kind of TIFF ({page.bitspersample} bits, {compression}) needs the package 'imagecodecs', "
        "which is not installed",
        remedy=install("imagecodecs"),
    )
    if int(page.compression) not in COMPRESSION_INFO:
        raise InputError(
            f"{source.path}: TIFF compressed as {compression} is not supported without the package imagecodecs",
            remedy=either(install("imagecodecs"), "convert the file, for instance to deflate"),
        )
    if page.bitspersample <= 8:
        try:
            with TiffImageFile(source.path) as image:
                image.seek(page.index)
                # As stored: Pillow would divide colour by the alpha it is multiplied by.
                image.tile = [tile._replace(args=_as_stored(tile.args)) for tile in image.tile]
                flat = image.convert("L") if image.mode == "1" else image
                flat.load()
                samples = np.asarray(flat)
        except (OSError, SyntaxError, PIL.Image.DecompressionBombError) as error:
            raise source.damaged(error) from error
        if int(page.photometric) == _WHITE_IS_ZERO:
            samples = 255 - samples  # Pillow has turned it to black-is-zero, which is done for all further down
        return samples.reshape(page.imagelength, page.imagewidth, -1)
    if page.index == 0 and page.dtype == np.uint16 and int(page.photometric) in (_BLACK_IS_ZERO, _RGB):
        try:
            return decode_16_bit("tiff", source.path.read_bytes())
        except ValueError:
            raise unread from None
    raise unread


def _as_stored(arguments: Any) -> Any:
    """The arguments of one of Pillow's decoders, for samples as they are in the file."""
    if isinstance(arguments, tuple) and arguments and arguments[0] in ("RGBa", "La"):
        return (arguments[0].upper(), *arguments[1:])
    return arguments.upper() if arguments in ("RGBa", "La") else arguments


def _image(source: Source, page: TiffPage, samples: Samples, metadata: ImageMetadata) -> Image:
    """An image from samples as stored."""
    model = int(page.photometric)
    origin: Origin = "samples"
    colours = _COLOURS[model]
    extras = samples[..., colours:]
    if model == _PALETTE:
        origin = "palette"
        pixels = _by_palette(page, samples)
        source.note("palette image: read as RGB")
    elif model == _SEPARATED:
        origin = "cmyk"
        inks = np.ascontiguousarray(to_depth(_full_range(page, samples[..., :4]), 8))
        image = PIL.Image.frombytes("CMYK", (page.imagewidth, page.imagelength), inks.tobytes())
        pixels, metadata = cmyk_to_rgb(image, metadata, source.note)
        extras = to_depth(_full_range(page, extras), 8)
    else:
        origin = "bilevel" if page.bitspersample == 1 else "samples"
        samples = _full_range(page, samples)
        pixels, extras = samples[..., :colours], samples[..., colours:]
        if model == _WHITE_IS_ZERO:
            pixels = (1 if pixels.dtype == np.float32 else np.iinfo(pixels.dtype).max) - pixels
    pixels, alpha, associated = _with_alpha(source, page, pixels, extras)
    linear = pixels.dtype == np.float32 and (metadata.icc is None or profile_is_linear(metadata.icc))
    encoding = ImageEncoding(origin=origin)
    return Image(pixels, alpha, linear=linear, associated=associated, format="tiff", metadata=metadata, encoding=encoding)


def _by_palette(page: TiffPage, indices: Samples) -> Samples:
    """Palette indices to RGB; palettes hold 16-bit values, of which some writers fill only the low or the high byte."""
    palette = np.asarray(page.colormap, np.uint16)
    palette = (palette >> 8 if palette.max() > 255 else palette).astype(np.uint8)
    return palette[:, indices[..., 0]].transpose(1, 2, 0)


def _full_range(page: TiffPage, samples: Samples) -> Samples:
    """To uint8, uint16 or float32, with fewer bits (1, 2, 4, 10, 12, 14) stretched to the full range."""
    if samples.dtype.kind == "f":
        return samples.astype(np.float32)
    bits = page.bitspersample
    if samples.dtype == np.bool_:
        return samples.astype(np.uint8) * np.uint8(255)
    if bits in (8, 16) or samples.max(initial=0) >= 2**bits:  # the second: libtiff has stretched them already
        return samples
    full, target = (255, np.uint8) if bits < 8 else (65535, np.uint16)
    stretched: Samples = np.rint(samples * (full / (2**bits - 1))).astype(target)
    return stretched


def _with_alpha(source: Source, page: TiffPage, pixels: Samples, extras: Samples) -> tuple[Samples, Samples | None, bool]:
    """Colour and alpha, from colour and the samples beside it; and whether colour is multiplied by alpha."""
    kinds = [int(kind) for kind in page.extrasamples]
    place = next((index for index, kind in enumerate(kinds) if kind in (_ASSOCIATED, _UNASSOCIATED)), None)
    if place is not None and place >= extras.shape[2]:
        place = None
    left_out = extras.shape[2] - (place is not None)
    if left_out:
        source.note(f"{left_out} further channel{'s' * (left_out > 1)} of unstated meaning left out")
    if place is None:
        return pixels, None, False
    alpha = extras[..., place : place + 1]
    return pixels, alpha.astype(pixels.dtype), kinds[place] == _ASSOCIATED


def write(path: Path, image: Image, options: WriteOptions) -> None:
    """Write 8, 16 or 32 (float) bits, grey or RGB, with or without alpha, deflated; RGB as one plane."""
    samples = image.stacked
    metadata = image.metadata
    if options.page and metadata.exif:
        options.note("the EXIF of pages after the first is left out")
        metadata = replace(metadata, exif=None)
    _tifffile().imwrite(
        path,
        samples[..., 0] if samples.shape[2] == 1 else samples,
        byteorder="<",
        bigtiff=samples.nbytes * options.pages > _CLASSIC_LIMIT,
        append=options.page > 0,
        photometric="rgb" if image.pixels.shape[2] == 3 else "minisblack",
        planarconfig="contig" if samples.shape[2] > 1 else None,
        extrasamples=None if image.alpha is None else ["assocalpha" if image.associated else "unassalpha"],
        compression="zlib",
        predictor=samples.dtype != np.float32,  # the floating-point predictor would need imagecodecs to be read again
        resolution=metadata.dpi,
        resolutionunit="INCH" if metadata.dpi else None,
        iccprofile=metadata.icc,
        software=False,
        metadata=None,
        extratags=tiff_tags.extra_tags(metadata, (image.width, image.height)),
    )
    if has_maker_note(metadata.exif):
        options.note("the maker notes of its EXIF were moved; what in them points to places in the file is lost")
    if metadata.exif:
        tiff_tags.append_directories(path, metadata.exif)
