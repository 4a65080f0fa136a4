"""Image files as the arrays of RGB that data sets are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upframe.errors import InputError
from upframe.media.image.file import read_image
from upframe.media.image.image import Image


def read_rgb(path: Path) -> NDArray[Any]:
    """An image file as (h, w, 3) RGB: grey becomes three equal channels, transparency is left out.

    uint8 or uint16 as stored; scene-linear floats are bent to a display's curve (:mod:`upframe.ops.transfer`), float32. Raises
    InputError for what cannot be read, and for samples that are not finite numbers: no score could be had of them.
    """
    return _rgb_of(read_image(path), path)


def read_seen(path: Path, on_note: Callable[[str], None]) -> NDArray[Any]:
    """As :func:`read_rgb`, an image with transparency as it is seen on black, which is noted: hidden colours do not count."""
    image = read_image(path)
    if image.alpha is not None:
        full = 1.0 if image.alpha.dtype.kind == "f" else float(np.iinfo(image.alpha.dtype).max)
        if not (image.alpha == full).all():
            on_note("images with transparency are compared as seen on black; alpha itself is not compared")
            if not image.associated:
                seen = image.pixels * (image.alpha / np.float32(full))
                seen = seen if image.pixels.dtype.kind == "f" else np.rint(seen)
                image = replace(image, pixels=seen.astype(image.pixels.dtype))
    return _rgb_of(image, path)


def _rgb_of(image: Image, path: Path) -> NDArray[Any]:
    pixels = image.pixels
    if np.issubdtype(pixels.dtype, np.floating):
        check_numbers(pixels, str(path))
    if image.linear:
        pixels = _as_shown(pixels)
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, axis=2)


def check_numbers(samples: NDArray[Any], label: str) -> None:
    """Raise InputError, naming where they are from, for floating-point samples that are NaN or infinite."""
    broken = samples.size - int(np.isfinite(samples).sum())
    if broken:
        raise InputError(f"{label}: {broken} of {samples.size} samples are NaN or infinite, so it cannot be scored")


def _as_shown(light: NDArray[Any]) -> NDArray[Any]:
    import torch  # a second to load, which only these need

    from upframe.ops.transfer import encode_linear

    return encode_linear(torch.from_numpy(light)).numpy()


def eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """A frame of uint8, uint16 or float in [0, 1] as uint8, rounded; the same array where it is uint8 already."""
    if pixels.dtype == np.uint8:
        same: NDArray[np.uint8] = pixels
        return same
    full = 65535 if pixels.dtype == np.uint16 else 1
    codes: NDArray[np.uint8] = (pixels.astype(np.float64) * (255 / full) + 0.5).clip(0, 255).astype(np.uint8)
    return codes
