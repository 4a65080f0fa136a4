"""Sample arrays and images that the tests of all formats share."""

from __future__ import annotations

from typing import Any

import numpy as np

from upframe.media import Image
from upframe.media.image.image import Samples

HEIGHT, WIDTH = 37, 53  # odd, and different
SEED = 20


def samples(channels: int, dtype: type[np.generic], height: int = HEIGHT, width: int = WIDTH) -> Samples:
    """Random samples over the full range of an integer type; floats from -1 to 5."""
    random = np.random.default_rng(SEED)
    if dtype == np.float32:
        return random.uniform(-1, 5, (height, width, channels)).astype(np.float32)
    full = 255 if dtype == np.uint8 else 65535
    return random.integers(0, full, (height, width, channels), endpoint=True).astype(dtype)


def smooth(channels: int = 3, height: int = HEIGHT, width: int = WIDTH) -> Samples:
    """8-bit gradients, which lossy formats keep well."""
    rows, columns = np.mgrid[0:height, 0:width]
    planes = [rows * 255 / (height - 1), columns * 255 / (width - 1), (rows + columns) * 255 / (height + width - 2)]
    return np.stack(planes[:channels], axis=2).astype(np.uint8)


def image_of(channels: int, dtype: type[np.generic], **fields: Any) -> Image:
    whole = samples(channels, dtype)
    colours = 1 if channels < 3 else 3
    return Image(whole[..., :colours], whole[..., colours:] if channels in (2, 4) else None, **fields)


def assert_same_samples(one: Image, other: Image) -> None:
    assert one.pixels.dtype == other.pixels.dtype
    np.testing.assert_array_equal(one.pixels, other.pixels)
    assert (one.alpha is None) == (other.alpha is None)
    if one.alpha is not None:
        np.testing.assert_array_equal(one.alpha, other.alpha)
