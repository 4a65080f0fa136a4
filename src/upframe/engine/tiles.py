"""An image too large for the memory at hand is upscaled in tiles, and no one can tell.

Each tile is run with a halo of the network's reach around it, which is cut off its result. Tiles begin at multiples of
the network's size multiple, so that every tile is folded exactly as the whole image would be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from upframe.errors import DeviceError
from upframe.models.fitting import cut_back, extend
from upframe.models.info import ModelInfo
from upframe.remedies import Option, either, way
from upframe.runtime.device import out_of_memory, release_memory

SMALLEST_TILE = 32


@dataclass(frozen=True, slots=True)
class TileSpan:
    """A stretch of one axis: the tile itself, and the stretch with its halo that is given to the network."""

    start: int
    stop: int
    halo_start: int
    halo_stop: int


def spans(length: int, tile: int, halo: int) -> Iterator[TileSpan]:
    """Cut an axis into tiles of at most ``tile``, each with ``halo`` on both sides where the image goes on."""
    for start in range(0, length, tile):
        stop = min(start + tile, length)
        yield TileSpan(start, stop, max(start - halo, 0), min(stop + halo, length))


class Tiler:
    """Runs an image network over images of any size, in tiles where need be; remembers the tile that fitted.

    ``tile`` is the side of a tile in input pixels, halo not counted, or None for the whole image at once. When memory
    runs out the tile is halved, down to 32 pixels, and the image is run again: nothing is skipped.
    """

    def __init__(
        self, network: Callable[[Tensor], Tensor], info: ModelInfo, tile: int | None, on_note: Callable[[str], None]
    ) -> None:
        self.network, self.info, self.tile, self.on_note = network, info, tile, on_note

    def __call__(self, image: Tensor) -> Tensor:
        """(n, c, h, w), any size -> (n, c, scale*h, scale*w). Images are made to fit by repeating their outermost pixels.

        Raises DeviceError when not even the smallest tile fits.
        """
        height, width = image.shape[-2:]
        padded = extend(image, self.info)
        while True:
            try:
                return cut_back(self._run(padded), height, width, self.info)
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
            # Outside the except block, where the traceback no longer keeps the failed attempt's tensors alive.
            release_memory(image.device)
            self._halve(max(padded.shape[-2:]))

    def _run(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        if self.tile is None or self.info.radius is None or self.tile >= max(height, width):
            return self.network(image)
        multiple, scale = self.info.multiple, self.info.scale
        halo = math.ceil(self.info.radius / multiple) * multiple
        tile = max(self.tile // multiple, 1) * multiple
        result = image.new_empty((*image.shape[:2], height * scale, width * scale))
        for y in spans(height, tile, halo):
            for x in spans(width, tile, halo):
                upscaled = self.network(image[..., y.halo_start : y.halo_stop, x.halo_start : x.halo_stop])
                top, left = (y.start - y.halo_start) * scale, (x.start - x.halo_start) * scale
                rows, columns = (y.stop - y.start) * scale, (x.stop - x.start) * scale
                result[..., y.start * scale : y.stop * scale, x.start * scale : x.stop * scale] = upscaled[
                    ..., top : top + rows, left : left + columns
                ]
        return result

    def _halve(self, longest: int) -> None:
        current = min(self.tile or longest, longest)
        if self.info.radius is None or current <= SMALLEST_TILE:
            raise DeviceError(
                f"{self.info.name}: no memory left for a tile of {current} pixels",
                remedy=either("close other programs", way("use ", Option("device", "cpu"))),
            )
        self.tile = max(math.ceil(current / 2), SMALLEST_TILE)
        self.on_note(f"memory ran out: going on in tiles of {self.tile} pixels")


def automatic_tile(device: torch.device, info: ModelInfo) -> int | None:
    """The tile of ``--tile auto``: the whole image, up to a size at which its feature maps take about two gigabytes."""
    return None if info.radius is None else 4096 if device.type == "cpu" else 2048
