"""In what condition video or an image is: compressed, blocky, noisy, soft, or clean. Weights are chosen by it.

Measured on a few frames of luma; what a file says of its own quantisers goes first. The limits were set on the training and
validation clips encoded by x264, x265, MPEG-2 and VP9 at many qualities, and on photographs as JPEG (docs/models.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from upframe.media.glance import Glance, crop, glance
from upframe.media.quantisers import image_step

Source = Literal["stream", "encoder", "rate", "file"]
COMPRESSED = 6.0  # step in 8-bit codes: x264 at CRF 17, a JPEG of quality 82
BLOCKY = 0.15  # how much more neighbours differ across the borders of blocks than inside
NOISY = 1.5  # 8-bit codes, in the flattest parts
SOFT = 0.1  # sharpness below which an image was upscaled before, or is out of focus
_RATE = {"hevc": 0.24, "av1": 0.2, "vvc": 0.18, "vp8": 0.38, "wmv3": 0.38, "vc1": 0.36, "rv40": 0.38, "theora": 0.45}
"""Bits a pixel times the step over the motion and detail there is: how well a codec that does not tell its step predicts."""


@dataclass(frozen=True)
class Condition:
    """``coding``: how it was encoded, in FFmpeg's words. ``step``: of the quantiser, in 8-bit codes, None if unknown.

    ``source``: how the step is known: ``stream`` and ``file`` are exact, ``encoder`` is what was asked of it, ``rate`` an
    estimate. ``blockiness``: 0 for none. ``noise``: deviation in 8-bit codes. ``sharpness``: 0 to 1.
    """

    coding: str = ""
    step: float | None = None
    source: Source = "file"
    blockiness: float = 0.0
    noise: float = 0.0
    sharpness: float = 1.0

    @cached_property
    def faults(self) -> tuple[str, ...]:
        """What weights for compressed material are for, in plain words; empty where it is clean."""
        found = []
        if self.step is not None and self.step >= COMPRESSED:
            about = "about " if self.source in ("rate", "encoder") else ""
            found.append(f"compressed ({self.coding}, in steps of {about}{self.step:.0f} of 255)")
        elif self.blockiness >= BLOCKY:
            found.append("blocky")
        if self.noise >= NOISY:
            found.append(f"noisy (by {self.noise:.1f} of 255)")
        return tuple(found)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong with it that weights for clean material would make worse."""
        return not self.faults

    def __str__(self) -> str:
        words = list(self.faults) or ["clean"]
        return " and ".join([*words, "soft"] if self.sharpness < SOFT else words)


def condition_of_video(path: Path, *, max_pixels: int) -> Condition:
    """Of a few frames from its beginning and later. What cannot be decoded counts as clean: its reader tells what is wrong."""
    seen = glance(path, max_pixels=max_pixels)
    if seen is None:
        return Condition()
    first = [frames[0] for frames in seen.luma]
    step, source = seen.step, seen.source
    if step is None and seen.bits is not None and seen.codec in _RATE:
        return _measured(first, seen.codec, _estimated_step(seen, seen.bits), "rate")
    return _measured(first, seen.codec, step, source)


def condition_of_image(path: Path, samples: NDArray[Any]) -> Condition:
    """Of an image that was read from ``path``: samples (h, w, channels). Floats are light, in which nothing is measured."""
    if samples.dtype.kind != "u":
        return Condition()
    codes = crop(samples.mean(axis=2)) / (1 if samples.dtype.itemsize == 1 else 257)
    step = image_step(path)
    return _measured([codes], "" if step is None else "jpeg", step, "file")


def _measured(luma: list[NDArray[Any]], coding: str, step: float | None, source: Source) -> Condition:
    large = [frame.astype(np.float32) for frame in luma if min(frame.shape) >= 32]
    if not large:
        return Condition(coding, step, source)
    means = [float(np.median([measure(frame) for frame in large])) for measure in (blockiness, noise, sharpness)]
    return Condition(coding, step, source, *means)


