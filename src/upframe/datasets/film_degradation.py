"""What happens to a video before somebody wants it larger: reduced, blurred, noisy, sharpened, compressed.

Named, versioned and seeded: a level, a seed and a clip's name decide everything, so that anybody can make the same test set
again. Samples are centred in their cells, as scalers and cameras leave them.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal, get_args

import numpy as np
import torch
from numpy.random import Generator, Philox
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from upframe.datasets.codecs import SMALLEST, Codec, Compression, compressed, jpeg_compressed
from upframe.datasets.degradation import cut_to_multiple
from upframe.ops.blur import gaussian_taps
from upframe.ops.resize import resize

VERSION = 1
"""Of what a level means; a card names it."""
Pixels = NDArray[np.uint8]
Level = Literal["mild", "strong"]
Material = Literal["film", "photo"]
Filter = Literal["area", "bicubic", "lanczos"]


@dataclass(frozen=True, slots=True)
class Faults:
    """How one clip is made smaller and worse, in this order.

    ``blur``: sigma of a Gaussian, in pixels of low resolution. ``filter``: of the reduction. ``noise``: deviation in 8-bit
    codes in mid grey; it grows with the root of the light, as a sensor's does. ``sharpening``: how much of what a blur of one
    pixel takes away is added. ``compression``: a codec, or the quality of a JPEG; None for neither.
    """

    filter: Filter = "area"
    blur: float = 0.0
    noise: float = 0.0
    sharpening: float = 0.0
    compression: Compression | int | None = None

    def __str__(self) -> str:
        parts: list[str] = [self.filter]
        parts += [f"{name} {value:.2f}" for name in ("blur", "noise", "sharpening") if (value := getattr(self, name))]
        if self.compression is not None:
            parts.append(f"jpeg {self.compression}" if isinstance(self.compression, int) else str(self.compression))
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class _Range:
    """What a level draws from. Shares are probabilities; ``quality`` spans from the best to the worst, by codec."""

    clean: float
    blur: tuple[float, float]
    blurred: float
    noise: tuple[float, float]
    noisy: float
    sharpening: tuple[float, float]
    sharpened: float
    quality: dict[Codec, tuple[int, int]]
    jpeg: tuple[int, int]


_RANGES: dict[Level, _Range] = {
    "mild": _Range(
        clean=0.2,
        blur=(0.2, 0.5),
        blurred=0.25,
        noise=(0.5, 3.0),
        noisy=0.2,
        sharpening=(0.1, 0.4),
        sharpened=0.15,
        quality={"x264": (18, 30), "x265": (18, 32), "mpeg2": (2, 7), "mpeg4": (2, 7), "vp9": (20, 40)},
        jpeg=(50, 95),
    ),
    "strong": _Range(
        clean=0.1,
        blur=(0.2, 1.0),
        blurred=0.4,
        noise=(1.0, 8.0),
        noisy=0.4,
        sharpening=(0.1, 0.8),
        sharpened=0.25,
        quality={"x264": (24, 36), "x265": (26, 36), "mpeg2": (5, 14), "mpeg4": (5, 14), "vp9": (34, 52)},
        jpeg=(30, 80),
    ),
}
_CODECS: tuple[Codec, ...] = ("x264", "x264", "x264", "x265", "x265", "mpeg2", "mpeg4", "vp9")  # as videos are met
_PRESETS = ("veryfast", "fast", "medium")
_FILTERS: tuple[Filter, ...] = get_args(Filter)


@dataclass(frozen=True, slots=True)
class FilmDegradation:
    """A level of faults for videos or photographs. ``str`` of it is what a card names."""

    material: Material
    level: Level
    seed: int = 0

    @property
    def name(self) -> str:
        """As a user reads it: ``film mild``."""
        return f"{self.material} {self.level}"

    def __str__(self) -> str:
        return f"{self.name} v{VERSION}"

    def faults(self, name: str, variant: int = 0) -> Faults:
        """The faults of the clip or image of a name; another draw for each ``variant``."""
        random = self._random(name, variant, 0)
        span = _RANGES[self.level]

        def drawn(share: float, values: tuple[float, float]) -> float:
            chance, value = random.random(), random.uniform(*values)
            return round(float(value), 3) if chance < share else 0.0

        faults = Faults(
            filter=_FILTERS[int(random.integers(len(_FILTERS)))],
            blur=drawn(span.blurred, span.blur),
            noise=drawn(span.noisy, span.noise),
            sharpening=drawn(span.sharpened, span.sharpening),
        )
        if random.random() < span.clean:
            return replace(faults, noise=0.0)
        if self.material == "photo":
            return replace(faults, compression=int(random.integers(span.jpeg[0], span.jpeg[1] + 1)))
        codec = _CODECS[int(random.integers(len(_CODECS)))]
        best, worst = span.quality[codec]
        preset = _PRESETS[int(random.integers(len(_PRESETS)))]
        return replace(faults, compression=Compression(codec, int(random.integers(best, worst + 1)), preset))

    def clip(self, frames: Iterable[Pixels], scale: int, name: str, variant: int = 0) -> Iterator[Pixels]:
        """A clip (h, w, 3) made smaller by ``scale`` and worse; each (h // scale, w // scale, 3), see :func:`degraded`."""
        return degraded(frames, scale, self.faults(name, variant), self._random(name, variant, 1))

    def _random(self, name: str, variant: int, stream: int) -> Generator:
        key = [self.seed, zlib.crc32(f"{self.material} {self.level} {VERSION} {name}".encode())]
        return Generator(Philox(key=key, counter=[0, 0, variant, stream]))


def degraded(frames: Iterable[Pixels], scale: int, faults: Faults, random: Generator) -> Iterator[Pixels]:
    """Frames (h, w, 3) of one clip -> (h // scale, w // scale, 3), uint8, cut at the bottom and the right to whole cells.

    Codecs need even sizes and a width of 64: the last row and column are repeated for them and cut again. Raises OutputError as
    :func:`compressed`.
    """
    small = (_small(frame, scale, faults, random) for frame in frames)
    match faults.compression:
        case None:
            return small
        case int(quality):
            return (jpeg_compressed(frame, quality) for frame in small)
        case codec:
            return _through_codec(small, codec)


def _through_codec(frames: Iterator[Pixels], compression: Compression) -> Iterator[Pixels]:
    first = next(frames, None)
    if first is None:
        return
    height, width = first.shape[:2]
    wider = max(width + width % 2, SMALLEST)
    added = ((0, height % 2), (0, wider - width), (0, 0))
    padded = (np.pad(frame, added, mode="edge") for frame in chain([first], frames))
    for frame in compressed(padded, compression):
        yield np.ascontiguousarray(frame[:height, :width])


@torch.inference_mode()
def _small(frame: Pixels, scale: int, faults: Faults, random: Generator) -> Pixels:
    high = torch.from_numpy(cut_to_multiple(frame, scale).transpose(2, 0, 1).astype(np.float32)) / 255
    low = _reduced(_blurred(high, faults.blur * scale), scale, faults.filter)
    if faults.noise:
        low = low + _sensor_noise(low, faults.noise, random)
    if faults.sharpening:
        low = low + faults.sharpening * (low - _blurred(low, 1.0))
    return np.ascontiguousarray(low.mul(255).round_().clamp_(0, 255).byte().permute(1, 2, 0).numpy())


def _reduced(high: Tensor, scale: int, kernel: Filter) -> Tensor:
    if kernel == "area":
        return F.avg_pool2d(high[None], scale)[0]
    height, width = high.shape[-2:]
    return resize(high, (height // scale, width // scale), kernel=kernel).clamp_(0, 1)


def _blurred(image: Tensor, sigma: float) -> Tensor:
    """(c, h, w) -> the same, the edge repeated; as it is for a sigma that reaches no neighbour."""
    if sigma < 1 / 3:
        return image
    taps = gaussian_taps(sigma)
    reach = len(taps) // 2
    planes = F.pad(image[:, None], (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(planes, taps.view(1, 1, -1, 1)), taps.view(1, 1, 1, -1))[:, 0]


def _sensor_noise(low: Tensor, deviation: float, random: Generator) -> Tensor:
    """Noise of a light-dependent deviation, ``deviation`` 8-bit codes at 0.5; half of it common to the colours, as in luma."""
    common = torch.from_numpy(random.standard_normal((1, *low.shape[1:]), dtype=np.float32))
    own = torch.from_numpy(random.standard_normal(low.shape, dtype=np.float32))
    strength = low.clamp(0.02, 1).mul(2).sqrt() * (deviation / 255)
    return strength * (common + own) * math.sqrt(0.5)
