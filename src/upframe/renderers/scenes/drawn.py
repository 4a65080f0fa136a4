"""Surfaces that are drawn: leaves and grass with holes between them, wire mesh, signs with text, posters, windows of shops."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ImageDraw, ImageFont

from upframe.errors import InputError
from upframe.media.image.file import read_image
from upframe.renderers.scene import Surface
from upframe.renderers.scenes.noise import cloudy, grain
from upframe.renderers.scenes.textures import surface

FINER = 3  # drawn this many times larger, then shrunk: smooth edges
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}
# fmt: off
_PLACES = (
    "HARBOUR", "MARKET", "STATION", "MUSEUM", "GARDEN", "RIVER", "NORTH", "OLD", "TOWN", "CORNER", "CENTRAL", "GRAND", "MILL",
    "BRIDGE", "LINDEN", "ORCHARD",
)
_TRADES = (
    "BAKERY", "BOOKS", "CAFE", "PHARMACY", "TAILOR", "HOTEL", "FLOWERS", "RECORDS", "CYCLES", "NOODLES", "BARBER", "OPTICIAN",
    "CINEMA", "GROCER", "TEA", "BAR",
)
# fmt: on
_NOTICES = (
    "OPEN",
    "SALE 50%",
    "No parking",
    "Ring the bell",
    "Mind the step",
    "24 h",
    "EXIT 4",
    "Fresh today",
    "To let",
    "Danger",
)


def _canvas(width: int, height: int, colour: tuple[int, ...]) -> tuple[PIL.Image.Image, ImageDraw.ImageDraw]:
    image = PIL.Image.new("RGB" if len(colour) == 3 else "RGBA", (width * FINER, height * FINER), colour)
    return image, ImageDraw.Draw(image)


def _shrunk(image: PIL.Image.Image, width: int, height: int) -> NDArray[np.float32]:
    return np.asarray(np.asarray(image.resize((width, height), PIL.Image.Resampling.BOX)) / 255, np.float32)


def _bytes(rng: np.random.Generator, low: int, high: int, strength: float = 0.45) -> tuple[int, int, int]:
    """A colour between two brightnesses; ``strength`` 0 is grey, 1 as strong as can be."""
    values = rng.integers(low, high, 3)
    red, green, blue = values.mean() + strength * (values - values.mean())
    return int(red), int(green), int(blue)


def _leafy(rng: np.random.Generator, image: PIL.Image.Image, size: int) -> Surface:
    """Cut out, with the colour of the leaves spread under the holes so that no background shows at the edges."""
    drawn = _shrunk(image, size, size)
    cover = drawn[..., 3:]
    inside = cover[..., 0] > 0.5
    mean = drawn[..., :3][inside].mean(axis=0) if inside.any() else np.full(3, 0.5, np.float32)
    colour = np.where(cover > 0.02, drawn[..., :3] / np.maximum(cover, 0.02), mean)
    tone = 1 + 0.12 * cloudy(rng, size, 8, 5, 0.6)
    height = drawn[..., :3].mean(axis=2)
    return surface(
        np.concatenate((colour * tone[..., None], cover), axis=2), height, np.full((size, size), 0.6, np.float32), bumps=1.5
    )


def leaves(rng: np.random.Generator, size: int) -> Surface:
    """A spray of leaves on a twig."""
    image, draw = _canvas(size, size, (0, 0, 0, 0))
    side = size * FINER
    season = rng.random()
    base = np.array((86, 112, 42)) if season < 0.7 else np.array((168, 104, 38)) if season < 0.85 else np.array((128, 122, 40))
    length, width = rng.uniform(0.14, 0.24), rng.uniform(0.3, 0.55)
    twigs = rng.uniform(0, 2 * np.pi, 6)
    for angle in twigs:
        tip = side / 2 * (1 + 0.8 * np.array([np.cos(angle), np.sin(angle)]))
        draw.line([(side / 2, side / 2), (float(tip[0]), float(tip[1]))], fill=(70, 52, 36, 255), width=side // 90)
    for number in range(54):
        angle = twigs[number % len(twigs)] + rng.normal(0, 0.25)
        foot = side / 2 * (1 + rng.uniform(0.05, 0.72) * np.array([np.cos(angle), np.sin(angle)]))
        _leaf(draw, rng, foot, angle + rng.uniform(-1.3, 1.3), side * length * rng.uniform(0.7, 1.1), width, base)
    return _leafy(rng, image, size)


def _leaf(
    draw: ImageDraw.ImageDraw,
    rng: np.random.Generator,
    foot: NDArray[np.float64],
    angle: float,
    length: float,
    width: float,
    base: NDArray[np.int64],
) -> None:
    """One leaf with its midrib."""
    t = np.linspace(0, 1, 14)
    half = width / 2 * np.sin(np.pi * t**0.8)
    outline = np.concatenate((np.stack((t, half), axis=1), np.stack((t, -half), axis=1)[::-1])) * length
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = outline @ turn.T + foot
    tone = rng.uniform(0.65, 1.25)
    red, green, blue = (int(min(value * tone * rng.uniform(0.93, 1.07), 255)) for value in base)
    draw.polygon([(float(x), float(y)) for x, y in points], fill=(red, green, blue, 255))
    tip = foot + turn @ np.array((0.93 * length, 0))
    rib = (min(red + 26, 255), min(green + 26, 255), blue + 8, 255)
    draw.line([(float(foot[0]), float(foot[1])), (float(tip[0]), float(tip[1]))], fill=rib, width=max(int(length / 26), 1))


def tuft(rng: np.random.Generator, size: int) -> Surface:
    """Blades of grass that grow from the lower edge, some with a flower."""
    image, draw = _canvas(size, size, (0, 0, 0, 0))
    side = size * FINER
    flower = (*_bytes(rng, 150, 250), 255)
    for _ in range(46):
        foot, lean, high = rng.uniform(0.25, 0.75) * side, rng.normal(0, 0.22) * side, rng.uniform(0.35, 0.93) * side
        t = np.linspace(0, 1, 9)
        x, y = foot + lean * t**2, side - high * t
        half = side * 0.011 * (1 - t)
        outline = [*zip(x - half, y, strict=True), *zip((x + half)[::-1], y[::-1], strict=True)]
        tone = rng.uniform(0.6, 1.2)
        dry = rng.random() < 0.25
        red, green, blue = (150, 136, 72) if dry else (92, 116, 46)
        draw.polygon(
            [(float(a), float(b)) for a, b in outline], fill=(int(red * tone), int(green * tone), int(blue * tone), 255)
        )
        if rng.random() < 0.12:
            r = side * 0.018
            draw.ellipse([float(x[-1]) - r, float(y[-1]) - r, float(x[-1]) + r, float(y[-1]) + r], fill=flower)
    return _leafy(rng, image, size)


def wire_mesh(rng: np.random.Generator, size: int) -> Surface:
    """A chain-link fence, eight meshes a side."""
    x = (np.arange(size, dtype=np.float32) + 0.5) / size * 8
    one, other = (x[None] + x[:, None]) % 1, (x[None] - x[:, None]) % 1
    distance = np.minimum(np.minimum(one, 1 - one), np.minimum(other, 1 - other))
    cover = np.clip((0.085 - distance) * size / 8 / 0.7, 0, 1)
    tone = np.float32(0.55) + 0.08 * cloudy(rng, size, 6, 5) + 0.3 * (0.085 - np.minimum(distance, 0.085)) / 0.085
    colour = np.repeat(tone[..., None], 3, axis=2)
    return surface(
        np.concatenate((colour, cover[..., None]), axis=2), -distance * 8, np.full((size, size), 0.45, np.float32), bumps=1.0
    )


def _font(pixels: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(max(int(pixels), 8))


def _write(draw: ImageDraw.ImageDraw, text: str, box: Sequence[float], colour: tuple[int, ...]) -> None:
    """Text as large as a box (left, top, right, bottom) allows, in its middle."""
    width, height = box[2] - box[0], box[3] - box[1]
    left, top, right, bottom = draw.textbbox((0, 0), text, font=_font(100))
    pixels = 100 * min(width / max(right - left, 1), height / max(bottom - top, 1))
    font = _font(pixels)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    place = (box[0] + (width - right + left) / 2 - left, box[1] + (height - bottom + top) / 2 - top)
    draw.text(place, text, fill=colour, font=font)


def _printed(rng: np.random.Generator, image: PIL.Image.Image, size: int, roughness: float) -> Surface:
    colour = _shrunk(image, size, size)
    dirt = cloudy(rng, size, 4, 6, 0.6)
    colour = colour * (1 + 0.06 * dirt + 0.02 * grain(rng, size))[..., None]
    return surface(colour, 0.3 * dirt, np.full((size, size), roughness, np.float32), bumps=0.2)


def shop_name(rng: np.random.Generator) -> str:
    """Two words for above a door."""
    return f"{_PLACES[int(rng.integers(len(_PLACES)))]} {_TRADES[int(rng.integers(len(_TRADES)))]}"


def sign(rng: np.random.Generator, size: int, *, aspect: float = 5.0, glowing: bool = False) -> Surface:
    """A name above a shop; ``aspect``: how many times wider than high the sign will hang."""
    back = _bytes(rng, 6, 26) if glowing else _bytes(rng, 20, 200)
    front = tuple(int(v) for v in rng.permutation([255, int(rng.integers(60, 200)), int(rng.integers(20, 90))]))
    if not glowing:
        front = (245, 238, 220) if sum(back) < 330 else (28, 26, 30)
    wide, high = max(int(size * min(aspect, 4)), 1), size
    image, draw = _canvas(wide, high, back)
    edge = high * FINER * 0.09
    draw.rectangle(
        [edge / 2, edge / 2, wide * FINER - edge / 2, high * FINER - edge / 2], outline=front, width=max(int(edge / 3), 1)
    )
    _write(draw, shop_name(rng), (3 * edge, 2.2 * edge, wide * FINER - 3 * edge, high * FINER - 2.2 * edge), front)
    return _printed(rng, image, size, 0.45)


def poster(rng: np.random.Generator, size: int) -> Surface:
    """A bill with shapes, a headline and small print."""
    image, draw = _canvas(size, size, _bytes(rng, 120, 245))
    side = size * FINER
    for _ in range(int(rng.integers(3, 9))):
        x, y, r = rng.uniform(0, side), rng.uniform(0, 0.6 * side), rng.uniform(0.06, 0.28) * side
        box = [x - r, y - r, x + r, y + r]
        shape = (draw.ellipse, draw.rectangle)[int(rng.integers(2))]
        shape(box, fill=_bytes(rng, 20, 250))
    ink = _bytes(rng, 5, 60)
    draw.rectangle([0, 0.64 * side, side, side], fill=_bytes(rng, 215, 252))
    _write(draw, str(rng.choice(_NOTICES)), (0.06 * side, 0.66 * side, 0.94 * side, 0.8 * side), ink)
    for line in range(5):
        words = " ".join(str(word).lower() for word in rng.choice(_PLACES + _TRADES, 7))
        _write(draw, words, (0.06 * side, (0.825 + 0.032 * line) * side, 0.94 * side, (0.85 + 0.032 * line) * side), ink)
    return _printed(rng, image, size, 0.55)


def painting(rng: np.random.Generator, size: int) -> Surface:
    """A landscape in oil, broad strokes."""
    sky, land = cloudy(rng, size, 3, 6, 0.6), cloudy(rng, size, (2, 4), 6, 0.6)
    rows = np.linspace(1, -1, size, dtype=np.float32)[:, None]
    horizon = rng.uniform(-0.3, 0.2)
    hills = rows < horizon + 0.25 * land[size // 2][None] + 0.05 * land
    top, low = rng.uniform(0.35, 0.85, 3), rng.uniform(0.1, 0.5, 3)
    colour = np.where(hills[..., None], low * (1 + 0.5 * land[..., None]), top * (0.85 + 0.3 * sky[..., None]))
    strokes = cloudy(rng, size, (40, 24), 3)
    return surface(np.asarray(colour * (1 + 0.12 * strokes[..., None]), np.float32), strokes, np.full_like(sky, 0.5), bumps=1.0)


def shop_window(rng: np.random.Generator, size: int) -> Surface:
    """What is seen behind the glass: shelves, goods, a price or two; meant to glow a little."""
    image, draw = _canvas(size, size, _bytes(rng, 40, 90))
    side = size * FINER
    for shelf in np.linspace(0.3, 0.95, int(rng.integers(2, 5))):
        x = 0.02 * side
        while x < side:
            width, height = rng.uniform(0.02, 0.1) * side, rng.uniform(0.06, 0.19) * side
            if rng.random() < 0.85:
                draw.rectangle([x, shelf * side - height, x + width, shelf * side], fill=_bytes(rng, 60, 235))
            x += width + rng.uniform(0.004, 0.03) * side
        draw.rectangle([0, shelf * side, side, (shelf + 0.018) * side], fill=(104, 84, 62))
    if rng.random() < 0.6:
        left, top = rng.uniform(0.1, 0.5) * side, rng.uniform(0.1, 0.6) * side
        draw.rectangle([left, top, left + 0.36 * side, top + 0.14 * side], fill=(240, 236, 225))
        _write(
            draw,
            str(rng.choice(_NOTICES)),
            (left + 20, top + 20, left + 0.36 * side - 20, top + 0.14 * side - 20),
            (150, 24, 20),
        )
    return _printed(rng, image, size, 0.25)


def photographs(folder: Path, size: int, limit: int = 24) -> list[Surface]:
    """The first images of a folder, by name, as flat surfaces of ``size`` pixels. Raises InputError where there is none."""
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder", remedy="give a folder with photographs")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)[:limit]
    if not paths:
        raise InputError(f"{folder}: holds no photograph: only .jpg, .png, .webp and .tif are read")
    return [_photograph(path, size) for path in paths]


def _photograph(path: Path, size: int) -> Surface:
    pixels = read_image(path).pixels
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    scaled = (
        pixels
        if pixels.dtype == np.uint8
        else np.asarray(np.clip(pixels / (1 if pixels.dtype.kind == "f" else 65535), 0, 1) * 255, np.uint8)
    )
    shrunk = PIL.Image.fromarray(np.ascontiguousarray(scaled)).resize((size, size), PIL.Image.Resampling.LANCZOS)
    colour = np.asarray(shrunk, np.float32) / 255
    return surface(colour, np.zeros((size, size), np.float32), np.full((size, size), 0.6, np.float32), bumps=0.0)


def window(rng: np.random.Generator, size: int, *, lit: bool = False) -> Surface:
    """A window with its frame, glazing bars, a curtain or a blind behind the panes; the panes shine, the frame does not."""
    frame = _bytes(rng, 200, 250, 0.3) if rng.random() < 0.6 else _bytes(rng, 25, 90, 0.3)
    image, draw = _canvas(size, size, (236, 196, 128) if lit else (22, 26, 32))
    side = size * FINER
    if rng.random() < 0.6:
        width, cloth = rng.uniform(0.14, 0.34) * side, (232, 214, 186) if lit else _bytes(rng, 90, 160)
        for left in (0.0, side - width):
            draw.rectangle([left, 0, left + width, side], fill=cloth)
            for fold in np.arange(left, left + width, side / 34):
                draw.line([(float(fold), 0), (float(fold), side)], fill=tuple(int(0.78 * v) for v in cloth), width=side // 110)
    else:
        draw.rectangle([0, 0, side, rng.uniform(0.08, 0.7) * side], fill=_bytes(rng, 110, 190))
    panes = image.copy()
    bar = side * 0.022
    columns, rows = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    for x in np.linspace(0, side, columns + 1):
        draw.rectangle([float(x) - bar, 0, float(x) + bar, side], fill=frame)
    for y in np.linspace(0, side, rows + 1):
        draw.rectangle([0, float(y) - bar, side, float(y) + bar], fill=frame)
    drawn, behind = _shrunk(image, size, size), _shrunk(panes, size, size)
    solid = np.asarray(np.abs(drawn - behind).max(axis=2) > 0.02, np.float32)
    tone = 1 + 0.04 * cloudy(rng, size, 5, 5)
    ripple = 0.15 * cloudy(rng, size, 2, 2)
    return surface(drawn * tone[..., None], 2.5 * solid + ripple, 0.06 + 0.5 * solid, bumps=0.5)


def water(rng: np.random.Generator, size: int) -> Surface:
    """A pond with a light breeze over it."""
    waves = cloudy(rng, size, 6, 5, 0.5)
    colour = np.broadcast_to(np.array((0.2, 0.25, 0.2), np.float32), (size, size, 3)) * (1 + 0.2 * waves[..., None])
    return surface(np.asarray(colour, np.float32), waves, np.full_like(waves, 0.08), bumps=0.5)
