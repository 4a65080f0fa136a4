"""An image in memory: its samples, its transparency, and all that its file said about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from upframe.errors import OutputError, ShapeError

ImageFormat = Literal[
    "png", "jpeg", "webp", "tiff", "exr", "bmp", "ppm", "gif", "avif", "heic", "jxl", "tga", "jp2", "psd", "qoi", "hdr", "pfm"
]
Subsampling = Literal["4:4:4", "4:2:2", "4:2:0"]
Depth = Literal[8, 16, 32]
Origin = Literal["samples", "bilevel", "palette", "cmyk"]
Samples = NDArray[Any]
"""An array of uint8, uint16 or float32 samples."""

FORMAT_OF_SUFFIX: Mapping[str, ImageFormat] = {
    ".png": "png",
    ".apng": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".jpe": "jpeg",
    ".jfif": "jpeg",
    ".webp": "webp",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".exr": "exr",
    ".bmp": "bmp",
    ".ppm": "ppm",
    ".pgm": "ppm",
    ".pnm": "ppm",
    ".avif": "avif",
    ".heic": "heic",
    ".heif": "heic",
    ".jxl": "jxl",
    ".tga": "tga",
    ".jp2": "jp2",
    ".hdr": "hdr",
    ".pfm": "pfm",
}
"""What a file is written as, by its suffix in lower case. (A still GIF can be read, not written: it holds 256 colours.)"""

IMAGE_SUFFIXES = frozenset(FORMAT_OF_SUFFIX)
"""Suffixes, in lower case and with the dot, of images that are read and written."""

READ_ONLY_SUFFIXES = frozenset({".hif", ".j2k", ".jpf", ".jpx", ".psd", ".qoi"})
"""Suffixes of images that are read alone; their results become PNG."""


def format_for(path: Path) -> ImageFormat:
    """The format an image is written in under this name. Raises OutputError for a suffix that names none."""
    try:
        return FORMAT_OF_SUFFIX[path.suffix.lower()]
    except KeyError:
        known = " ".join(sorted(IMAGE_SUFFIXES))
        raise OutputError(
            f"{path}: images are not written as {path.suffix or 'a name without a suffix'}", remedy=f"use one of {known}"
        ) from None


@dataclass(frozen=True, slots=True)
class Georeference:
    """Where on Earth an image is: TIFF tags with their type and little-endian bytes, and the size they are true for."""

    tags: Mapping[int, tuple[int, bytes]]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """What a file says beside its samples. A format keeps what it has a place for; the writer notes the rest."""

    icc: bytes | None = None
    """The ICC colour profile."""
    exif: bytes | None = None
    """The EXIF block: a TIFF structure, without the ``Exif\\0\\0`` that JPEG puts before it."""
    xmp: bytes | None = None
    text: Mapping[str, str] = field(default_factory=dict)
    """PNG text, the JPEG comment, TIFF descriptions and OpenEXR strings, by keyword."""
    dpi: tuple[float, float] | None = None
    """Resolution in pixels per inch, x then y."""
    pixel_aspect: Fraction | None = None
    """Width over height of a pixel, where that alone is known and no resolution."""
    png_colour: tuple[tuple[bytes, bytes], ...] = ()
    """PNG's own statements on colour (cICP, mDCV, cLLI, sRGB, gAMA, cHRM): chunk type and content."""
    exr_header: Mapping[str, Any] = field(default_factory=dict)
    """OpenEXR header attributes other than strings and those that follow from the samples."""
    iptc: bytes | None = None
    """IPTC-IIM records: title, keywords, credit."""
    xmp_extension: bytes | None = None
    """What of the XMP of a JPEG is outside its main packet."""
    comments: tuple[str, ...] = ()
    """The comments of a JPEG one by one, where it has several; ``text`` has them as one."""
    geo: Georeference | None = None


@dataclass(frozen=True, slots=True)
class ImageEncoding:
    """How the file stored its samples, so that the output can store its own likewise."""

    half: bool = False
    """OpenEXR: 16-bit floats (held here as float32)."""
    lossless: bool = True
    subsampling: Subsampling = "4:4:4"
    """JPEG chroma."""
    exr_compression: str | None = None
    """The name of an ``OpenEXR.Compression``."""
    origin: Origin = "samples"
    """What the samples were made from: stored as they are here, or one bit, palette indices or inks."""


@dataclass(frozen=True, slots=True)
class Image:
    """An upright image.

    pixels: (h, w, 1) grey or (h, w, 3) RGB, uint8, uint16 or float32.
    alpha: (h, w, 1) of the same type, None where the file has none. It is cover, and colour is *not* multiplied by it; with
    ``associated`` colour is light, multiplied by it, as OpenEXR and associated TIFF have it: then there may be light where it
    is 0, and it may be above 1.
    linear: True for scene-linear light, which may be negative or exceed 1 (OpenEXR, float TIFF); False for display-referred
    samples, where the largest integer, or 1.0, is white.
    format: what the file was, by its content. Raises ShapeError when the arrays do not fit this description.
    """

    pixels: Samples
    alpha: Samples | None = None
    linear: bool = False
    associated: bool = False
    format: ImageFormat = "png"
    metadata: ImageMetadata = field(default_factory=ImageMetadata)
    encoding: ImageEncoding = field(default_factory=ImageEncoding)

    def __post_init__(self) -> None:
        pixels, alpha = self.pixels, self.alpha
        if pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or 0 in pixels.shape:
            raise ShapeError(f"an image's pixels are (h, w, 1) or (h, w, 3), not {pixels.shape}")
        if pixels.dtype not in (np.uint8, np.uint16, np.float32):
            raise ShapeError(f"an image's pixels are uint8, uint16 or float32, not {pixels.dtype}")
        if alpha is not None and (alpha.shape != (*pixels.shape[:2], 1) or alpha.dtype != pixels.dtype):
            raise ShapeError(
                f"an image's alpha is (h, w, 1) like its pixels {pixels.shape} {pixels.dtype}, not {alpha.shape} {alpha.dtype}"
            )

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def stacked(self) -> Samples:
        """Colour and alpha in one array: (h, w, 1), (h, w, 2), (h, w, 3) or (h, w, 4)."""
        return self.pixels if self.alpha is None else np.concatenate([self.pixels, self.alpha], axis=2)
