"""What ``upframe play`` shows of a frame: images side by side with a name above each, and graphs of what they cost."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from PIL import ImageDraw, ImageFont
from torch import Tensor

from upframe.ops.resize import upscale
from upframe.ops.transfer import encode_linear

Pixels: TypeAlias = NDArray[np.uint8]
"""(h, w, 3): sRGB."""

LARGEST_TILE = 540, 960  # (height, width): of a larger image the middle is shown, pixel for pixel
LEAST_WIDTH = 320  # a smaller image is upscaled by whole pixels until it is this wide
LABEL, GAP, STRIP = 22, 4, 130  # pixels: a name's height, between tiles, and the height of graphs below the tiles
BAR = 4  # pixels from one frame to the next in a graph
BACK, PLOT, BRIGHT = (24, 25, 28), (34, 36, 41), (232, 234, 237)


class PaneImage(NamedTuple):
    """An image and what it shows."""

    name: str
    pixels: Pixels


class Pane(NamedTuple):
    """A graph of milliseconds: the parts that are stacked in each bar, their name in the timings and their colour."""

    name: str
    parts: tuple[tuple[str, tuple[int, int, int]], ...]


RENDER = Pane("render", (("render", (92, 172, 238)),))
NETWORK = Pane("history + network", (("network", (246, 173, 85)),))
COMPOSE = Pane("compose", (("compose", (126, 200, 132)),))
REFERENCE = Pane("reference + compose", (("reference", (186, 134, 232)), *COMPOSE.parts))
FRAME = Pane("frame to frame", (("frame", (205, 208, 214)),))


class View:
    """Which part of the upscaled image a tile shows: its middle, at most ``LARGEST_TILE``; and how tiles are cut from it.

    size: (height, width) of the rendered frames. What is shown begins and ends at whole pixels of them.
    """

    def __init__(self, size: tuple[int, int], scale: int) -> None:
        self.scale = scale
        shown = [min(side, max(largest // scale, 1)) for side, largest in zip(size, LARGEST_TILE, strict=True)]
        begins = [(side - part) // 2 for side, part in zip(size, shown, strict=True)]
        self._rows, self._columns = (
            slice(begin * scale, (begin + part) * scale) for begin, part in zip(begins, shown, strict=True)
        )
        self._zoom = math.ceil(LEAST_WIDTH / (shown[1] * scale))
        self.is_part = shown != list(size)

    def nearest(self, image: Tensor) -> Pixels:
        """The rendered frame itself: (3, h, w) display-referred -> a tile, each of its pixels a square."""
        upscaled = image.repeat_interleave(self.scale, 1).repeat_interleave(self.scale, 2)
        return self._tile(upscaled.permute(1, 2, 0)[self._rows, self._columns])

    def bicubic(self, image: Tensor) -> Pixels:
        """(3, h, w) display-referred -> a tile of it upscaled as a display would."""
        return self._tile(upscale(image, self.scale).permute(1, 2, 0)[self._rows, self._columns])

    def large(self, light: NDArray[np.float32], exposure: float) -> Pixels:
        """(scale * h, scale * w, 3) scene-linear -> a tile of it."""
        part = torch.from_numpy(np.ascontiguousarray(light[self._rows, self._columns]))
        return self._tile(encode_linear(part * exposure))

    def _tile(self, part: Tensor) -> Pixels:
        """(h, w, 3) display-referred -> uint8, upscaled to be seen."""
        pixels = part.clamp(0, 1).mul(255).round().to(torch.uint8).numpy()
        return pixels.repeat(self._zoom, 0).repeat(self._zoom, 1) if self._zoom > 1 else np.ascontiguousarray(pixels)


def display_referred(light: NDArray[np.floating], exposure: float) -> Tensor:
    """A frame's colour, (h, w, 3) scene-linear, as a display has it: (3, h, w) float32."""
    colour = torch.from_numpy(light.astype(np.float32, copy=True)).permute(2, 0, 1)
    return encode_linear(colour * exposure).clamp_(0, 1)


