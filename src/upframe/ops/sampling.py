"""Where a pixel of low resolution is in the cell of high resolution that it stands for.

``centre``: in the middle of its cell. So does everything that a camera, a renderer or a resizing made.
``corner``: on the first pixel of its cell, at the top left: low resolution that was blurred and of which every scale-th pixel
was kept, as FRVSR's and TecoGAN's "BD". At x4 the two lie one and a half large pixels apart, at x2 half a pixel.
"""

from __future__ import annotations

from typing import Literal

Sampling = Literal["centre", "corner"]


def sampling_of(degradation: str) -> Sampling:
    """The sampling of a degradation, by its name in any case or by what a model's card calls it."""
    return "corner" if degradation.upper() == "BD" else "centre"


def sample_offset(sampling: Sampling, scale: float) -> float:
    """How far samples lie from the middle of their cells, right and down, in pixels of low resolution: 0, or less."""
    return (1 / scale - 1) / 2 if sampling == "corner" else 0.0
