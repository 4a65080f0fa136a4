"""Colour between image formats: the sRGB curve, sample depths, ICC profiles. Arrays of any shape, (h, w, c) by custom."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from io import BytesIO
from typing import Literal

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ImageCms

from upframe.media.image.image import ImageMetadata, Samples

Float32 = NDArray[np.float32]
_SPACE = slice(16, 20)  # of an ICC header: the colour space of the samples
_DATE = slice(24, 36)


def srgb_encode(light: Float32) -> Float32:
    """Linear light to sRGB, both in [0, 1] (IEC 61966-2-1); values outside are clipped, NaN becomes 0."""
    light = np.clip(np.nan_to_num(light, nan=0.0), 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055).astype(np.float32)


def srgb_decode(encoded: Float32) -> Float32:
    """sRGB in [0, 1] to linear light (IEC 61966-2-1)."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4).astype(np.float32)


def to_float(samples: Samples) -> Float32:
    """Integers to [0, 1]; floats stay as they are."""
    if samples.dtype == np.float32:
        return samples
    return samples.astype(np.float32) / np.float32(np.iinfo(samples.dtype).max)


def to_depth(samples: Samples, depth: Literal[8, 16]) -> Samples:
    """To uint8 or uint16 by the nearest value; floats are clipped to [0, 1], NaN becomes 0. 8 to 16 and back is exact."""
    target: type[np.uint8 | np.uint16] = np.uint8 if depth == 8 else np.uint16
    if samples.dtype == target:
        return samples
    if samples.dtype == np.uint8:
        return samples.astype(np.uint16) * np.uint16(257)
    if samples.dtype == np.uint16:
        return ((samples.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    full = 255 if depth == 8 else 65535
    rounded: Samples = np.rint(np.clip(np.nan_to_num(samples, nan=0.0), 0, 1) * full).astype(target)
    return rounded


@cache
def srgb_profile() -> bytes:
    """An sRGB ICC profile, the same bytes whenever it is made."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_DATE] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)


def profile_fits(icc: bytes, channels: int) -> bool:
    """Whether an ICC profile describes images of 1 (grey) or 3 (RGB) channels."""
    return icc[_SPACE] == (b"GRAY" if channels == 1 else b"RGB ")


def profile_is_linear(icc: bytes) -> bool:
    """Whether an ICC profile calls samples proportional to light: its first tone curve is the identity (ICC.1, 10.6)."""
    (count,) = struct.unpack_from(">I", icc, 128) if len(icc) >= 132 else (0,)
    for position in range(132, min(132 + 12 * count, len(icc) - 11), 12):
        tag, start, size = struct.unpack_from(">4sII", icc, position)
        if tag in (b"rTRC", b"kTRC"):
            curve = icc[start : start + size]
            identity = curve[8:12] == b"\0\0\0\0" or curve[8:14] == b"\0\0\0\1\1\0"  # no points, or a gamma of 1.0
            return curve[:4] == b"curv" and identity
    return False


def cmyk_to_rgb(image: PIL.Image.Image, metadata: ImageMetadata, note: Callable[[str], None]) -> tuple[Samples, ImageMetadata]:
    """An 8-bit CMYK image as sRGB (h, w, 3), by its profile where it has one, and its metadata with an sRGB profile."""
    converted: PIL.Image.Image | None = None
    how = "without a usable profile: colours are approximate"
    if metadata.icc and metadata.icc[_SPACE] == b"CMYK":
        try:
            converted = ImageCms.profileToProfile(
                image,
                BytesIO(metadata.icc),
                BytesIO(srgb_profile()),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            how = "through its profile"
        except (ImageCms.PyCMSError, OSError):
            converted = None
    note(f"CMYK image: converted to sRGB {how}")
    return np.asarray(converted or image.convert("RGB")), replace(metadata, icc=srgb_profile())
