"""Crops of single images."""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator

from upframe.datasets.held_out import HeldOut
from upframe.training.data.chance import for_sample, item_of
from upframe.training.data.cropping import laid, place
from upframe.training.data.frames import Frame, FrameCache, open_images
from upframe.training.data.pairs import border
from upframe.training.data.sets import Sample
from upframe.training.data.settings import ImageData


class ImageCrops:
    """``high``: (3, s + 2b, s + 2b) uint8, a crop and the border its degradation needs. An epoch is one crop of each image.

    Large images are drawn as often as small ones. Raises InputError for sources that are missing.
    """

    def __init__(self, settings: ImageData, scale: int, seed: int) -> None:
        self._settings, self._scale, self._seed = settings, scale, seed
        held_out = HeldOut()
        self._images = open_images(settings.images, held_out)
        self.notes = held_out.notes()
        self._cache = FrameCache(int(settings.cache_gb * 1e9))
        self._side = settings.crop + 2 * border(settings.degradation, scale)

    def __len__(self) -> int:
        return len(self._images)

    def sample(self, index: int, attempt: int = 0) -> Sample:
        number = self._number(index, attempt)
        random = for_sample(self._seed, index)
        image = self._cache.read(self._images[number], 0)
        crops = [self._crop(image, self._images[number].name, random) for _ in range(self._settings.choices)]
        crop = max(crops, key=_detail) if len(crops) > 1 else crops[0]
        pixels = laid(crop.transpose(2, 0, 1)[None], self._settings.flips, random)[0]
        return {"high": torch.from_numpy(np.ascontiguousarray(pixels))}

    def describe(self, index: int) -> str:
        return self._images[self._number(index, 0)].name

    def _number(self, index: int, attempt: int) -> int:
        return (item_of(self._seed, len(self._images), index) + attempt) % len(self._images)

    def _crop(self, image: Frame, name: str, random: Generator) -> Frame:
        y, x = place(random, (image.shape[0], image.shape[1]), self._side, name, self._scale)
        return image[y : y + self._side, x : x + self._side]


def _detail(crop: Frame) -> float:
    return float(np.abs(np.diff(crop.astype(np.int16), axis=0)).mean())
