"""The two makers of rendered frames behind the same calls: the rasteriser, and Blender."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from numpy.typing import NDArray

from upframe.errors import InputError
from upframe.regular import refuse_irregular
from upframe.remedies import Option, way
from upframe.rendered.frame import RenderedFrame
from upframe.renderers.blender import blender
from upframe.renderers.raster import rasteriser as raster
from upframe.renderers.scene import Matrix, Scene

MakerName: TypeAlias = Literal["raster", "blender"]
TARGET_SAMPLES = {"raster": raster.TARGET_SAMPLES, "blender": blender.TARGET_SAMPLES}
"""Samples in each pixel of a target, unless told otherwise."""


class Maker(Protocol):
    """Any frame of one scene, in any order; see ``Rasteriser``."""

    fps: float

    def camera(self, frame: int, height: int, width: int) -> tuple[Matrix, Matrix]:
        """View and projection."""

    def exposure(self, frame: int) -> float:
        """What the light is multiplied by before it is shown."""

    def is_cut(self, frame: int) -> bool:
        """Whether the frame is the first of a shot."""

    def render(
        self,
        frame: int,
        size: tuple[int, int],
        *,
        jitter: tuple[float, float] = ...,
        texture_bias: float = ...,
        shaded: bool = ...,
    ) -> RenderedFrame:
        """A frame with its buffers."""

    def target(self, frame: int, size: tuple[int, int], *, samples: int = ...) -> NDArray[Any]:
        """The image a network should make."""


def open_maker(name: MakerName, scene: Scene | Path, *, fps: float, samples: int) -> AbstractContextManager[Maker]:
    """A maker for a generated scene, or for a ``.blend`` file. ``samples``: of a target.

    Blender traces a quarter as many paths for a frame. Raises InputError for a ``.blend`` file without Blender; see the makers.
    """
    if name == "blender":
        return blender.Blender(scene, fps=fps, samples=max(1, samples // 4))
    if isinstance(scene, Path):
        raise InputError(f"{scene}: only Blender renders a .blend file", remedy=way("use ", Option("maker", "blender")))
    return raster.Rasteriser(scene, fps=fps)


def provenance(maker: Maker) -> dict[str, str | int | float | None]:
    """What ``clip.json`` should say of a maker, and of a file it renders."""
    if not isinstance(maker, blender.Blender):
        return {"maker": "raster"}
    known: dict[str, str | int | float | None] = {"maker": "blender", "version": maker.version}
    if isinstance(maker.scene, Path):
        refuse_irregular(maker.scene)
        with maker.scene.open("rb") as opened:
            known |= {"file": maker.scene.name, "sha256": hashlib.file_digest(opened, "sha256").hexdigest()}
    return known
