"""Pictures from files: enlarged with their transparency, depth and light, all that surrounds the pixels kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upframe.engine.size import Target
from upframe.engine.upscaler import Upscaler
from upframe.media.pictures.picture import Picture


def enlarge_picture(picture: Picture, upscaler: Upscaler, target: Target, on_note: Callable[[str], None]) -> Picture:
    """The same picture, larger: same type, same metadata. Values that are no numbers are noted and replaced."""
    pixels = _finite(picture.pixels, on_note)
    colour, alpha = upscaler.upscale_layers(pixels, picture.alpha, target, linear=picture.linear)
    return replace(picture, pixels=colour, alpha=alpha)


def _finite(pixels: NDArray[Any], on_note: Callable[[str], None]) -> NDArray[Any]:
    """Float samples with NaN as 0 and infinities as the largest finite value: a network would spread them."""
    if not np.issubdtype(pixels.dtype, np.floating):
        return pixels
    broken = ~np.isfinite(pixels)
    count = int(broken.sum())
    if not count:
        return pixels
    on_note(f"{count} samples are not finite numbers: NaN is taken as 0, infinity as the largest value there is")
    finite = np.where(broken, 0, pixels)
    replaced: NDArray[Any] = np.nan_to_num(pixels, nan=0.0, posinf=float(finite.max()), neginf=float(finite.min()))
    return replaced
