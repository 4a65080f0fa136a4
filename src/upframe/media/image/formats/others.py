"""Targa, JPEG 2000, Photoshop and QOI, through Pillow."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from PIL.ImageFile import ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.PsdImagePlugin import PsdImageFile
from PIL.QoiImagePlugin import QoiImageFile
from PIL.TgaImagePlugin import TgaImageFile

from upframe.media.image.formats.by_pillow import opened_by_pillow, samples_of
from upframe.media.image.formats.exchange import Source, WriteOptions
from upframe.media.image.image import Image, ImageEncoding, ImageFormat, ImageMetadata

_RATIO = 10
"""How many times smaller a JPEG 2000 of quality 95 is than its samples; 100 loses nothing."""


def read_tga(source: Source) -> Image:
    """Read a Targa. Raises InputError."""
    return _read(source, TgaImageFile, "tga")


def read_jp2(source: Source) -> Image:
    """Read a JPEG 2000, file or bare codestream; colours of more than 8 bits are read as 8. Raises InputError."""
    return _read(source, Jpeg2KImageFile, "jp2")


def read_psd(source: Source) -> Image:
    """Read the flattened image that Photoshop keeps beside the layers. Raises InputError."""
    return _read(source, PsdImageFile, "psd")


def read_qoi(source: Source) -> Image:
    """Read a QOI. Raises InputError."""
    return _read(source, QoiImageFile, "qoi")


def _read(source: Source, plugin: type[ImageFile], name: ImageFormat) -> Image:
    opened = opened_by_pillow(source, plugin)
    layers = getattr(opened, "n_frames", 1)
    if layers > 1:
        source.note(f"{layers} layers are not kept: the image is what they show together")
    pixels, alpha, origin = samples_of(source, opened)
    icc = None if origin == "cmyk" else opened.info.get("icc_profile") or None
    return Image(pixels, alpha, format=name, metadata=ImageMetadata(icc=icc), encoding=ImageEncoding(origin=origin))


def write_tga(path: Path, image: Image, options: WriteOptions) -> None:
    """Write 8-bit grey, RGB or RGBA, run-length coded."""
    _write(path, _pillow(image), "TGA", compression="tga_rle")


def write_jp2(path: Path, image: Image, options: WriteOptions) -> None:
    """Write 8-bit samples: without loss, or smaller by so many times as ``quality`` says."""
    how: dict[str, Any] = {"irreversible": False}
    if not options.lossless:
        ratio = _RATIO * (100 - options.quality) / 5
        how = {"irreversible": True, "quality_mode": "rates", "quality_layers": [max(ratio, 1)]}
    _write(path, _pillow(image), "JPEG2000", **how)


def _pillow(image: Image) -> PIL.Image.Image:
    samples = image.pixels if image.alpha is None else np.concatenate([image.pixels, image.alpha], axis=2)
    return PIL.Image.fromarray(np.ascontiguousarray(samples[..., 0] if samples.shape[2] == 1 else samples))


def _write(path: Path, image: PIL.Image.Image, kind: str, **settings: Any) -> None:
    encoded = BytesIO()  # Pillow, writing to a file, does not notice a full disk
    if kind == "TGA" and image.mode == "LA":
        image = image.convert("RGBA")
    image.save(encoded, kind, **settings)
    path.write_bytes(encoded.getbuffer())
