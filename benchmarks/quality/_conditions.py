"""What is done to a clip before it is upscaled again: one fault, or one usual pair of them, at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from upframe.datasets.codecs import Compression
from upframe.datasets.degradation import DEGRADATIONS
from upframe.datasets.film_degradation import Faults, degraded

Frames = list[NDArray[np.uint8]]
"""Of a clip, (h, w, 3) RGB each."""


@dataclass(frozen=True, slots=True)
class Condition:
    """``faults``: or the name of a reduction without any. ``still``: the clip is its first frame again and again.

    On a still scene all that moves in a result is flicker.
    """

    faults: Faults | str
    still: bool = False

    def truth(self, frames: Frames) -> Frames:
        """What a result is compared with."""
        return frames[:1] * len(frames) if self.still else frames

    def small(self, frames: Frames, scale: int) -> Frames:
        """A clip under this condition; always the same."""
        if isinstance(self.faults, str):
            return [DEGRADATIONS[self.faults].pixels(frame, scale) for frame in self.truth(frames)]
        return list(degraded(self.truth(frames), scale, self.faults, np.random.default_rng(0)))


NOISE = 3.0  # 8-bit codes in mid grey
CONDITIONS: dict[str, Condition] = {
    "clean": Condition("bi"),
    "x264 23": Condition(Faults(compression=Compression("x264", 23))),
    "x264 28": Condition(Faults(compression=Compression("x264", 28))),
    "x264 33": Condition(Faults(compression=Compression("x264", 33))),
    "x265 30": Condition(Faults(compression=Compression("x265", 30))),
    "mpeg2 6": Condition(Faults(compression=Compression("mpeg2", 6))),
    "noise, x264 26": Condition(Faults(noise=NOISE, compression=Compression("x264", 26))),
    "jpeg 40": Condition(Faults(compression=40)),
    "jpeg 75": Condition(Faults(compression=75)),
    "still, noise": Condition(Faults(noise=NOISE), still=True),
    "still, noise, x264 26": Condition(Faults(noise=NOISE, compression=Compression("x264", 26)), still=True),
}
"""Reductions without a codec by name; the others by area."""
