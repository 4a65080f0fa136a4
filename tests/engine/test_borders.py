"""What is flat stays flat, to the border: frames are extended by their own pixels before a network sees them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from upframe import Upscaler

COLOURS = [(255, 255, 255), (0, 0, 0), (255, 0, 0), (60, 150, 110)]


def spread(image: Any) -> int:
    """The largest difference from the pixel in the middle, in codes."""
    middle = image[image.shape[0] // 2, image.shape[1] // 2].astype(int)
    return int(abs(image.astype(int) - middle).max())


@pytest.mark.parametrize("model", ["rt4ksr-x2", "rt4ksr-x3", "rt4ksr-x4", "frvsr-lite-x2", "frvsr-lite-x4"])
def test_flat_images_stay_flat_to_the_border(model: str) -> None:
    upscaler = Upscaler(model)
    for colour in COLOURS:
        assert spread(upscaler.upscale(np.full((26, 31, 3), colour, np.uint8))) <= 1


def test_flat_images_stay_flat_in_tiles() -> None:
    assert spread(Upscaler("rt4ksr-x2", tile=32).upscale(np.full((50, 70, 3), 255, np.uint8))) <= 1


def test_flat_videos_stay_flat_to_the_border() -> None:
    frames = [np.full((24, 24, 3), 255, np.uint8)] * 7
    assert max(spread(frame) for frame in Upscaler("frvsr-lite-x2").stream(frames)) <= 1
