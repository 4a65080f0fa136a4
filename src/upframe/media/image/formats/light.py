"""Images of light, floating point: Radiance HDR (RGBE) and PFM.

Radiance: four bytes a pixel, three mantissas and their common exponent; scan lines run-length coded by component (G. Ward,
"Real Pixels", Graphics Gems II, 1991; the file format page of the Radiance manual). PFM (P. Debevec): a header of three lines,
then floats from the bottom row to the top.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from upframe.errors import InputError
from upframe.media.image.formats.exchange import Source, WriteOptions
from upframe.media.image.image import Image
from upframe.remedies import CONVERT_IMAGE

Bytes = NDArray[np.uint8]
_SIZE = re.compile(rb"\n\n([-+])Y (\d+) \+X (\d+)\n")
_PFM_HEADER = re.compile(rb"P([Ff])\s+(\d+)\s+(\d+)\s+([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s")
_LONGEST_HEADER = 1 << 16
_RUN_LENGTHS = range(8, 1 << 15)  # widths of scan lines that are coded by component


def read_hdr(source: Source) -> Image:
    """Read a Radiance image in RGB. Raises InputError."""
    data = source.path.read_bytes()
    size = _SIZE.search(data[:_LONGEST_HEADER])
    if size is None:
        raise InputError(f"{source.path}: Radiance images are read upright alone (-Y, +X)", remedy=CONVERT_IMAGE)
    header = data[: size.start()]
    if b"FORMAT=32-bit_rle_xyze" in header:
        raise InputError(f"{source.path}: a Radiance image in XYZ is not supported", remedy=CONVERT_IMAGE)
    height, width = int(size[2]), int(size[3])
    source.check_size(width, height)
    rgbe = np.zeros((height, width, 4), np.uint8)
    coded, place = np.frombuffer(data, np.uint8), size.end()
    for row in range(height):
        place = _read_line(coded, place, rgbe[row])
        if place < 0:
            source.cut_short(row, height)
            break
    light = np.ldexp(rgbe[..., :3].astype(np.float32) + np.float32(0.5), rgbe[..., 3:].astype(np.int32) - 136)
    light = np.where(rgbe[..., 3:] == 0, np.float32(0), light)
    exposure = np.prod([float(value) for value in re.findall(rb"EXPOSURE=\s*([\d.eE+-]+)", header)])
    light = light / np.float32(exposure) if exposure > 0 else light
    return Image(light[::-1] if size[1] == b"+" else light, linear=True, format="hdr")


def _read_line(coded: Bytes, place: int, line: Bytes) -> int:
    """Decode a scan line (w, 4) that begins at ``place``; where the next one begins, -1 where the file ends first."""
    width = len(line)
    head = coded[place : place + 4]
    if len(head) < 4:
        return -1
    if width not in _RUN_LENGTHS or head.tobytes() != struct.pack(">BBH", 2, 2, width):
        flat = coded[place : place + 4 * width]
        if len(flat) < 4 * width:
            return -1
        line[:] = flat.reshape(width, 4)
        return place + 4 * width
    place += 4
    for component in range(4):
        done = 0
        while done < width:
            if place + 1 >= len(coded):
                return -1
            count = int(coded[place])
            repeated = count > 128
            count = count - 128 if repeated else count
            values = coded[place + 1 : place + 2] if repeated else coded[place + 1 : place + 1 + count]
            if count == 0 or done + count > width or len(values) < (1 if repeated else count):
                return -1
            line[done : done + count, component] = values
            done += count
            place += 2 if repeated else 1 + count
    return place


def write_hdr(path: Path, image: Image, options: WriteOptions) -> None:
    """Write light as RGBE, not run-length coded; below 0 there is none."""
    light = np.broadcast_to(image.pixels, (image.height, image.width, 3)).clip(0, None)
    _, exponent = np.frexp(light.max(axis=2, keepdims=True))
    mantissas = np.floor(np.ldexp(light, 8 - exponent)).clip(0, 255)
    bright = light.max(axis=2, keepdims=True) > 1e-32
    rgbe = np.concatenate([mantissas, exponent + 128], axis=2).clip(0, 255) * bright
    header = f"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y {image.height} +X {image.width}\n".encode()
    path.write_bytes(header + np.ascontiguousarray(rgbe.astype(np.uint8)).tobytes())


def read_pfm(source: Source) -> Image:
    """Read a PFM, grey or RGB; the scale of its header multiplies the samples. Raises InputError."""
    data = source.path.read_bytes()
    header = _PFM_HEADER.match(data[:_LONGEST_HEADER])
    if header is None:
        raise source.damaged("no PFM header")
    channels, width, height, scale = 3 if header[1] == b"F" else 1, int(header[2]), int(header[3]), float(header[4])
    source.check_size(width, height)
    row = 4 * channels * width
    rows = min((len(data) - header.end()) // row, height)
    if rows < height:
        source.cut_short(rows, height)
    stored = np.frombuffer(data, "<f4" if scale < 0 else ">f4", rows * channels * width, header.end())
    pixels = np.zeros((height, width, channels), np.float32)
    pixels[:rows] = stored.reshape(rows, width, channels) * np.float32(abs(scale) or 1)
    return Image(np.ascontiguousarray(pixels[::-1]), linear=True, format="pfm")


def write_pfm(path: Path, image: Image, options: WriteOptions) -> None:
    """Write little-endian floats."""
    kind = "F" if image.pixels.shape[2] == 3 else "f"
    header = f"P{kind}\n{image.width} {image.height}\n-1.0\n".encode()
    path.write_bytes(header + np.ascontiguousarray(image.pixels[::-1]).astype("<f4").tobytes())
