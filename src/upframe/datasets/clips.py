"""What is evaluated: clips of high and low resolution frames, and the set they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from upframe.datasets.degradation import Kind, Pixels
from upframe.datasets.frames import CutFrames, Frames
from upframe.errors import InputError


@dataclass(frozen=True, eq=False)
class EvaluationClip:
    """Frames in order; an image is a clip of one.

    frame_names: without folder or suffix. scored: the frames that published scores are of; nearly always all.
    """

    name: str
    frame_names: tuple[str, ...]
    scale: int
    scored: tuple[int, ...]
    _high: Frames = field(repr=False)
    _low: Frames = field(repr=False)
    _sizes: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.frame_names)

    def high(self, index: int) -> Pixels:
        """The frame a result is compared with: (h, w, 3) RGB, uint8, uint16 or float32, cut to a multiple of the scale.

        Raises InputError for a file that is missing or damaged, and where the two resolutions do not fit together.
        """
        return self._fitting("high", index, self._high)

    def low(self, index: int) -> Pixels:
        """The frame a model is given: (h / scale, w / scale, 3), otherwise as :meth:`high`."""
        return self._fitting("low", index, self._low)

    def has_low(self, index: int) -> bool:
        """Whether there is such a frame: a renderer may have drawn no colour of it."""
        return True

    def hole(self, index: int) -> Pixels:
        """(h, w) float32 at the size of :meth:`low`, 1 where nothing of the past could be brought to. Raises InputError."""
        raise InputError(f"{self.name}: only rendered frames have holes to count")

    def _fitting(self, side: str, index: int, frames: Frames) -> Pixels:
        """A frame, its size compared with the other side's once both are known."""
        pixels = frames.read(index)
        self._sizes[side, index] = pixels.shape[0], pixels.shape[1]
        if ("high", index) in self._sizes and ("low", index) in self._sizes:
            high, low = self._sizes.pop(("high", index)), self._sizes.pop(("low", index))
            if high != (low[0] * self.scale, low[1] * self.scale):
                needed = f"{high[1] // self.scale}x{high[0] // self.scale}"
                raise InputError(
                    f"{self._low.label(index)}: is {low[1]}x{low[0]}, but {self._high.label(index)} is "
                    f"{high[1]}x{high[0]} when cut to a multiple of {self.scale}: x{self.scale} needs {needed}"
                )
        return pixels


@dataclass(frozen=True, eq=False)
class EvaluationSet:
    """Clips that belong together.

    low_source: "files", or how low resolution is made: "BI, MATLAB bicubic, rounded once". degradation: its kind as far as it
    is known: where it is made, and where the folder of the files has a name that says it; else None. crop_multiple: what
    high resolution is cut to.
    """

    name: str
    kind: Literal["image", "video", "rendered"]
    scale: int
    low_source: str
    clips: tuple[EvaluationClip, ...]
    crop_multiple: int
    degradation: Kind | None = None

    @property
    def frames(self) -> int:
        """Of all clips."""
        return sum(len(clip) for clip in self.clips)


def make_clip(name: str, high: Frames, low: Frames, scale: int, *, scored: tuple[int, ...] | None = None) -> EvaluationClip:
    """A clip of frames that belong together one by one. Raises InputError when there are more of one than of the other."""
    names, others = high.names, low.names
    if len(names) != len(others):
        raise InputError(
            f"{name}: {len(names)} frames of high resolution, but {len(others)} of low: {high.label(0)}, {low.label(0)}"
        )
    return EvaluationClip(
        name, names, scale, tuple(range(len(names))) if scored is None else scored, CutFrames(high, scale), low
    )
