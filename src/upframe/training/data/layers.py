"""Rendered clips without a renderer: flat, textured layers one behind the other, and a camera that slides past them.

Depth, motion and materials are known exactly, edges move across what is behind them and uncover it, and frames at render
resolution are aliased as a rasteriser's are. For trainings that need no scenes; no stand-in for them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from upframe.rendered.frame import RenderedFrame
from upframe.training.data.chance import for_image
from upframe.training.data.drawing import draw_image

Planes = NDArray[np.float32]
SIZE = (80, 96)  # height, width of a frame at render resolution
FRAMES = 12
TEXELS = 2  # to a pixel at render resolution
_SAMPLES = 2  # each way, to a pixel of the target
_FIRST = 10**6  # scenes draw with other numbers than images


@dataclass(frozen=True, eq=False)
class Layer:
    """An image parallel to the screen. ``places`` (frames, 2): where its middle is in each frame, x and y."""

    texture: Planes
    depth: float
    places: Planes
    radii: tuple[float, float] | None
    normal: Planes
    roughness: float
    metallic: float
    light: float

    def colour(self, x: Planes, y: Planes) -> Planes:
        """Its albedo at positions from its middle, (h, w) in pixels -> (h, w, 3)."""
        height, width = self.texture.shape[:2]
        column, row = (x * TEXELS + width / 2) % width, (y * TEXELS + height / 2) % height
        left, top = np.floor(column).astype(int), np.floor(row).astype(int)
        right, down = (column - left)[..., None], (row - top)[..., None]
        next_row, next_column = (top + 1) % height, (left + 1) % width
        upper = self.texture[top % height, left % width] * (1 - right) + self.texture[top % height, next_column] * right
        lower = self.texture[next_row, left % width] * (1 - right) + self.texture[next_row, next_column] * right
        mixed: Planes = (upper * (1 - down) + lower * down).astype(np.float32)
        return mixed

    def covers(self, x: Planes, y: Planes) -> NDArray[np.bool_]:
        """Where it is: everywhere, or within an ellipse."""
        if self.radii is None:
            return np.ones(x.shape, bool)
        inside: NDArray[np.bool_] = (x / self.radii[0]) ** 2 + (y / self.radii[1]) ** 2 < 1
        return inside


class LayeredClip:
    """A clip of :data:`FRAMES` frames; ``number`` and ``scale`` say all of it. Frames are display-referred."""

    def __init__(self, number: int, scale: int) -> None:
        self.name, self.scale = f"layers:{number}", scale
        random = for_image(1, number)
        drift = np.cumsum(random.normal(0, 0.3, (FRAMES, 2)) + random.uniform(-2.5, 2.5, 2), axis=0)
        depths = sorted((8.0, *random.uniform(1.0, 5.0, 5)), reverse=True)
        self.layers = []
        for index, depth in enumerate(depths):
            middle = random.uniform(0, 1, 2) * (SIZE[1], SIZE[0])
            own = random.normal(0, 0.5, 2) * np.arange(FRAMES)[:, None] * (index > 0)
            tilt = random.normal((0, 0, 1.5), 0.4)
            height, width = (random.uniform(0.08, 0.25) * side for side in SIZE)
            layer = Layer(
                texture=(draw_image(_FIRST + 10 * number + index) / 255).astype(np.float32),
                depth=depth,
                places=(middle + 3 * drift / depth + own).astype(np.float32),
                radii=(width, height) if index else None,
                normal=(tilt / np.linalg.norm(tilt)).astype(np.float32),
                roughness=random.uniform(0, 1),
                metallic=random.uniform(0, 1),
                light=random.uniform(0.6, 1.0),
            )
            self.layers.append(layer)

    def __len__(self) -> int:
        return FRAMES

    def __getitem__(self, index: int) -> RenderedFrame:
        x, y = _pixels(1)
        seen = self._nearest(x, y, index)
        before = max(index - 1, 0)
        motions = np.stack([layer.places[before] - layer.places[index] for layer in self.layers])
        albedo, light = self._albedo(x, y, index, seen), np.array([layer.light for layer in self.layers], np.float32)
        return RenderedFrame(
            colour=albedo * light[seen][..., None],
            depth=np.array([layer.depth for layer in self.layers], np.float32)[seen],
            motion=motions.astype(np.float32)[seen],
            normal=np.array([layer.normal for layer in self.layers], np.float32)[seen],
            albedo=albedo,
            roughness=np.array([layer.roughness for layer in self.layers], np.float32)[seen],
            metallic=np.array([layer.metallic for layer in self.layers], np.float32)[seen],
            linear=False,
            cut=index == 0,
        )

    def target(self, index: int) -> Planes:
        """The frame at ``scale`` times the size, without aliasing: (h, w, 3)."""
        x, y = _pixels(self.scale * _SAMPLES)
        seen = self._nearest(x, y, index)
        light = np.array([layer.light for layer in self.layers], np.float32)
        fine = self._albedo(x, y, index, seen) * light[seen][..., None]
        height, width = SIZE[0] * self.scale, SIZE[1] * self.scale
        mean: Planes = fine.reshape(height, _SAMPLES, width, _SAMPLES, 3).mean(axis=(1, 3))
        return mean

    def _nearest(self, x: Planes, y: Planes, index: int) -> NDArray[np.intp]:
        """The number of the layer seen at each place; they are in order, the farthest first."""
        seen = np.zeros(x.shape, np.intp)
        for number, layer in enumerate(self.layers):
            seen[layer.covers(x - layer.places[index, 0], y - layer.places[index, 1])] = number
        return seen

    def _albedo(self, x: Planes, y: Planes, index: int, seen: NDArray[np.intp]) -> Planes:
        result = np.zeros((*x.shape, 3), np.float32)
        for number, layer in enumerate(self.layers):
            own = seen == number
            if own.any():
                result[own] = layer.colour(x[own] - layer.places[index, 0], y[own] - layer.places[index, 1])
        return result


def _pixels(times: int) -> tuple[Planes, Planes]:
    """The centres of pixels, in pixels at render resolution, on a grid ``times`` as fine."""
    y, x = (((np.arange(side * times) + 0.5) / times).astype(np.float32) for side in SIZE)
    grid_y, grid_x = np.meshgrid(y, x, indexing="ij")
    return grid_x, grid_y
