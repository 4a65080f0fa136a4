"""What of a scene is rendered, and where the frames go that are made of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy  # type: ignore[import-not-found, import-untyped, unused-ignore]

from .process import Refusal

SCALE = 2


@dataclass(frozen=True)
class Plan:
    """size: (width, height) of what is rendered. out: the folder of the images."""

    size: tuple[int, int]
    first: int
    frames: int
    out: Path


def plan_of(scene: Any) -> Plan:
    """Half the size of the scene's output, its frames, and a folder beside its output. Raises Refusal."""
    render = scene.render
    if scene.camera is None and not any(marker.camera for marker in scene.timeline_markers):
        raise Refusal(f"scene {scene.name!r} has no camera")
    if scene.frame_step != 1:
        raise Refusal(f"the frame step is {scene.frame_step}: motion is from one frame to the next, so it must be 1")
    whole = [side * render.resolution_percentage // 100 for side in (render.resolution_x, render.resolution_y)]
    width, height = (max(-(-side // SCALE), 1) for side in whole)
    place = Path(bpy.path.abspath(render.filepath))
    if not place.is_absolute():
        raise Refusal(f"the output {render.filepath!r} is relative to a file that was not saved: save it first")
    name = "" if render.filepath.endswith(("/", "\\")) else place.name.rstrip("#_-. ")
    folder = place if render.filepath.endswith(("/", "\\")) else place.parent
    out = folder / f"{name or scene.name}-x{SCALE}"
    return Plan((width, height), scene.frame_start, scene.frame_end - scene.frame_start + 1, out)


def copy_of_file(folder: Path) -> Path:
    """The file as it is now, saved or not, for another Blender to render; what it refers to is found from there too."""
    path = folder / "scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True)
    return path


def bring_back(scene: Any, plan: Plan) -> Any:
    """The images as a sequence for the compositor, and in the sequencer of a scene of their own, which is returned."""
    names = [f"{plan.first + number:05d}.exr" for number in range(plan.frames)]
    image = bpy.data.images.load(str(plan.out / names[0]))
    image.source, image.name = "SEQUENCE", f"{scene.name} x{SCALE}"
    shown = bpy.data.scenes.new(image.name)
    shown.render.resolution_x, shown.render.resolution_y = (SCALE * side for side in plan.size)
    shown.render.resolution_percentage = 100
    shown.render.fps, shown.render.fps_base = scene.render.fps, scene.render.fps_base
    shown.frame_start, shown.frame_end = plan.first, plan.first + plan.frames - 1
    shown.display_settings.display_device = scene.display_settings.display_device
    for name in ("view_transform", "look", "exposure", "gamma"):  # light is shown as it would be in the scene itself
        setattr(shown.view_settings, name, getattr(scene.view_settings, name))
    editor = shown.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences  # its name before Blender 4.4
    strip = strips.new_image(name=image.name, filepath=str(plan.out / names[0]), channel=1, frame_start=plan.first)
    for name in names[1:]:
        strip.elements.append(name)
    return shown