class PlayCanvas:
    """Puts tiles and graphs together: two tiles a row, the graphs in the free place or in a strip below."""

    def __init__(self, panels: Sequence[Pane]) -> None:
        self._panels = panels
        self._past: deque[dict[str, float]] = deque(maxlen=240)
        self._font = ImageFont.load_default(13)

    def remember(self, milliseconds: dict[str, float]) -> None:
        """The timings of a frame that is done, by part."""
        self._past.append(milliseconds)

    def compose(self, tiles: Sequence[PaneImage]) -> Pixels:
        """(h, w, 3), both sides even. All tiles have the same size."""
        height, width = tiles[0].pixels.shape[:2]
        down, across = height + LABEL + GAP, width + GAP
        rows, free = math.ceil(len(tiles) / 2), len(tiles) % 2
        size = 2 * width + GAP, rows * down - GAP + (0 if free else GAP + STRIP)
        whole = PIL.Image.new("RGB", (size[0] + size[0] % 2, size[1] + size[1] % 2), BACK)
        draw = ImageDraw.Draw(whole)
        for index, tile in enumerate(tiles):
            left, top = index % 2 * across, index // 2 * down
            draw.text((left + 6, top + 3), tile.name, font=self._font, fill=BRIGHT)
            whole.paste(PIL.Image.fromarray(tile.pixels), (left, top + LABEL))
        place = (across, (rows - 1) * down, size[0], size[1]) if free else (0, rows * down, size[0], size[1])
        self._draw_graphs(draw, place)
        return np.asarray(whole)

    def _draw_graphs(self, draw: ImageDraw.ImageDraw, place: tuple[int, int, int, int]) -> None:
        """All panels in a rectangle (left, top, right, bottom): beside each other in a strip, else below each other."""
        left, top, right, bottom = place
        flat = right - left > 3 * (bottom - top)
        for number, panel in enumerate(self._panels):
            begin, end = number / len(self._panels), (number + 1) / len(self._panels)
            if flat:
                x, x_end = (round(left + part * (right - left)) for part in (begin, end))
                self._draw_graph(draw, panel, (x + GAP, top, x_end - GAP, bottom - GAP))
            else:
                y, y_end = (round(top + part * (bottom - top)) for part in (begin, end))
                self._draw_graph(draw, panel, (left + GAP, y, right - GAP, y_end - GAP))

    def _draw_graph(self, draw: ImageDraw.ImageDraw, panel: Pane, place: tuple[int, int, int, int]) -> None:
        """Its name, a bar a frame on a scale of its own, and the median of what is seen and where the scale ends."""
        left, top, right, bottom = place
        plot = top + LABEL
        draw.rectangle((left, plot, right - 1, bottom - 1), fill=PLOT)
        seen = list(self._past)[-((right - left) // BAR) :]
        sums = [sum(past[part] for part, _ in panel.parts) for past in seen]
        draw.text((left + 2, top + 3), panel.name, font=self._font, fill=BRIGHT)
        limit = nice_limit(max(sums, default=0.0))
        for index, past in enumerate(seen):
            x, foot = left + index * BAR, 0.0
            for part, colour in panel.parts:
                heights = [round((bottom - plot) * at / limit) for at in (foot, foot + past[part])]
                if heights[1] > heights[0]:
                    draw.rectangle((x, bottom - heights[1], x + BAR - 2, bottom - 1 - heights[0]), fill=colour)
                foot += past[part]
        median = f"{_number(statistics.median(sums))} of " if sums else ""
        text = f"{median}{_number(limit)} ms"
        draw.text((right - 4, plot + 2), text, font=self._font, fill=BRIGHT, anchor="ra", stroke_width=1, stroke_fill=PLOT)


def nice_limit(largest: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is not below ``largest``; at least 1."""
    if largest <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(largest))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= largest)


def _number(milliseconds: float) -> str:
    return f"{milliseconds:.1f}" if milliseconds < 10 and milliseconds != int(milliseconds) else f"{milliseconds:,.0f}"
