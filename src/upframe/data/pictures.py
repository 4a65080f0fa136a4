"""Picture files as the arrays of RGB that data sets are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upframe.errors import InputError
from upframe.media.pictures.file import read_picture


def read_rgb(path: Path) -> NDArray[Any]:
    """A picture file as (h, w, 3) RGB: grey becomes three equal channels, transparency is left out.

    uint8 or uint16 as stored; scene-linear floats are bent to a display's curve (:mod:`upframe.ops.transfer`), float32. Raises
    InputError for what cannot be read, and for samples that are not finite numbers: no score could be had of them.
    """
    picture = read_picture(path)
    pixels = picture.pixels
    if np.issubdtype(pixels.dtype, np.floating):
        check_numbers(pixels, str(path))
    if picture.linear:
        pixels = _as_shown(pixels)
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, axis=2)


def check_numbers(samples: NDArray[Any], label: str) -> None:
    """Raise InputError, naming where they are from, for floating-point samples that are NaN or infinite."""
    broken = samples.size - int(np.isfinite(samples).sum())
    if broken:
        raise InputError(f"{label}: {broken} of {samples.size} samples are NaN or infinite; no score can be had of them")


def _as_shown(light: NDArray[Any]) -> NDArray[Any]:
    import torch  # a second to load, which only these need

    from upframe.ops.transfer import encode_linear

    return encode_linear(torch.from_numpy(light)).numpy()
