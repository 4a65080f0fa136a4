"""Bad samples of rendered frames: what is not a number, or not possible, is replaced where it is, and reported.

A renderer divides by zero now and then. A past that is kept would carry such a sample on, and a network spreads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from upframe.errors import InputError
from upframe.rendered.preparation import BRIGHTEST

_FARTHEST = 4  # times the longest side: motion beyond it leads out of the image all the same


def is_bad(name: str, buffer: Tensor) -> Tensor:
    """Which samples of a buffer cannot be: not finite, or for depth NaN and what does not lie in front of the camera."""
    return ~(buffer > 0) if name == "depth" else ~buffer.isfinite()


def repaired(name: str, buffer: Tensor) -> Tensor:
    """A buffer (1, c, h, w) with bad samples replaced, without a look at the whole: no device is waited for.

    Colour: black for NaN, the brightest for infinity. Depth: background. Motion: none for NaN, out of the image for what
    leads beyond reason. Anything else: 0.
    """
    if name == "depth":
        return torch.where(buffer > 0, buffer, torch.inf)
    if name == "colour":
        return buffer.nan_to_num(0.0, BRIGHTEST, 0.0)
    if name == "motion":
        reach = float(_FARTHEST * max(buffer.shape[-2:]))
        return buffer.nan_to_num(0.0, reach, -reach).clamp(-reach, reach)
    return buffer.nan_to_num(0.0, 0.0, 0.0)


class BadSampleMonitor:
    """Tells once that samples were bad, or refuses them where ``strict``.

    On a GPU a frame's answer is looked at when it has come, with a later frame, so that none waits.
    """

    def __init__(self, *, strict: bool, on_note: Callable[[str], None]) -> None:
        self._strict, self._on_note = strict, on_note
        self._told = False
        self._waiting: tuple[list[str], Tensor, torch.cuda.Event] | None = None

    def see(self, buffers: Mapping[str, Tensor]) -> None:
        """Raises InputError, where ``strict``, for a frame with a bad sample."""
        if not self._strict and (self._told or self._is_waiting()):
            return
        counts = torch.stack([is_bad(name, buffer).sum() for name, buffer in buffers.items()])
        if self._strict or counts.device.type != "cuda":
            self._tell(list(buffers), counts)
            return
        arriving = torch.empty(counts.shape, dtype=counts.dtype, pin_memory=True)
        arriving.copy_(counts, non_blocking=True)
        arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]  # of torch
        arrived.record()
        self._waiting = list(buffers), arriving, arrived

    def _is_waiting(self) -> bool:
        """Whether an answer is under way; one that has come is reported."""
        if self._waiting is None:
            return False
        names, counts, arrived = self._waiting
        if not arrived.query():  # type: ignore[no-untyped-call]  # of torch
            return True
        self._waiting = None
        self._tell(names, counts)
        return self._told

    def _tell(self, names: list[str], counts: Tensor) -> None:
        found = {name: int(count) for name, count in zip(names, counts.tolist(), strict=True) if count}
        if not found:
            return
        words = ", ".join(f"{count} of {name}" for name, count in found.items())
        if self._strict:
            raise InputError(f"rendered frame: samples that cannot be: {words} (not finite, or a depth that is not above 0)")
        if not self._told:
            self._told = True
            self._on_note(f"a rendered frame has samples that cannot be: {words}; they are replaced (this is reported once)")


def usual_brightest(colour: Tensor) -> Tensor:
    """The brightest that fills 2x2 pixels of (n, c, h, w), at least 1, a scalar on the device: no one sample decides."""
    window = (min(2, colour.shape[-2]), min(2, colour.shape[-1]))
    return (-F.max_pool2d(-colour, window, 1)).amax().clamp_min(1)


def upscaled_excess(colour: Tensor, brightest: Tensor, scale: int) -> Tensor:
    """What of (1, 3, h, w) is beyond the brightest a network was shown, upscaled by bilinear interpolation."""
    excess = (colour - brightest).clamp_min(0)
    return F.interpolate(excess, scale_factor=scale, mode="bilinear", align_corners=False)
