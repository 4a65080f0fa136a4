"""Blender's passes as the buffers of the contract: see ``docs/rendered-frames.md``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upframe.errors import InputError, MissingExtra
from upframe.renderers.scene import Matrix

Plane = NDArray[np.float32]
ENDLESS = 1e9  # Cycles gives the sky a depth of 1e10


def read_passes(path: Path, layer: str) -> dict[str, Plane]:
    """The channels of one layer of Blender's multi-layer OpenEXR by name, such as "Vector.X": (h, w) each.

    Raises InputError for a file that cannot be read, MissingExtra without OpenEXR.
    """
    try:
        import OpenEXR  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError as error:
        raise MissingExtra("OpenEXR", "render", "rendering with Blender") from error
    try:
        parts = OpenEXR.File(str(path), separate_channels=True).parts  # Blender 4 writes one, Blender 5 one a pass
        channels = {name: one.pixels for part in parts for name, one in part.channels.items()}
        return {name.removeprefix(f"{layer}."): np.asarray(pixels, np.float32) for name, pixels in channels.items()}
    except (RuntimeError, ValueError, TypeError, KeyError, IndexError) as error:
        raise InputError(f"{path}: the image Blender wrote cannot be read: {error}") from error


def stacked(passes: dict[str, Plane], name: str, channels: str) -> Plane:
    """A pass of several channels: (h, w, channels)."""
    return np.stack([passes[f"{name}.{channel}"] for channel in channels], axis=2)


def buffers_of(passes: dict[str, Plane], sky: NDArray[np.float64]) -> dict[str, Any]:
    """The buffers of a frame but its colour, by name. sky (h, w, 2): the motion of what is infinitely far away.

    Blender's vector pass, X and Y: previous less current, in pixels, y up. Depth is along the view axis already. Albedo is
    the diffuse colour, and roughness 1, on surfaces whose materials were not understood.
    """
    depth = passes["Depth.Z"]
    endless = depth > ENDLESS
    motion = np.stack((passes["Vector.X"], -passes["Vector.Y"]), axis=2)
    normal = stacked(passes, "Normal", "XYZ")
    lengths = np.linalg.norm(normal, axis=2, keepdims=True)
    diffuse = "DiffCol" if "DiffCol.R" in passes else "Diffuse Color"  # its name in Blender 4, and in 5
    known = passes["upframe_known.X"] > 0.5
    albedo = np.where(known[..., None], stacked(passes, "upframe_albedo", "RGB"), stacked(passes, diffuse, "RGB"))
    roughness, metallic = np.where(known, passes["upframe_roughness.X"], 1), np.where(known, passes["upframe_metallic.X"], 0)
    here = ~endless
    return {
        "depth": np.where(endless, np.inf, depth).astype(np.float32),
        "motion": np.where(endless[..., None], sky, motion).astype(np.float32),
        "normal": np.where(here[..., None], normal / np.maximum(lengths, 1e-12), 0).astype(np.float32),
        "albedo": (np.clip(albedo, 0, 1) * here[..., None]).astype(np.float32),
        "roughness": np.where(here, np.clip(roughness, 0, 1), 0).astype(np.float32),
        "metallic": np.where(here, np.clip(metallic, 0, 1), 0).astype(np.float32),
    }


def sky_motion(
    now: tuple[Matrix, Matrix], before: tuple[Matrix, Matrix], size: tuple[int, int], jitter: tuple[float, float]
) -> NDArray[np.float64]:
    """The motion (h, w, 2) of what is infinitely far away: it comes from the turning of the camera alone.

    now, before: view and projection, without jitter. What was behind the camera is given no more than four images of motion.
    """
    height, width = size
    y, x = np.mgrid[:height, :width] + 0.5
    place = np.stack((x + jitter[0], y + jitter[1]), axis=2)
    (view, projection), (old_view, old_projection) = now, before
    sides = np.array((width, height))
    device = (2 * place / sides - 1) * (1, -1)
    rays = np.concatenate(
        ((device + projection[:2, 2]) / projection[(0, 1), (0, 1)], np.full((height, width, 1), -1.0)), axis=2
    )
    old = rays @ (old_projection[:3, :3] @ old_view[:3, :3] @ view[:3, :3].T)[:2].T
    ahead = -(rays @ (old_view[:3, :3] @ view[:3, :3].T)[2])
    old_place = (old / np.maximum(ahead, 1e-3)[..., None] * (1, -1) + 1) / 2 * sides
    return np.asarray(np.clip(old_place - place, -4 * sides, 4 * sides))
