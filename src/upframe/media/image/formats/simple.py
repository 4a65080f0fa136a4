"""Formats of one page of specification: BMP and still GIF through Pillow, binary PGM and PPM by hand (8 and 16 bit)."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import numpy as np
import PIL.Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile

from upframe.errors import InputError
from upframe.media.image.formats.by_pillow import opened_by_pillow, samples_of
from upframe.media.image.formats.exchange import Source, WriteOptions
from upframe.media.image.image import Image, ImageEncoding, ImageFormat, ImageMetadata
from upframe.remedies import CONVERT_IMAGE

_NETPBM_HEADER = re.compile(rb"P([56])" + rb"(?:\s+(?:#[^\n]*\n\s*)*)(\d+)" * 3 + rb"\s")


def read_bmp(source: Source) -> Image:
    """Read a BMP. Raises InputError."""
    return _read(source, BmpImageFile, "bmp")


def read_gif(source: Source) -> Image:
    """Read a still GIF; an animated one is refused. Raises InputError."""
    return _read(source, GifImageFile, "gif")


def _read(source: Source, plugin: type[ImageFile], name: ImageFormat) -> Image:
    opened = opened_by_pillow(source, plugin, several="give the animation as a video")
    dpi = opened.info.get("dpi")
    comment = opened.info.get("comment")
    metadata = ImageMetadata(
        dpi=(float(dpi[0]), float(dpi[1])) if dpi else None,
        text={"Comment": comment.decode("utf-8", "replace")} if comment else {},
    )
    pixels, alpha, origin = samples_of(source, opened)
    return Image(pixels, alpha, format=name, metadata=metadata, encoding=ImageEncoding(origin=origin))


def write_bmp(path: Path, image: Image, options: WriteOptions) -> None:
    """Write 8-bit grey or RGB."""
    samples = image.pixels[..., 0] if image.pixels.shape[2] == 1 else image.pixels
    dpi = image.metadata.dpi or (96, 96)
    encoded = BytesIO()  # Pillow, writing to a file, does not notice a full disk
    PIL.Image.fromarray(samples).save(encoded, "BMP", dpi=dpi)
    path.write_bytes(encoded.getbuffer())


def read_netpbm(source: Source) -> Image:
    """Read a binary PGM or PPM; samples are stretched to the full 8 or 16 bits. Raises InputError."""
    data = source.path.read_bytes()
    header = _NETPBM_HEADER.match(data[:65536])
    if header is None:
        raise InputError(f"{source.path}: of its kind, only binary PGM (P5) and PPM (P6) are read", remedy=CONVERT_IMAGE)
    width, height, largest = (int(number) for number in header.groups()[1:])
    source.check_size(width, height)
    if not 1 <= largest <= 65535:
        raise source.damaged(f"largest sample {largest}")
    channels = 1 if header[1] == b"5" else 3
    kind = np.dtype(np.uint8 if largest < 256 else ">u2")
    line = width * channels * kind.itemsize
    body = data[header.end() : header.end() + line * height]
    rows = len(body) // line
    if rows < height:
        source.cut_short(rows, height)
    stored = np.frombuffer(body[: rows * line].ljust(line * height, b"\0"), kind).reshape(height, width, channels)
    full = 255 if kind.itemsize == 1 else 65535
    samples = stored.astype(kind.newbyteorder("="))
    if largest != full:
        samples = np.rint(np.minimum(samples.astype(np.float32) / largest, 1) * full).astype(samples.dtype)
    return Image(samples, format="ppm")


def write_netpbm(path: Path, image: Image, options: WriteOptions) -> None:
    """Write 8- or 16-bit grey as PGM, RGB as PPM, both binary."""
    magic, largest = ("P5" if image.pixels.shape[2] == 1 else "P6"), np.iinfo(image.pixels.dtype).max
    with path.open("wb") as file:
        file.write(f"{magic}\n{image.width} {image.height}\n{largest}\n".encode())
        file.write(np.ascontiguousarray(image.pixels.astype(image.pixels.dtype.newbyteorder(">"))).data)
