"""Bad samples of rendered frames: what is not a number, or not possible, is repaired from around it, and reported.

A renderer divides by zero now and then. A past that is kept would carry such a sample on, and a network spreads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from upframe.errors import InputError
from upframe.ops.filling import filled

BRIGHTEST = 65504.0  # the largest half float
LEAST_DEPTH = 1e-20  # a surface that near is a division by zero
FARTHEST_MOTION = 64  # times the longest side: no surface in sight moves so far
RANGES = {"normal": (-1.0, 1.0)} | dict.fromkeys(("albedo", "roughness", "metallic", "reactive", "transparency"), (0.0, 1.0))
"""Within which finite values are kept; the renderer's rounding leaves them by a little."""


def bad_samples(name: str, buffer: Tensor) -> Tensor:
    """Which samples of a buffer (1, c, h, w) cannot be.

    Depth: NaN, and what does not lie in front of the camera. Anything else: what is not finite, of motion also what leads
    beyond reason.
    """
    if name == "depth":
        return ~(buffer > LEAST_DEPTH)
    if name == "motion":
        return ~(buffer.abs() <= FARTHEST_MOTION * max(buffer.shape[-2:]))
    return ~buffer.isfinite()


def repaired(buffers: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Buffers (1, c, h, w) by name, their bad samples as the mean of the good ones around them (:mod:`upframe.ops.filling`).

    Depth is filled as disparity. Where nothing around is known: light of infinity is the brightest there is, other light
    black, depth the background, anything else 0. Materials and normals are kept within their range. On a GPU no answer is
    waited for: what is good goes through the same steps.
    """
    ranged = {name: buffer.clamp(*RANGES[name]) if name in RANGES else buffer for name, buffer in buffers.items()}
    bad = {name: bad_samples(name, buffer) for name, buffer in buffers.items()}
    whole = {name: buffer for name, buffer in ranged.items() if buffer.device.type == "cpu" and not bad[name].any()}
    damaged = [name for name in buffers if name not in whole]
    if damaged:
        # As one tensor: a GPU spends its time on starting, not on computing.
        values = torch.cat([1 / ranged[name] if name == "depth" else ranged[name] for name in damaged], dim=1)
        known = ~torch.cat([bad[name] for name in damaged], dim=1)
        pieces = torch.split(filled(values, known), [ranged[name].shape[1] for name in damaged], dim=1)
        whole |= {name: _joined(name, ranged[name], bad[name], piece) for name, piece in zip(damaged, pieces, strict=True)}
    return {name: whole[name] for name in buffers}


def _joined(name: str, buffer: Tensor, bad: Tensor, around: Tensor) -> Tensor:
    """A buffer, and at its bad samples what is around."""
    if name == "depth":
        around = 1 / around.nan_to_num(0.0)
    elif name == "colour":
        around = around.where(around.isfinite() | (buffer != torch.inf), BRIGHTEST)
    return buffer.where(~bad, around.where(~around.isnan(), 0))


class BadSampleMonitor:
    """Says once that samples were bad, or refuses them where ``strict``.

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
        counts = torch.stack([bad_samples(name, buffer).sum() for name, buffer in buffers.items()])
        if self._strict or counts.device.type != "cuda":
            self._tell(list(buffers), counts)
            return
        arriving = torch.empty(counts.shape, dtype=counts.dtype, pin_memory=True)
        arriving.copy_(counts, non_blocking=True)
        arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]  # of torch
        arrived.record()
        self._waiting = list(buffers), arriving, arrived

    def look(self) -> None:
        """Report what has come by now."""
        self._is_waiting()

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
            self._on_note(
                f"a rendered frame has samples that cannot be: {words}; they are repaired from around them, here and later"
            )
