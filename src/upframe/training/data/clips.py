"""Crops of clips: real ones, stills that are shifted, and photographs before a moving camera."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from upframe.datasets.held_out import HeldOut
from upframe.errors import InputError
from upframe.training.data.camera import video_image
from upframe.training.data.chance import for_sample, item_of
from upframe.training.data.cropping import laid, place
from upframe.training.data.frames import FrameCache, open_clips, open_images
from upframe.training.data.pairs import border
from upframe.training.data.sets import Sample
from upframe.training.data.settings import ClipData

Pixels = NDArray[np.uint8]


def mirrored(index: int, count: int) -> int:
    """A frame of a clip that turns back at its ends: of 3 frames 0 1 2 1 0 1 ..."""
    period = max(2 * count - 2, 1)
    index %= period
    return min(index, period - index)


class ClipCrops:
    """``high``: (t, 3, s + 2b, s + 2b) uint8, a clip and the border its degradation needs.

    An epoch begins once at every frame of every clip; a clip that ends too soon runs back, as published. Raises InputError
    for sources that are missing.
    """

    def __init__(self, settings: ClipData, scale: int, seed: int) -> None:
        self._settings, self._scale, self._seed = settings, scale, seed
        held_out = HeldOut()
        self._photographs = open_images(settings.photographs, held_out)
        self._clips = open_clips(settings.clips, held_out, skip_damaged=settings.skip_damaged)
        self.notes = held_out.notes()
        self._ends = list(accumulate(len(clip) for clip in self._clips))
        self._cache = FrameCache(int(settings.cache_gb * 1e9))
        self._side = settings.crop + 2 * border(settings.degradation, scale)
        self._share = settings.photograph_share if self._clips else 1.0
        if not self._photographs:
            self._share = 0.0

    def __len__(self) -> int:
        return self._ends[-1] if self._clips else len(self._photographs)

    def sample(self, index: int, attempt: int = 0) -> Sample:
        random = for_sample(self._seed, index)
        if random.random() < self._share:
            frames = self._video(index, attempt, random)
        else:
            frames = self._cut(index, attempt, random)
        if random.random() < self._settings.reversal:
            frames = frames[::-1]
        for _ in range(self._settings.mirrored):
            frames = np.concatenate((frames, frames[::-1]))
        return {"high": torch.from_numpy(np.ascontiguousarray(laid(frames, self._settings.flips, random)))}

    def describe(self, index: int) -> str:
        if for_sample(self._seed, index).random() < self._share:
            return self._photographs[item_of(self._seed, len(self._photographs), index)].name
        clip, first = self._start(index, 0)
        return f"{self._clips[clip].name}, from frame {first}"

    def _start(self, index: int, attempt: int) -> tuple[int, int]:
        """Which clip, and its first frame."""
        item = (item_of(self._seed, self._ends[-1], index) + attempt) % self._ends[-1]
        clip = bisect_right(self._ends, item)
        return clip, item - (self._ends[clip] - len(self._clips[clip]))

    def _video(self, index: int, attempt: int, random: Generator) -> Pixels:
        number = (item_of(self._seed, len(self._photographs), index) + attempt) % len(self._photographs)
        image = torch.from_numpy(self._cache.read(self._photographs[number], 0).transpose(2, 0, 1))
        filmed: Pixels = video_image(image, self._settings.frames, self._side, random, speed=self._settings.speed).numpy()
        return filmed

    def _cut(self, index: int, attempt: int, random: Generator) -> Pixels:
        clip, first = self._start(index, attempt)
        name, count, side = self._clips[clip].name, self._settings.frames, self._side
        if random.random() < self._settings.still_share:
            frame = self._cache.read(self._clips[clip], first)
            walk = self._walk(random)
            size = frame.shape[0] - int(walk[:, 0].max()), frame.shape[1] - int(walk[:, 1].max())
            y, x = place(random, size, side, name)
            frames = [frame[y + down : y + down + side, x + right : x + right + side] for down, right in walk.tolist()]
        else:
            numbers = [mirrored(first + i, len(self._clips[clip])) for i in range(count)]
            whole = [self._cache.read(self._clips[clip], number) for number in numbers]
            for number, frame in zip(numbers, whole, strict=True):
                if frame.shape != whole[0].shape:
                    (height, width), (first_height, first_width) = frame.shape[:2], whole[0].shape[:2]
                    raise InputError(
                        f"{name}: frame {number} has {width}x{height} pixels, but frame {numbers[0]} has "
                        f"{first_width}x{first_height}: all frames of a clip must have one size"
                    )
            y, x = place(random, (whole[0].shape[0], whole[0].shape[1]), side, name)
            frames = [frame[y : y + side, x : x + side] for frame in whole]
        return np.stack(frames).transpose(0, 3, 1, 2)

    def _walk(self, random: Generator) -> NDArray[np.int64]:
        """The random walk of a still, down and right, (frames, 2), from 0; in steps of whole low-resolution pixels for BI."""
        count = self._settings.frames
        if self._settings.degradation == "BD":
            steps = np.floor(random.uniform(-3.5, 4.5, (count, 2)))
        else:
            steps = self._scale * np.floor(random.uniform(-1.5, 1.5, (count, 2)))
        path = np.cumsum(steps.astype(np.int64), axis=0)
        walk: NDArray[np.int64] = path - path.min(axis=0)
        return walk
