"""One rendered frame: its image and what the renderer knows of every pixel."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from upframe.errors import InputError, ShapeError

if TYPE_CHECKING:
    from torch import Tensor

Buffer: TypeAlias = "NDArray[Any] | Tensor"
"""(h, w) or (h, w, c) of float16, float32 or float64: a NumPy array, or a torch tensor on any device."""

CHANNELS = {"colour": 3, "depth": 1, "motion": 2, "normal": 3, "albedo": 3} | dict.fromkeys(
    ("roughness", "metallic", "reactive", "transparency"), 1
)
"""Every buffer and its channels; a buffer with one channel is (h, w), the others are (h, w, channels)."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RenderedFrame:
    """One frame of a renderer. All buffers have the same size and are of the same kind, arrays or tensors.

    Convention: x to the right, y down, sizes in pixels of this frame, every value finite unless said otherwise.

    * ``colour`` (h, w, 3): RGB. Scene-linear light, at least 0, when ``linear``; else display-referred, black 0, white 1.
      None for a frame that was not shaded: it has a motion and G-buffers alone.
    * ``depth`` (h, w): distance along the view axis (not along the ray) in scene units, above 0; background ``inf``.
    * ``motion`` (h, w, 2): x, y in pixels, **current to previous**: what is seen at ``p`` was at ``p + motion(p)`` one frame
      before. Without jitter. For a frame after a cut it is not read.
    * ``normal`` (h, w, 3): of the surface, in world space, of length 1; background 0.
    * ``albedo`` (h, w, 3): base colour, linear reflectance in [0, 1]; background 0.
    * ``roughness``, ``metallic`` (h, w): in [0, 1].
    * ``reactive`` (h, w) in [0, 1]: 1 where the past must not be trusted, as for particles, glass and screens, whose motion is
      not in ``motion``.
    * ``transparency`` (h, w) in [0, 1]: how much of the colour is of what is seen through, whose depth and motion are those of
      what is behind: glass, smoke, water. To networks without such an input it is as ``reactive``.
    * ``jitter``: x, y of the sample less the centre of its pixel, in pixels, each in [-0.5, 0.5).
    * ``exposure``: what linear light is multiplied by before it is shown; not yet applied to ``colour``.
    * ``pre_exposure``: what ``colour`` was multiplied by in the renderer, so that half floats hold it. The result is, too.
    * ``frame_time``: seconds since the frame before; 0 while the game is paused, which takes motion as 0. None: not known.
    * ``cut``: whether nothing of the frame before may be used: the first frame of a shot.

    Buffers of another kind, such as device depth and motion in NDC: :class:`upframe.EngineConventions`. Raises ShapeError for
    buffers whose sizes do not fit together, InputError for what is no buffer, no floating point, or a jitter, exposure or time
    outside its range. Values are not looked at: that would wait for the device.

        >>> import numpy as np, upframe
        >>> colour, motion = np.zeros((4, 6, 3), np.float32), np.zeros((4, 6, 2), np.float32)
        >>> frame = upframe.RenderedFrame(colour=colour, depth=np.ones((4, 6), np.float32), motion=motion, jitter=(0.25, -0.25))
        >>> frame.size
        (4, 6)
    """

    colour: Buffer | None
    depth: Buffer
    motion: Buffer
    normal: Buffer | None = None
    albedo: Buffer | None = None
    roughness: Buffer | None = None
    metallic: Buffer | None = None
    reactive: Buffer | None = None
    transparency: Buffer | None = None
    linear: bool = True
    exposure: float = 1.0
    pre_exposure: float = 1.0
    frame_time: float | None = None
    jitter: tuple[float, float] = (0.0, 0.0)
    cut: bool = False

    def __post_init__(self) -> None:
        buffers = self.buffers()
        if not {"depth", "motion"} <= buffers.keys():
            raise InputError("rendered frame: depth and motion are required; only colour and materials can be left out")
        for name, buffer in buffers.items():
            _check_kind(name, buffer)
        if len({isinstance(buffer, np.ndarray) for buffer in buffers.values()}) > 1:
            raise InputError("rendered frame: some buffers are NumPy arrays and some are torch tensors", remedy="give one kind")
        size = tuple(self.depth.shape)
        if len(size) != 2 or 0 in size:
            raise ShapeError(f"rendered frame: depth must be (height, width), not {size}")
        for name, buffer in buffers.items():
            expected = size if CHANNELS[name] == 1 else (*size, CHANNELS[name])
            if tuple(buffer.shape) != expected:
                raise ShapeError(
                    f"rendered frame: {name} must be {expected} beside a depth of {size}, not {tuple(buffer.shape)}"
                )
        if not all(-0.5 <= offset < 0.5 for offset in self.jitter):
            raise InputError(f"rendered frame: jitter must be x, y in pixels, each in [-0.5, 0.5), not {self.jitter}")
        for name, factor in (("exposure", self.exposure), ("pre_exposure", self.pre_exposure)):
            if not (factor > 0 and math.isfinite(factor)):
                raise InputError(f"rendered frame: {name} must be above 0, not {factor}")
        if self.frame_time is not None and not (self.frame_time >= 0 and math.isfinite(self.frame_time)):
            raise InputError(f"rendered frame: frame_time must be seconds, 0 or more, not {self.frame_time}")

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        height, width = self.depth.shape
        return int(height), int(width)

    @property
    def gain(self) -> float:
        """What ``colour`` is multiplied by before it is shown, of linear light."""
        return self.exposure / self.pre_exposure

    def buffers(self) -> dict[str, Buffer]:
        """The buffers there are, by name."""
        named = {name: getattr(self, name) for name in CHANNELS}
        return {name: buffer for name, buffer in named.items() if buffer is not None}

    def missing(self, names: Iterable[str]) -> list[str]:
        """Which of these buffers the frame does not have."""
        return [name for name in names if getattr(self, name) is None]


def _check_kind(name: str, buffer: object) -> None:
    if isinstance(buffer, np.ndarray) and not isinstance(buffer, np.matrix | np.ma.MaskedArray):
        floating = buffer.dtype.kind == "f"
    elif hasattr(buffer, "is_floating_point"):  # a torch tensor; torch itself is not imported for it
        floating = buffer.is_floating_point()
    else:
        raise InputError(f"rendered frame: {name} must be a NumPy array or a torch tensor, not {type(buffer).__name__}")
    if not floating:
        raise InputError(f"rendered frame: {name} must be floating point, not {getattr(buffer, 'dtype', '')}")


class FrameSequence(Sequence[RenderedFrame], ABC):
    """Frames that are read when they are asked for, one or a slice. A clip says how many there are, and reads one."""

    @abstractmethod
    def _frame(self, index: int, /) -> RenderedFrame:
        """The frame of a number from 0 to ``len(self) - 1``."""

    @overload
    def __getitem__(self, index: int) -> RenderedFrame: ...
    @overload
    def __getitem__(self, index: slice) -> list[RenderedFrame]: ...
    def __getitem__(self, index: int | slice) -> RenderedFrame | list[RenderedFrame]:
        numbers = range(len(self))[index]
        return self._frame(numbers) if isinstance(numbers, int) else [self._frame(number) for number in numbers]
