"""Small images for data sets made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray


def noise(height: int, width: int, seed: int = 0, channels: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def put(path: Path, height: int = 16, width: int = 24, seed: int = 0) -> NDArray[np.uint8]:
    """An image file of noise, and what is in it."""
    pixels = noise(height, width, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(pixels).save(path)
    return pixels


def get(path: Path) -> NDArray[Any]:
    with PIL.Image.open(path) as image:
        return np.array(image)
