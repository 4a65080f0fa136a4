"""A frame as every network takes it, and its past brought to it: in use, in training and in evaluation by one function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from upframe.ops.transfer import decode_linear, encode_linear
from upframe.rendered.frame import Buffer, RenderedFrame
from upframe.rendered.repair import BRIGHTEST, repaired

SAME_VIEW = 0.1  # two sizes whose sides are of the same proportion, but for so much, show the same
_COMPARED = ("colour", "depth", "motion")  # by which a frame that comes twice is known


def planes(buffer: Buffer, device: torch.device | str = "cpu") -> Tensor:
    """A buffer as (1, c, h, w) float32 on a device; a copy, or the buffer itself where it is such a tensor."""
    if isinstance(buffer, np.ndarray):
        buffer = torch.from_numpy(np.require(buffer, np.float32, ("C", "W")))
    tensor = buffer.detach().to(device, torch.float32)
    return tensor[None, None] if tensor.ndim == 2 else tensor.permute(2, 0, 1)[None]


def as_shown(light: Tensor, frame: RenderedFrame) -> Tensor:
    """A colour of the frame, or its target, as a display has it: any shape."""
    return encode_linear((light * frame.gain).clamp(0, BRIGHTEST)) if frame.linear else light


class Memory(Protocol):
    """What remembers frames: every history."""

    def clear(self) -> None:
        """Forget all frames."""

    def recolour(self, change: Callable[[Tensor], Tensor]) -> None:
        """Replace the remembered colours, (k, 3, h, w), by what they are at another exposure."""

    def resize(self, size: tuple[int, int]) -> None:
        """Bring what is remembered to another size (height, width) of frames."""


class FramePreparation:
    """Makes the frames of one running image ready, and keeps ``memory`` fit for them.

    * Bad samples are repaired (:mod:`upframe.rendered.repair`).
    * The motion of a first frame, and of a frame that comes twice or after no time, as in a paused game, is 0.
    * A frame of another size, as of dynamic resolution, finds the past resampled to it; one of other proportions is a first.

    ``undoes_jitter``: as of :class:`upframe.models.network.RenderedNetwork`.
    """

    def __init__(self, memory: Memory, *, undoes_jitter: bool = False) -> None:
        self._memory, self._undoes_jitter = memory, undoes_jitter
        self._last: _Last | None = None
        self._buffers: dict[str, Tensor] = {}  # of the last frame, as they came

    def forget(self) -> None:
        """All frames: the next one is the first."""
        self._memory.clear()
        self._last = None

    def is_first(self, frame: RenderedFrame) -> bool:
        """Whether nothing that came before is of use to the frame."""
        return frame.cut or self._last is None or not _is_same_view(self._last.size, frame.size)

    def __call__(self, frame: RenderedFrame, buffers: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The next frame's ``buffers``, (1, c, h, w) float32, as networks take them.

        Colour is as a display has it, and the remembered ones are brought to this exposure. Motion is that of the scene; from
        this frame's samples to those of the last, the jitter is added. A network that undoes it is given motion as it is,
        and ``jitter`` (1, 2, 1, 1).
        """
        if self.is_first(frame):
            self.forget()
        tensors = _one_mask(repaired(buffers))
        tensors["motion"] = self._motion(frame, tensors)
        if self._last is not None and self._last.size != frame.size:
            self._memory.resize(frame.size)
            self._last = self._last.resized(frame.size)
        if self._undoes_jitter:
            tensors["jitter"] = tensors["depth"].new_tensor(frame.jitter).view(1, 2, 1, 1)
        elif self._last is not None:
            moved = [now - before for now, before in zip(frame.jitter, self._last.jitter, strict=True)]
            if any(moved):
                tensors["motion"] = tensors["motion"] + tensors["motion"].new_tensor(moved).view(1, 2, 1, 1)
        if self._last is not None and frame.linear and frame.exposure != self._last.exposure:
            change = frame.exposure / self._last.exposure
            self._memory.recolour(lambda colour: encode_linear(decode_linear(colour) * change))
        if "colour" in tensors:
            tensors["colour"] = as_shown(tensors["colour"], frame)
        self._last = _Last(frame.size, frame.jitter, frame.exposure)
        return tensors

    def _motion(self, frame: RenderedFrame, tensors: Mapping[str, Tensor]) -> Tensor:
        """As it is, or 0 where nothing came before and where the same frame comes again."""
        before, self._buffers = self._buffers, {name: tensors[name].clone() for name in _COMPARED if name in tensors}
        motion = tensors["motion"]
        if self._last is None or frame.frame_time == 0:
            return torch.zeros_like(motion)
        if self._last.jitter != frame.jitter or self._last.size != frame.size or before.keys() != self._buffers.keys():
            return motion
        same = torch.stack([(before[name] == now).all() for name, now in self._buffers.items()]).all()
        return motion.where(~same, 0)  # the device is not asked


def _one_mask(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """What is seen through counts as reactive."""
    if "transparency" in tensors:
        transparency = tensors.pop("transparency")
        tensors["reactive"] = transparency.maximum(tensors.get("reactive", torch.zeros_like(transparency)))
    return tensors


class _Last(NamedTuple):
    """What is remembered of the frame before beside its buffers."""

    size: tuple[int, int]
    jitter: tuple[float, float]
    exposure: float

    def resized(self, size: tuple[int, int]) -> _Last:
        """The same where a frame is of another size: its jitter in pixels of that."""
        (height, width), (x, y) = self.size, self.jitter
        return _Last(size, (x * size[1] / width, y * size[0] / height), self.exposure)


def _is_same_view(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes (height, width) are of one proportion, up to rounding to whole pixels."""
    (height, width), (high, wide) = one, other
    return abs(high * width - wide * height) <= max(SAME_VIEW * wide * height, width + height)
