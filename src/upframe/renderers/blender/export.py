"""A generated scene as files for Blender's own Python: structure as JSON, arrays as NumPy's ``.npz``.

``inside_blender/build.py`` reads them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upframe.renderers.scene import Material, Scene, Surface


class Numbered:
    """Things by the order in which they were first met; equal is what is the same object."""

    def __init__(self) -> None:
        self.things: list[Any] = []
        self._places: dict[int, int] = {}

    def place(self, thing: Any) -> int:
        """Its number, a new one where it was not met before."""
        if id(thing) not in self._places:
            self._places[id(thing)] = len(self.things)
            self.things.append(thing)
        return self._places[id(thing)]


def write_scene(scene: Scene, plan: Path, arrays: Path) -> None:
    """All of a scene that does not depend on the time."""
    meshes, materials, surfaces = Numbered(), Numbered(), Numbered()
    pairs = [(instance, [meshes.place(instance.mesh), materials.place(instance.material)]) for instance in scene.instances]
    drawn = [_material(material, surfaces) for material in materials.things]
    stored: dict[str, NDArray[Any]] = {"environment": scene.environment}
    for index, mesh in enumerate(meshes.things):
        stored |= {f"mesh{index}.{name}": getattr(mesh, name) for name in ("positions", "normals", "uvs", "triangles")}
    for index, surface in enumerate(surfaces.things):
        stored |= {f"surface{index}.{name}": getattr(surface, name) for name in ("colour", "normal", "roughness")}
    still = [instance.at(0.0) for instance, _ in pairs if not instance.moves]
    stored["standing"] = np.array(still, np.float64).reshape(-1, 4, 4)
    structure = {
        "meshes": len(meshes.things),
        "materials": drawn,
        "surfaces": [_has_holes(surface) for surface in surfaces.things],
        "standing": [pair for instance, pair in pairs if not instance.moves],
        "moving": [pair for instance, pair in pairs if instance.moves],
        "sun": None if scene.sun is None else {"direction": scene.sun.direction, "irradiance": scene.sun.irradiance},
        "lights": [{"intensity": light.intensity, "reach": light.reach} for light in scene.lights],
    }
    plan.write_text(json.dumps(structure), encoding="utf-8")
    np.savez(arrays, allow_pickle=False, **stored)


def write_poses(scene: Scene, frame: int, fps: float, path: Path) -> None:
    """Where camera, lights and moving things are in the frame before, in this one and in the next: (3, n, 4, 4) each.

    All three cameras are of the frame's own shot: motion is that of one camera, at a cut too.
    """
    camera = scene.shot(frame, fps).camera
    moving = [instance for instance in scene.instances if instance.moves]
    times = [time / fps for time in (frame - 1, frame, frame + 1)]
    places = np.tile(np.eye(4), (3, len(scene.lights), 1, 1))
    for number, time in enumerate(times):
        for index, light in enumerate(scene.lights):
            places[number, index, :3, 3] = light.position(time)
    np.savez(
        path,
        camera=np.array([camera.pose(time) for time in times]),
        lights=places,
        moving=np.array([[instance.at(time) for instance in moving] for time in times]).reshape(3, -1, 4, 4),
    )


def _material(material: Material, surfaces: Numbered) -> dict[str, Any]:
    return {
        "base_colour": material.base_colour,
        "roughness": material.roughness,
        "metallic": material.metallic,
        "emission": material.emission,
        "two_sided": material.two_sided,
        "surface": None if material.surface is None else surfaces.place(material.surface),
    }


def _has_holes(surface: Surface) -> bool:
    return surface.has_holes