def _estimated_step(seen: Glance, bits: float) -> float:
    """From the bits a pixel has, by the model of rate control that bits are detail over step.

    Test Model 5 of MPEG-2 (complexity is bits times step), with the detail of Chiang and Zhang (1997): what differs within a
    frame, and from one to the next. Within a factor of 1.6 of what x265 was told.
    """
    spatial = [
        np.abs(np.diff(frame.astype(np.float32), axis=axis)).mean()
        for frames in seen.luma
        for frame in frames
        for axis in (0, 1)
    ]
    pairs = [pair for frames in seen.luma for pair in pairwise(frames)]
    temporal = [np.abs(one.astype(np.float32) - other).mean() for one, other in pairs if one.shape == other.shape]
    detail = np.sqrt(2 * np.mean(spatial) * max(np.mean(temporal) if temporal else 0.0, 0.5))
    return float(_RATE[seen.codec] * detail / bits)


def blockiness(luma: NDArray[np.float32]) -> float:
    """How much more neighbours differ across the borders of blocks of 8x8 than elsewhere: 0 for none, 0.3 for a JPEG of 50.

    As in Wang, Sheikh and Bovik (ICIP 2002), but relative to the differences beside the borders, and with edges capped, so
    that one that lies on a border does not count for a hundred pixels.
    """
    values = []
    for differences in (np.diff(luma, axis=1), np.diff(luma, axis=0).T):
        by_phase = np.array([np.minimum(np.abs(differences[:, phase::8]), 24).mean() for phase in range(8)])
        inside = np.delete(by_phase, 7)
        values.append((by_phase[7] - inside.mean()) / max(inside.mean(), 0.25) - inside.std() / max(inside.mean(), 0.25))
    return max(float(np.mean(values)), 0.0)


def noise(luma: NDArray[np.float32]) -> float:
    """The deviation of noise, in codes, in the flattest tenth of blocks of 16x16.

    Immerkaer (1996): what a mask leaves that is blind to planes and to edges along the axes. Blocks are flat by what differs in
    them at half the size, where noise has averaged out and texture has not.
    """
    centre = luma[1:-1, 1:-1]
    sides = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
    corners = luma[:-2, :-2] + luma[:-2, 2:] + luma[2:, :-2] + luma[2:, 2:]
    response = _blocks(np.abs(4 * centre - 2 * sides + corners), 16).mean(axis=1) * np.sqrt(np.pi / 2) / 6
    height, width = (length // 16 * 16 for length in centre.shape)
    small = centre[:height, :width].reshape(height // 4, 4, width // 4, 4).mean(axis=(1, 3))
    busy = _blocks(small, 4).std(axis=1)
    return float(np.median(response[busy <= np.quantile(busy, 0.1)]))


def sharpness(luma: NDArray[np.float32]) -> float:
    """How much of the finest detail there could be is there, at edges: 0 for an upscaling, about 0.4 for what is sharp.

    Second differences over one pixel against those over two, where the latter are largest: of what has no detail finer than
    two pixels they are a quarter, of white noise they are as large.
    """
    ratios = []
    for image in (luma, luma.T):
        near = np.abs(image[:, 1:-3] - 2 * image[:, 2:-2] + image[:, 3:-1])
        far = np.abs(image[:, :-4] - 2 * image[:, 2:-2] + image[:, 4:])
        edges = far >= np.quantile(far, 0.95)
        ratios.append(near[edges].mean() / max(far[edges].mean(), 1e-3))
    return float(np.clip((np.mean(ratios) - 0.25) / 0.75, 0, 1))


def _blocks(values: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """(h, w) -> (n, side * side); what is left at the right and the bottom is dropped."""
    rows, columns = (length // side for length in values.shape)
    cut = values[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return cut.transpose(0, 2, 1, 3).reshape(rows * columns, side * side)
