"""Crops of rendered frames: what a network is given at render resolution, and the target at display resolution."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from upframe.datasets.held_out import HeldOut
from upframe.training.data.chance import for_draw, for_sample, item_of
from upframe.training.data.cropping import place
from upframe.training.data.sets import Sample
from upframe.training.data.settings import RenderedData

TARGET = "target"  # the one array at display resolution
HOLES = "mask"  # 0 in holes
Planes = NDArray[np.float32]


def with_rectangle(mask: Planes, random: Generator) -> Planes:
    """A mask (1, h, w), 0 in holes, with a rectangle of holes: a quarter as high and wide at most, a sixteenth in all.

    As STSSNet's loader draws it. Colours and history stay as they are.
    """
    height, width = mask.shape[-2:]
    rows = int(random.integers(1, max(height // 4, 1) + 1))
    columns = int(random.integers(1, max(min(height * width // 16 // rows, width // 4), 1) + 1))
    y, x = int(random.integers(height - rows + 1)), int(random.integers(width - columns + 1))
    holed = mask.copy()
    holed[..., y : y + rows, x : x + columns] = 0
    return holed


class RenderedFrames(Protocol):
    """Rendered frames as a network takes them."""

    @property
    def scale(self) -> int:
        """Of the target."""
        ...

    def __len__(self) -> int: ...

    def read(self, index: int) -> Mapping[str, Planes]:
        """The arguments of the network by name, (..., h, w), and ``target`` (3, scale*h, scale*w). Raises InputError."""
        ...

    def name(self, index: int) -> str:
        """Where a frame comes from, as a message names it."""
        ...


class RenderedCrops:
    """Each argument (..., c, c) and ``target`` (3, scale*c, scale*c), float32, cut at the same place.

    Several crops of a frame follow one another: samples k * crops to (k + 1) * crops - 1. An epoch is every frame once.
    """

    def __init__(self, frames: RenderedFrames, settings: RenderedData, seed: int) -> None:
        self._frames, self._settings, self._seed = frames, settings, seed
        held_out = HeldOut()
        for scene in settings.scenes:
            held_out.keep(scene, [Path(scene) / "frames"], lambda place: place)
        self.notes = held_out.notes()
        self._kept: OrderedDict[int, Mapping[str, Planes]] = OrderedDict()
        self._held = 0

    def __len__(self) -> int:
        return len(self._frames) * self._settings.crops

    def sample(self, index: int, attempt: int = 0) -> Sample:
        number, random = self._number(index, attempt), for_sample(self._seed, index)
        arrays, crop = self._frame(index // self._settings.crops, number), self._settings.crop
        height, width = (side // self._frames.scale for side in arrays[TARGET].shape[-2:])
        y, x = place(random, (height, width), crop, self._frames.name(number))
        cut = {}
        for key, array in arrays.items():
            times = self._frames.scale if key == TARGET else 1
            window = array[..., y * times : (y + crop) * times, x * times : (x + crop) * times]
            cut[key] = torch.from_numpy(np.ascontiguousarray(window, np.float32))
        return cut

    def _frame(self, draw: int, number: int) -> Mapping[str, Planes]:
        """A frame as it is seen this time: its extra holes are those of the draw, and the same in all of its crops."""
        arrays = self._read(number)
        random = for_draw(self._seed, draw)
        if HOLES not in arrays or random.random() >= self._settings.extra_holes:
            return arrays
        return {**arrays, HOLES: with_rectangle(arrays[HOLES], random)}

    def _read(self, number: int) -> Mapping[str, Planes]:
        """A frame, from memory where it was used lately: putting a past together takes longer than a step."""
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        arrays = self._kept[number] = self._frames.read(number)
        self._held += sum(array.nbytes for array in arrays.values())
        while self._held > self._settings.cache_gb * 1e9 and len(self._kept) > 1:
            self._held -= sum(array.nbytes for array in self._kept.popitem(last=False)[1].values())
        return arrays

    def describe(self, index: int) -> str:
        return self._frames.name(self._number(index, 0))

    def _number(self, index: int, attempt: int) -> int:
        return (item_of(self._seed, len(self._frames), index // self._settings.crops) + attempt) % len(self._frames)
