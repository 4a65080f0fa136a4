"""How an engine stores its buffers: its depth, motion and jitter become those of the contract on entry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import ModuleType
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from upframe.errors import ShapeError
from upframe.rendered.frame import Buffer, RenderedFrame

DepthKind = Literal["distance", "device", "reversed", "clip", "fraction"]
Unit = Literal["pixels", "UV", "NDC"]
"""A whole image is its size in pixels, 1 in UV, and 2 in NDC (normalised device coordinates)."""

Positive = Annotated[float, Field(gt=0)]
Pair = tuple[float, float]


class EngineConventions(BaseModel):
    """What buffers hold as an engine has them. The defaults are the contract's own (:class:`RenderedFrame`).

    * ``depth``: ``distance`` along the view axis; ``device``, 0 at the near plane and 1 at the far one; ``reversed``, 1 and 0;
      ``clip``, -1 and 1, as OpenGL has it; ``fraction``, distance over that of the far plane.
    * ``near``, ``far``: distances of those planes, in scene units. ``far`` None: at infinity.
    * ``background``: the stored depth from which on there is nothing, for renderers that write 1e10. What is at the far plane
      or beyond is background anyhow, but for ``distance``.
    * ``depth_scale``: what a distance is multiplied by to be in scene units.
    * ``motion_unit``, ``motion_scale``: what motion is multiplied by, x and y, to lead from the current frame to the
      previous one, y down: ``(-1, 1)`` in ``NDC`` for a velocity, current less previous, with y up. ``pixels`` are those of
      the motion's own buffer.
    * ``motion_jittered``: motion was made with jittered projections, so that it holds jitter - previous jitter.
    * ``jitter_unit``, ``jitter_scale``: the same for jitter, the sample less the centre of its pixel. An offset that is added
      to the projection moves the image, not the sample: of that both signs are the opposite.
    * ``rows``: whether the first row is at the top or at the bottom of the image. Of all buffers alike.

    A field of :class:`upframe.rendered.clip.ClipInfo`, too, so that an engine may write its buffers as they are. Raises
    pydantic's ValidationError, a ValueError, for what does not fit together.

        >>> import numpy as np, upframe
        >>> godot = upframe.EngineConventions(depth="reversed", near=0.05, far=4000, motion_unit="UV")
        >>> frame = godot.frame(colour=None, depth=np.full((4, 6), 0.5, np.float32), motion=np.full((4, 6, 2), 0.5, np.float32))
        >>> round(float(frame.depth[0, 0]), 4), frame.motion[0, 0].tolist()
        (0.1, [3.0, 2.0])
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    depth: DepthKind = "distance"
    near: Positive | None = None
    far: Positive | None = None
    background: float | None = None
    depth_scale: Positive = 1.0
    motion_unit: Unit = "pixels"
    motion_scale: Pair = (1.0, 1.0)
    motion_jittered: bool = False
    jitter_unit: Unit = "pixels"
    jitter_scale: Pair = (1.0, 1.0)
    rows: Literal["top", "bottom"] = "top"

    @model_validator(mode="after")
    def _check_planes(self) -> EngineConventions:
        if self.depth in {"device", "reversed", "clip"} and self.near is None:
            raise ValueError(f"depth {self.depth!r} needs near, the distance of the near plane")
        if self.depth == "fraction" and self.far is None:
            raise ValueError("depth 'fraction' needs far, the distance of the far plane")
        if self.near is not None and self.far is not None and self.far <= self.near:
            raise ValueError(f"far {self.far} must be beyond near {self.near}")
        return self

    def frame(
        self,
        *,
        depth: Buffer,
        motion: Buffer,
        jitter: Pair = (0.0, 0.0),
        previous_jitter: Pair | None = None,
        **others: Any,
    ) -> RenderedFrame:
        """A frame of buffers as the engine has them; ``others``: those of :class:`RenderedFrame` that are not named here.

        ``motion`` may be of another size than ``depth``, such as the display's: each pixel takes what is at its sample.
        ``previous_jitter``: as stored with the frame before; None where there is none, or where it was the same. Raises
        what :class:`RenderedFrame` raises.

            >>> import numpy as np, upframe
            >>> unity = upframe.EngineConventions(depth="reversed", near=0.3, motion_unit="UV", motion_scale=(-1, -1))
            >>> depth, motion = np.full((4, 6), 0.1, np.float32), np.full((8, 12, 2), 0.5, np.float32)
            >>> frame = unity.frame(colour=np.zeros((4, 6, 3), np.float32), depth=depth, motion=motion)
            >>> float(frame.depth[0, 0]), frame.motion[0, 0].tolist()
            (3.0, [-3.0, -2.0])
        """
        if len(depth.shape) != 2 or len(motion.shape) != 3 or motion.shape[2] != 2:
            shapes = f"{tuple(depth.shape)} and {tuple(motion.shape)}"
            raise ShapeError(f"rendered frame: depth and motion must be (h, w) and (h, w, 2), not {shapes}")
        size = int(depth.shape[0]), int(depth.shape[1])
        buffers: Mapping[str, Any] = {"depth": depth, "motion": motion} | others
        if self.rows == "bottom":
            buffers = {name: _upside_down(buffer) for name, buffer in buffers.items()}
        offset = self._in_pixels(jitter, size)
        before = offset if previous_jitter is None else self._in_pixels(previous_jitter, size)
        change = (offset[0] - before[0], offset[1] - before[1])
        converted = {"depth": self._distance(buffers["depth"]), "motion": self._motion(buffers["motion"], size, offset, change)}
        return RenderedFrame(**(dict(buffers) | converted), jitter=offset)

    def _in_pixels(self, jitter: Pair, size: tuple[int, int]) -> Pair:
        """Jitter as stored -> x, y in pixels of the size (height, width)."""
        (x, y), (wide, high) = self.jitter_scale, pixels_per_unit(self.jitter_unit, size)
        return jitter[0] * x * wide, jitter[1] * y * high

    def _distance(self, depth: Any) -> Any:
        """Depth as stored -> along the view axis in scene units, background infinite."""
        if self.depth == "distance" and self.background is None and self.depth_scale == 1:
            return depth
        package = _package(depth)
        nothing = package.zeros_like(depth, dtype=bool) if self.background is None else self._is_background(depth)
        if self.depth == "distance":
            distance = depth * self.depth_scale
        elif self.depth == "fraction":
            assert self.far is not None  # checked when it was made
            distance, nothing = depth * (self.far * self.depth_scale), nothing | (depth >= 1)
        else:
            nearness = {"device": 1 - depth, "reversed": depth, "clip": (1 - depth) / 2}[self.depth]
            nothing = nothing | (nearness <= 0)
            nearness = package.where(nothing, 1.0, nearness)
            distance = self._from_nearness(nearness)
        return package.where(nothing, math.inf, distance)

    def _from_nearness(self, nearness: Any) -> Any:
        """1 at the near plane, 0 at the far one, linear in 1 / distance."""
        assert self.near is not None  # checked when it was made
        if self.far is None:
            return self.near * self.depth_scale / nearness
        return self.near * self.far * self.depth_scale / (nearness * (self.far - self.near) + self.near)

    def _is_background(self, depth: Any) -> Any:
        assert self.background is not None
        return depth <= self.background if self.depth == "reversed" else depth >= self.background

    def _motion(self, motion: Any, size: tuple[int, int], jitter: Pair, change: Pair) -> Any:
        """Motion as stored, of any size -> in pixels of the size (height, width), without jitter."""
        height, width = size
        high, wide = int(motion.shape[0]), int(motion.shape[1])
        if (high, wide) != size:
            rows = [_place(row, height, high, jitter[1]) for row in range(height)]
            columns = [_place(column, width, wide, jitter[0]) for column in range(width)]
            motion = motion[rows][:, columns]
        x, y = pixels_per_unit(self.motion_unit, (high, wide))
        scale = self.motion_scale[0] * x * width / wide, self.motion_scale[1] * y * height / high
        offset = change if self.motion_jittered else (0.0, 0.0)
        if scale == (1.0, 1.0) and offset == (0.0, 0.0):
            return motion
        return _package(motion).stack([motion[..., axis] * scale[axis] - offset[axis] for axis in (0, 1)], -1)


def pixels_per_unit(unit: Unit, size: tuple[int, int]) -> Pair:
    """x, y; size is (height, width)."""
    height, width = size
    return {"pixels": (1.0, 1.0), "UV": (float(width), float(height)), "NDC": (width / 2, height / 2)}[unit]


def _place(index: int, count: int, others: int, jitter: float) -> int:
    """Of ``others`` pixels across the same image, the one that holds the sample of pixel ``index`` of ``count``."""
    return min(max(math.floor((index + 0.5 + jitter) * others / count), 0), others - 1)


def _upside_down(buffer: Any) -> Any:
    """A buffer with its rows in the opposite order; anything else as it is."""
    return _package(buffer).flip(buffer, (0,)) if hasattr(buffer, "shape") else buffer


def _package(buffer: Any) -> ModuleType:
    """numpy or torch: whose ``where``, ``flip`` and ``stack`` take such a buffer."""
    if isinstance(buffer, np.ndarray):
        return np
    import torch

    return torch
