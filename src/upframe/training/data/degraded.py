"""Clips and what a film degradation makes of them, made beforehand and kept on disk: a step never waits for a codec.

A store is a folder. Each clip has a folder in it, named after the clip and a digest of what its files are; there
``high-SIZE.npy`` holds the truth and ``low-SIZE-VARIANT-....npy`` what was made of it, both (t, h, w, 3) uint8. What is there
is taken as it is, so that several trainings share a store, and one that was stopped while it was made goes on.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from upframe.datasets.film_degradation import VERSION, FilmDegradation
from upframe.errors import InputError
from upframe.media.atomic import atomic_output
from upframe.ops.resize import resize
from upframe.training.data.frames import Clip

Frames = NDArray[np.uint8]
"""(t, h, w, 3)."""
_STAMPED = 1 << 16  # bytes
_SMALLEST = 32  # pixels of low resolution: smaller ones are not what codecs are made for


@dataclass(frozen=True, slots=True)
class Variant:
    """One degraded form of a clip. ``size``: the truth is the clip made smaller by this factor first, hence sharper."""

    size: float
    number: int


@dataclass(frozen=True, slots=True)
class DegradedClip:
    """A clip in a store, with files for each of its variants."""

    name: str
    folder: Path
    variants: tuple[Variant, ...]
    degradation: FilmDegradation
    scale: int

    def high(self, variant: Variant) -> Frames:
        """(t, h, w, 3), mapped from the file: pixels are read when they are looked at."""
        return _mapped(self._high_file(variant))

    def low(self, variant: Variant) -> Frames:
        """(t, h // scale, w // scale, 3), mapped as well."""
        return _mapped(self._low_file(variant))

    def missing(self) -> list[Variant]:
        """The variants whose files are yet to be made."""
        return [v for v in self.variants if not (self._low_file(v).is_file() and self._high_file(v).is_file())]

    def make(self, clip: Clip) -> None:
        """Make the files that are missing. Raises InputError for a clip that cannot be read or is too small."""
        missing = self.missing()
        if not missing:
            return
        frames = [clip.read(index) for index in range(len(clip))]
        for variant in missing:
            high = [_sized(frame, variant.size) for frame in frames]
            if min(high[0].shape[:2]) < _SMALLEST * self.scale:
                height, width = high[0].shape[:2]
                least = _SMALLEST * self.scale
                raise InputError(
                    f"{clip.name}: {width}x{height} pixels are too few to be degraded: {least} are needed each way"
                )
            low = list(self.degradation.clip(high, self.scale, f"{Path(clip.name).name} {variant.size:g}", variant.number))
            self._write(self._high_file(variant), high)
            self._write(self._low_file(variant), low)

    def _write(self, file: Path, frames: Sequence[NDArray[np.uint8]]) -> None:
        if not file.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            with atomic_output(file, overwrite=True) as temporary, temporary.open("wb") as opened:
                np.save(opened, np.stack(frames))

    def _high_file(self, variant: Variant) -> Path:
        return self.folder / f"high-{variant.size:g}.npy"

    def _low_file(self, variant: Variant) -> Path:
        made = self.degradation
        return self.folder / (
            f"low-{variant.size:g}-{variant.number}-x{self.scale}-{made.material}-{made.level}-v{VERSION}-seed{made.seed}.npy"
        )


def in_store(
    clip: Clip, store: Path, degradation: FilmDegradation, scale: int, *, variants: int, sizes: Sequence[float]
) -> DegradedClip:
    """The place of a clip in a store: ``variants`` of them, which take the ``sizes`` in turn. Nothing is read or written."""
    digest = zlib.crc32(f"{clip.name} {len(clip)} {_stamp(clip.name)}".encode())
    folder = store / f"{Path(clip.name).stem[:80].replace(':', '-')}-{digest:08x}"
    wanted = tuple(Variant(float(sizes[number % len(sizes)]), number) for number in range(variants))
    return DegradedClip(clip.name, folder, wanted, degradation, scale)


def _stamp(name: str) -> str:
    """What changes when a clip's files do, and not when they are copied; empty for clips that are no files.

    Of a file its size and a checksum of its first and last 64 KiB, of a folder the same for each of its files.
    """
    path = Path(name)
    if path.is_dir():
        return " ".join(f"{file.name} {_stamp(str(file))}" for file in sorted(path.iterdir()) if file.is_file())
    if not path.is_file():
        return ""
    size = path.stat().st_size
    with path.open("rb") as file:
        checksum = zlib.crc32(file.read(_STAMPED))
        file.seek(max(size - _STAMPED, 0))
        checksum = zlib.crc32(file.read(_STAMPED), checksum)
    return f"{size} {checksum:08x}"


def _mapped(file: Path) -> Frames:
    """Raises InputError for a file that is no longer there or is damaged."""
    try:
        frames = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read", remedy="delete it; it is then made again") from error
    if frames.ndim != 4 or frames.dtype != np.uint8:
        raise InputError(f"{file}: holds no frames", remedy="delete it; it is then made again")
    mapped: Frames = frames
    return mapped


def _sized(frame: NDArray[np.uint8], size: float) -> NDArray[np.uint8]:
    """A frame (h, w, 3) made smaller by bicubic interpolation, with antialiasing; itself for a size of 1."""
    if size == 1:
        return frame
    planes = torch.from_numpy(frame.transpose(2, 0, 1).astype(np.float32))
    smaller = resize(planes, (round(planes.shape[1] * size), round(planes.shape[2] * size)))
    return np.ascontiguousarray(smaller.round_().clamp_(0, 255).byte().permute(1, 2, 0).numpy())
