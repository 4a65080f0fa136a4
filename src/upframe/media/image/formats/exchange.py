"""What the dispatch gives a format's reader and writer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from upframe.errors import InputError
from upframe.media.image.image import Image, Samples, Subsampling
from upframe.media.memory import require_memory
from upframe.remedies import CONVERT_IMAGE, Option, Remedy, keep_readable, way

_UNSUPPORTED = re.compile(
    "unsupported|not supported|not implemented|not available|not configured|unknown .*compression|unknown pixel mode"
    "|unknown data organization|unsupport|is not a known",
    re.IGNORECASE,
)
"""In the words of decoders: the file is sound, and they lack the means."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read, and how."""

    path: Path
    max_pixels: int
    allow_truncated: bool
    note: Callable[[str], None]
    layer: str | None = None
    """Of an OpenEXR file, the layer that is wanted."""
    page: int | None = None
    """Of a TIFF, the page that is wanted, from 0; None where the file is to have one."""

    def check_size(self, width: int, height: int) -> None:
        """Refuse an image without pixels or above ``max_pixels``: called on the header, before memory is asked for."""
        if width < 1 or height < 1:
            raise InputError(f"{self.path}: its header says {width}x{height} pixels: the file is damaged")
        if width * height > self.max_pixels:
            raise InputError(
                f"{self.path}: {width}x{height} is {width * height:,} pixels, more than the limit of {self.max_pixels:,}",
                remedy=way("if you trust the file, raise the limit with ", Option("max_pixels", width * height)),
            )
        require_memory(width * height, self.path)  # a byte for each pixel is the least there is

    def check_single(self, count: int, remedy: Remedy | str) -> None:
        """Refuse a file of several images, so that none is lost in silence."""
        if count > 1:
            raise InputError(f"{self.path}: holds {count} images, where one is expected", remedy=remedy)

    def cut_short(self, rows: int, height: int) -> None:
        """Report a file that ends early: raises InputError unless truncated files are allowed and hold at least a row."""
        if rows < 1:
            raise InputError(f"{self.path}: the file is cut short or damaged: none of its {height} rows could be read")
        if not self.allow_truncated:
            raise InputError(
                f"{self.path}: the file is cut short or damaged after row {rows} of {height}",
                remedy=keep_readable(f"the {rows} rows that can be read"),
            )
        self.note(f"the file is cut short or damaged: {rows} of {height} rows were read, the rest is empty")

    def damaged(self, reason: object) -> InputError:
        """The error for a file that its decoder gave up on: for want of support, where it says so, or of sound bytes."""
        said = " ".join(str(reason).split()) or type(reason).__name__
        if _UNSUPPORTED.search(said):
            return InputError(f"{self.path}: is of a kind that is not supported ({said})", remedy=CONVERT_IMAGE)
        return InputError(f"{self.path}: cannot be read: the file is cut short or damaged ({said})")


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How to encode, where a format leaves a choice. pages: of a TIFF, how many there will be. page: which one this is; those
    after the first are added to the file.
    """

    quality: int
    lossless: bool
    subsampling: Subsampling
    note: Callable[[str], None]
    pages: int = 1
    page: int = 0


def rgb_and_alpha(image: Image) -> Samples:
    """Colour (h, w, 3), also of grey, with alpha as the fourth channel where there is one."""
    colour = np.broadcast_to(image.pixels, (image.height, image.width, 3))
    return np.ascontiguousarray(colour if image.alpha is None else np.concatenate([colour, image.alpha], axis=2))


def split_alpha(samples: Samples) -> tuple[Samples, Samples | None]:
    """(h, w) or (h, w, 1 to 4) -> colour (h, w, 1 or 3), and alpha (h, w, 1) or None."""
    if samples.ndim == 2:
        samples = samples[..., None]
    colours = 1 if samples.shape[2] <= 2 else 3
    return samples[..., :colours], (samples[..., colours:] if samples.shape[2] > colours else None)
