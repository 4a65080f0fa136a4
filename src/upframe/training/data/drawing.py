"""Images that are drawn: edges, lines, letters, textures and soft shades, for trainings that need no photographs."""

from __future__ import annotations

import string

import numpy as np
import PIL.Image
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import ImageDraw, ImageFont

from upframe.training.data.chance import for_image

SIZE = (288, 384)  # height, width
_FINER = 2  # drawn so much larger, then averaged: smooth edges


def draw_image(number: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """The image of a number: (h, w, 3) RGB."""
    random = for_image(0, number)
    height, width = size[0] * _FINER, size[1] * _FINER
    canvas = PIL.Image.fromarray(_shade(random, height, width))
    pen = ImageDraw.Draw(canvas)
    for _ in range(int(random.integers(14, 30))):
        _shape(random, pen, width, height)
    pixels = np.asarray(canvas, np.float64).reshape(size[0], _FINER, size[1], _FINER, 3).mean(axis=(1, 3))
    drawn: NDArray[np.uint8] = (pixels + _texture(random, *size)).clip(0, 255).astype(np.uint8)
    return drawn


def _shade(random: Generator, height: int, width: int) -> NDArray[np.uint8]:
    """A colour for each corner, and all between them."""
    corners = random.uniform(20, 235, (2, 2, 3))
    y, x = np.linspace(0, 1, height)[:, None, None], np.linspace(0, 1, width)[None, :, None]
    top, bottom = (corners[row, 0] * (1 - x) + corners[row, 1] * x for row in (0, 1))
    shade: NDArray[np.uint8] = (top * (1 - y) + bottom * y).astype(np.uint8)
    return shade


def _shape(random: Generator, pen: ImageDraw.ImageDraw, width: int, height: int) -> None:
    x, y = (int(random.integers(0, side)) for side in (width, height))
    reach = int(random.integers(width // 40, width // 5))
    colour = tuple(int(value) for value in random.integers(0, 256, 3))
    match int(random.integers(5)):
        case 0:
            pen.ellipse((x - reach, y - reach, x + reach, y + reach // 2), fill=colour)
        case 1:
            corners = random.integers(-reach, reach + 1, (int(random.integers(3, 7)), 2)).tolist()
            pen.polygon([(x + right, y + down) for right, down in corners], fill=colour)
        case 2:
            for step in range(0, 2 * reach, max(reach // 6, 4)):
                pen.line((x + step, y, x + step + reach // 2, y + reach), fill=colour, width=int(random.integers(2, 6)))
        case 3:
            pen.arc((x - reach, y - reach, x + reach, y + reach), 20, 300, fill=colour, width=int(random.integers(2, 9)))
        case _:
            text = "".join(random.choice(list(string.ascii_letters + string.digits), int(random.integers(3, 12))))
            pen.text((x - reach, y), text, fill=colour, font=ImageFont.load_default(int(random.integers(16, 60))))


def _texture(random: Generator, height: int, width: int) -> NDArray[np.float64]:
    """A few waves of any direction, strong in places: (h, w, 1) in grey levels."""
    y, x = np.mgrid[:height, :width]
    total = np.zeros((height, width))
    for _ in range(5):
        fy, fx, phase = random.uniform(-0.35, 0.35), random.uniform(-0.35, 0.35), random.uniform(0, 6.3)
        centre_y, centre_x, reach = random.uniform(0, height), random.uniform(0, width), random.uniform(0.05, 0.3) * width
        where = np.exp(-((y - centre_y) ** 2 + (x - centre_x) ** 2) / (2 * reach**2))
        total += random.uniform(10, 40) * where * np.sin(fy * y + fx * x + phase)
    return total[..., None]
