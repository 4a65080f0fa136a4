"""Crops of clips and of what a film degradation made of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from upframe.datasets.film_degradation import FilmDegradation
from upframe.datasets.held_out import HeldOut
from upframe.errors import InputError
from upframe.training.data.chance import for_sample, item_of
from upframe.training.data.clips import mirrored
from upframe.training.data.cropping import laid
from upframe.training.data.degraded import DegradedClip, Frames, in_store
from upframe.training.data.frames import open_clips, open_images
from upframe.training.data.sets import Sample
from upframe.training.data.settings import FilmData

Told = Callable[[str], None]


class FilmCrops:
    """``low`` (t, 3, s / scale, s / scale) and ``high`` (t, 3, s, s), uint8; without t where ``frames`` is 1.

    Of ``clips`` in a store. An epoch begins once at every frame of every clip, and photographs are clips of one frame.
    """

    def __init__(self, settings: FilmData, clips: Sequence[DegradedClip], seed: int) -> None:
        self._settings, self._clips, self._seed = settings, clips, seed
        self._scale = clips[0].scale
        self.notes: tuple[str, ...] = ()  # what is left out was told when the clips were put into the store
        self._ends = list(accumulate(len(clip.high(clip.variants[0])) for clip in self._clips))

    def __len__(self) -> int:
        return self._ends[-1]

    def sample(self, index: int, attempt: int = 0) -> Sample:
        random = for_sample(self._seed, index)
        clip, first = self._start(index, attempt)
        variant = clip.variants[int(random.integers(len(clip.variants)))]
        high, low = clip.high(variant), clip.low(variant)
        numbers = [mirrored(first + i, len(high)) for i in range(self._settings.frames)]
        places = [self._place(low, random, clip.name) for _ in range(self._settings.choices)]
        y, x = max(places, key=lambda place: self._detail(low[numbers[0]], place)) if len(places) > 1 else places[0]
        side, scale = self._settings.crop // self._scale, self._scale
        small = np.stack([low[number, y : y + side, x : x + side] for number in numbers])
        large = np.stack([high[n, y * scale : (y + side) * scale, x * scale : (x + side) * scale] for n in numbers])
        if random.random() < self._settings.reversal:
            small, large = small[::-1], large[::-1]
        return self._laid(small, large, random)

    def describe(self, index: int) -> str:
        clip, first = self._start(index, 0)
        return f"{clip.name}, from frame {first}"

    def _start(self, index: int, attempt: int) -> tuple[DegradedClip, int]:
        item = (item_of(self._seed, self._ends[-1], index) + attempt) % self._ends[-1]
        number = bisect_right(self._ends, item)
        return self._clips[number], item - (self._ends[number - 1] if number else 0)

    def _place(self, low: Frames, random: Generator, name: str) -> tuple[int, int]:
        """The first row and column of a crop, in pixels of low resolution."""
        side = self._settings.crop // self._scale
        height, width = low.shape[1:3]
        if min(height, width) < side:
            raise InputError(f"{name}: {width}x{height} pixels of low resolution are too few for data.crop, {side} each way")
        return int(random.integers(height - side + 1)), int(random.integers(width - side + 1))

    def _detail(self, frame: NDArray[np.uint8], place: tuple[int, int]) -> float:
        side = self._settings.crop // self._scale
        y, x = place
        return float(np.abs(np.diff(frame[y : y + side, x : x + side].astype(np.int16), axis=0)).mean())

    def _laid(self, low: Frames, high: Frames, random: Generator) -> Sample:
        """Both flipped and turned alike."""
        state = random.bit_generator.state
        sample: Sample = {}
        for name, frames in (("low", low), ("high", high)):
            random.bit_generator.state = state
            pixels = laid(frames.transpose(0, 3, 1, 2), self._settings.flips, random)
            sample[name] = torch.from_numpy(np.ascontiguousarray(pixels if self._settings.frames > 1 else pixels[0]))
        return sample


def degradation_of(settings: FilmData) -> FilmDegradation:
    """The degradation that the settings name."""
    return FilmDegradation(settings.material, settings.level, settings.degradation_seed)


def stored_clips(settings: FilmData, scale: int, told: Told = lambda _: None) -> list[DegradedClip]:
    """Every clip and photograph of the settings, with all its variants; those that are not yet in the store are made.

    ``told`` is given a line for each clip that is made or is for testing. Raises InputError for sources that are missing, clips
    that cannot be read or are too small; ``skip_damaged`` leaves such clips out.
    """
    held_out = HeldOut()
    clips = open_clips(settings.clips, held_out, skip_damaged=settings.skip_damaged)
    clips += open_images(settings.photographs, held_out)
    for text in held_out.notes():
        told(text)
    degradation = degradation_of(settings)
    store = Path(settings.store).expanduser()
    stored = []
    for number, clip in enumerate(clips, start=1):
        own = in_store(clip, store, degradation, scale, variants=settings.variants, sizes=settings.sizes)
        if missing := own.missing():
            told(f"{clip.name} ({number} of {len(clips)}) is degraded in {len(missing)} ways, into {own.folder}")
        try:
            own.make(clip)
        except InputError as error:
            if not settings.skip_damaged:
                raise
            told(f"{error}: left out")
            continue
        stored.append(own)
    if not stored:
        raise InputError("data: no clip could be read")
    return stored
