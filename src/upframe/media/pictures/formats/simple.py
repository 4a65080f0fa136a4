"""Formats of one page of specification: BMP and still GIF through Pillow, binary PGM and PPM by hand (8 and 16 bit)."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile

from upframe.errors import InputError
from upframe.media.pictures.formats.exchange import Source, WriteOptions, split_alpha
from upframe.media.pictures.picture import Origin, Picture, PictureEncoding, PictureMetadata

_NETPBM_HEADER = re.compile(rb"P([56])" + rb"(?:\s+(?:#[^\n]*\n\s*)*)(\d+)" * 3 + rb"\s")


def read_bmp(source: Source) -> Picture:
    """Read a BMP. Raises InputError."""
    return _read_with_pillow(source, BmpImageFile)


def read_gif(source: Source) -> Picture:
    """Read a still GIF; an animated one is refused. Raises InputError."""
    return _read_with_pillow(source, GifImageFile)


def _read_with_pillow(source: Source, plugin: type[BmpImageFile] | type[GifImageFile]) -> Picture:
    try:
        with source.path.open("rb") as file:
            picture = plugin(file)
            source.check_size(*picture.size)
            source.check_single(getattr(picture, "n_frames", 1), "give the animation as a film")
            picture.load()
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise source.damaged(error) from error
    dpi = picture.info.get("dpi")
    comment = picture.info.get("comment")
    metadata = PictureMetadata(
        dpi=(float(dpi[0]), float(dpi[1])) if dpi else None,
        text={"Comment": comment.decode("utf-8", "replace")} if comment else {},
    )
    origins: dict[str, Origin] = {"1": "bilevel", "P": "palette"}
    origin = origins.get(picture.mode, "samples")
    mode = {"1": "L", "P": "RGBA" if "transparency" in picture.info else "RGB"}.get(picture.mode, picture.mode)
    pixels, alpha = split_alpha(np.asarray(picture.convert(mode)))
    if origin == "palette":
        source.note(f"{source.path}: palette picture: read as {'RGB with alpha' if alpha is not None else 'RGB'}")
    return Picture(
        pixels,
        alpha,
        format="bmp" if plugin is BmpImageFile else "gif",
        metadata=metadata,
        encoding=PictureEncoding(origin=origin),
    )


def write_bmp(path: Path, picture: Picture, options: WriteOptions) -> None:
    """Write 8-bit grey or RGB."""
    samples = picture.pixels[..., 0] if picture.pixels.shape[2] == 1 else picture.pixels
    dpi = picture.metadata.dpi or (96, 96)
    encoded = BytesIO()  # Pillow, writing to a file, does not notice a full disk
    Image.fromarray(samples).save(encoded, "BMP", dpi=dpi)
    path.write_bytes(encoded.getbuffer())


def read_netpbm(source: Source) -> Picture:
    """Read a binary PGM or PPM; samples are stretched to the full 8 or 16 bits. Raises InputError."""
    data = source.path.read_bytes()
    header = _NETPBM_HEADER.match(data[:65536])
    if header is None:
        raise InputError(f"{source.path}: only binary PGM (P5) and PPM (P6) are read")
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
    return Picture(samples, format="ppm")


def write_netpbm(path: Path, picture: Picture, options: WriteOptions) -> None:
    """Write 8- or 16-bit grey as PGM, RGB as PPM, both binary."""
    magic, largest = ("P5" if picture.pixels.shape[2] == 1 else "P6"), np.iinfo(picture.pixels.dtype).max
    with path.open("wb") as file:
        file.write(f"{magic}\n{picture.width} {picture.height}\n{largest}\n".encode())
        file.write(np.ascontiguousarray(picture.pixels.astype(picture.pixels.dtype.newbyteorder(">"))).data)
