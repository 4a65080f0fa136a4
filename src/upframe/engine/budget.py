"""How large a frame may be rendered, so that upscaling it to the display takes no longer than there is time for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import torch

from upframe.engine.supersampler import Supersampler
from upframe.errors import InputError
from upframe.rendered.frame import CHANNELS, RenderedFrame
from upframe.rendered.jitter import halton
from upframe.runtime.precision import Precision
from upframe.runtime.rates import wait

WARM_UP = 2  # frames that are not timed


class RenderSize(NamedTuple):
    """A render size (height, width), what upscales it to the display's, and how long that took a frame."""

    model: str
    size: tuple[int, int]
    milliseconds: float


def render_size(
    display: tuple[int, int],
    milliseconds: float,
    models: Sequence[str] = ("nsrr-x2", "nsrr-x4"),
    *,
    device: str = "auto",
    precision: Precision = "auto",
    frames: int = 5,
) -> RenderSize:
    """The largest render size from which one of ``models`` reaches ``display`` (height, width) within ``milliseconds``.

    Measured here and now, as the median of so many ``frames`` of :meth:`Supersampler.step` after two that are not timed;
    tensors stay on the device. Sides that the scale does not divide are rounded up: cut the result. Raises InputError where
    none is quick enough, CheckpointError and DeviceError.

        >>> import upframe
        >>> upframe.render_size((48, 64), 60_000, models=["taau-x2", "taau-x4"]).size
        (24, 32)
    """
    loaded = [Supersampler(name, device=device, precision=precision) for name in models]
    measured = []
    for supersampler in sorted(loaded, key=lambda candidate: candidate.info.scale):
        height, width = (-(-side // supersampler.info.scale) for side in display)
        found = RenderSize(supersampler.info.name, (height, width), _milliseconds(supersampler, (height, width), frames))
        if found.milliseconds <= milliseconds:
            return found
        measured.append(found)
    if not measured:
        raise InputError("no models to choose a render size for")
    least = min(measured, key=lambda found: found.milliseconds)
    raise InputError(
        f"no model is quick enough: {least.model} takes {least.milliseconds:.1f} ms a frame of"
        f" {least.size[1]}x{least.size[0]}, not {milliseconds:g}",
        remedy="take a smaller display size, half precision, or a quicker model",
    )


def _milliseconds(supersampler: Supersampler, size: tuple[int, int], frames: int) -> float:
    """Of a frame, the median of so many, on the device."""
    device, taken = supersampler.device, []
    buffers = {
        name: torch.full(size if channels == 1 else (*size, channels), 0.5, device=device)
        for name, channels in CHANNELS.items()
    }
    for number, jitter in enumerate(halton(WARM_UP + frames)):
        frame = RenderedFrame(**buffers, jitter=jitter)  # type: ignore[arg-type]  # buffers alone
        wait(device)
        begin = time.perf_counter()
        supersampler.step(frame)
        wait(device)
        if number >= WARM_UP:
            taken.append(time.perf_counter() - begin)
    return 1000 * median(taken)
