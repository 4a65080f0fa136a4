"""Where the pixels of a set's low resolution lie: known where it is made here, found by comparison where it is files."""

from __future__ import annotations

import numpy as np

from upframe.datasets.clips import EvaluationSet
from upframe.datasets.degradation import DEGRADATIONS, Degradation, Pixels
from upframe.errors import InputError, ShapeError
from upframe.ops.sampling import Sampling, sampling_of

LOOKED_AT = 50  # frames: videos begin black
CLEAR = 1e-6  # of mean square differences of values in [0, 1]


def made_by(dataset: EvaluationSet) -> Degradation | None:
    """What low resolution is made with, where there are no files of it."""
    return next((degradation for degradation in DEGRADATIONS.values() if str(degradation) == dataset.low_source), None)


def sampling_in(dataset: EvaluationSet) -> Sampling:
    """Where the pixels of low resolution lie in the cells they stand for.

    Files do not say it: "BD" means either, and many folders are only called "LR". Their frames are compared with what each
    degradation makes of high resolution, and lie where the nearest has its samples. Where all frames are flat, or there is
    nothing to tell them by, the name of the folder decides. Raises InputError for damaged files.
    """
    if dataset.kind == "rendered" or not dataset.clips:
        return "centre"
    made = made_by(dataset)
    if made is not None:
        return made.sampling
    clip = dataset.clips[0]
    for index in range(min(len(clip), LOOKED_AT)):
        errors = _errors(clip.low(index), clip.high(index), dataset.scale)
        if len(errors) > 1 and abs(errors["corner"] - errors["centre"]) > CLEAR:
            return "corner" if errors["corner"] < errors["centre"] else "centre"
    return sampling_of(dataset.degradation or "")


def _errors(low: Pixels, high: Pixels, scale: int) -> dict[Sampling, float]:
    """The least mean square difference of a frame from what a degradation with each sampling makes; values in [0, 1]."""
    errors: dict[Sampling, float] = {}
    given = _unit(low)
    for degradation in DEGRADATIONS.values():
        try:
            made = _unit(degradation.pixels(high, scale))
        except (InputError, ShapeError):  # an odd scale, which bd-centred is not made for; an image smaller than a blur
            continue
        error = float(np.square(made - given).mean())
        errors[degradation.sampling] = min(error, errors.get(degradation.sampling, error))
    return errors


def _unit(pixels: Pixels) -> Pixels:
    return pixels / (1.0 if np.issubdtype(pixels.dtype, np.floating) else float(np.iinfo(pixels.dtype).max))
