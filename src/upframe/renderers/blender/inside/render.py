"""Answers requests for frames, one JSON object a line each way: the entry, run by Blender's Python or by a ``blender`` program.

Requests: "open scene" or "open file" once, then "camera", "pose" and "render". An answer holds "error", or what was asked
for. Blender's own chatter on standard output goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).parent))
ANSWERS = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)


def answer(**content: Any) -> None:
    """One line to whoever asks."""
    ANSWERS.write(json.dumps(content) + "\n")
    ANSWERS.flush()


try:
    import bpy  # type: ignore[import-not-found, import-untyped, unused-ignore]
    import numpy as np
except ImportError as missing:
    answer(error=f"has no Blender in it ({missing})")
    sys.exit(1)

if TYPE_CHECKING:
    from upframe.renderers.blender.inside import build, surfaces
else:
    import build
    import surfaces

OLDEST = (4, 5, 0)
SHARP = 0.01  # pixels; the narrowest filter there is: each pixel shows one point


class Refusal(Exception):
    """What cannot be done, in words for the user."""


class Renderer:
    """One scene: of a ``.blend`` file, or generated."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.stage: build.BlenderScene | None = None
        self.shifts: dict[str, tuple[float, float]] = {}
        self.posed: int | None = None

    @property
    def scene(self) -> Any:
        return bpy.context.scene

    def open_generated(self, plan: str, arrays: str) -> dict[str, Any]:
        """A scene in the files that ``blender_export`` writes."""
        bpy.ops.wm.read_factory_settings(use_empty=True)
        with np.load(arrays) as stored:
            self.stage = build.BlenderScene(self.scene, json.loads(Path(plan).read_text(encoding="utf-8")), stored)
        self.scene.cycles.sample_clamp_indirect = 10.0
        return self._set_up()

    def open_file(self, path: str) -> dict[str, Any]:
        """A ``.blend`` file; scripts within it are not run."""
        try:
            bpy.ops.wm.open_mainfile(filepath=path, load_ui=False, use_scripts=False)
        except RuntimeError as error:
            raise Refusal(f"{path}: Blender cannot open it: {str(error).strip().splitlines()[-1]}") from error
        if self.scene.camera is None and not any(marker.camera for marker in self.scene.timeline_markers):
            raise Refusal(f"{path}: scene {self.scene.name!r} has no camera")
        return self._set_up()

    def pose(self, frame: int, poses: str = "", field_of_view: float = 0.0, near: float = 0.0) -> dict[str, Any]:
        """Bring the scene to a frame; for a generated one with a file of poses."""
        if self.stage is not None:
            with np.load(poses) as stored:
                self.stage.pose(frame, stored, field_of_view, near)
        self.scene.frame_set(frame)
        return {}

    def camera(self, frame: int, size: list[int]) -> dict[str, Any]:
        """A file's camera in a frame: its name, view (world to camera) and projection, and the exposure."""
        self.scene.frame_set(frame)
        camera = self.scene.camera
        if camera is None or camera.type != "CAMERA" or camera.data.type != "PERSP":
            name = "no camera" if camera is None else f"the camera {camera.name!r}, which is not a perspective camera"
            raise Refusal(f"frame {frame} has {name}; depth and motion are of perspective cameras")
        return {"name": camera.name_full, "exposure": 2.0**self.scene.view_settings.exposure, **self._matrices(size)}

    def render(
        self, path: str, size: list[int], samples: int, *, shift: list[float], buffers: bool, denoise: bool, seed: int
    ) -> dict[str, Any]:
        """Write the frame of the last pose as multi-layer OpenEXR.

        size: (height, width). shift: of the camera's image, pixels, y up. buffers: all passes, of one point in each pixel;
        else the light alone, from all over each pixel.
        """
        scene, layer = self.scene, self.layer
        height, width = size
        scene.render.resolution_x, scene.render.resolution_y = width, height
        self._shift(shift, height, width)
        cycles = scene.cycles
        cycles.samples, cycles.seed = samples, seed
        cycles.use_denoising = denoise
        layer.use_pass_z = layer.use_pass_vector = layer.use_pass_normal = layer.use_pass_diffuse_color = buffers
        if buffers:
            cycles.pixel_filter_type, cycles.filter_width = "GAUSSIAN", SHARP
        else:
            cycles.pixel_filter_type = "BOX"
        scene.render.filepath = path
        bpy.ops.render.render(write_still=True)
        if not Path(path).is_file():
            raise Refusal(f"Blender wrote no image for frame {scene.frame_current}")
        return {"layer": layer.name}

    def _set_up(self) -> dict[str, Any]:
        scene = self.scene
        layers = [layer for layer in scene.view_layers if layer.use] or list(scene.view_layers)
        self.layer = layers[0]
        for layer in scene.view_layers:
            layer.use = layer == self.layer
        _settings(scene, self.threads)
        surfaces.add_passes(self.layer)
        unknown = [material.name for material in bpy.data.materials if not surfaces.reveal(material)]
        for camera in bpy.data.cameras:
            camera.dof.use_dof = False
            self.shifts[camera.name_full] = camera.shift_x, camera.shift_y
        rate = scene.render.fps / scene.render.fps_base
        notes = [
            *_missing_files(),
            *([f"{len(layers)} view layers: only {self.layer.name!r} is rendered"] if len(layers) > 1 else []),
        ]
        if unknown and self.stage is None:
            notes.append(
                f"{len(unknown)} of its materials have the diffuse pass as albedo, and roughness 1: {', '.join(unknown[:4])}"
            )
        return {
            "version": bpy.app.version_string,
            "first": scene.frame_start,
            "last": scene.frame_end,
            "fps": rate,
            "notes": notes,
        }

    def _shift(self, shift: list[float], height: int, width: int) -> None:
        """Move the image of the camera by a part of a pixel."""
        lens = self.scene.camera.data
        across = {"VERTICAL": height, "HORIZONTAL": width}.get(lens.sensor_fit, max(height, width))
        rest = self.shifts[lens.name_full]
        if any(shift) and _is_animated(lens):
            raise Refusal(f"the shift of camera {lens.name!r} is animated, and jitter would need it: render without jitter")
        lens.shift_x, lens.shift_y = (start + part / across for start, part in zip(rest, shift, strict=True))

    def _matrices(self, size: list[int]) -> dict[str, Any]:
        """View and projection of the scene's camera, without jitter."""
        camera = self.scene.camera
        graph = bpy.context.evaluated_depsgraph_get()
        lens = camera.data
        kept, rest = (lens.shift_x, lens.shift_y), self.shifts[lens.name_full]
        if not _is_animated(lens):
            lens.shift_x, lens.shift_y = rest
            graph.update()
        now = camera.evaluated_get(graph)
        pose = now.matrix_world.normalized()
        projection = now.calc_matrix_camera(graph, x=size[1], y=size[0])
        lens.shift_x, lens.shift_y = kept
        return {"view": [list(row) for row in pose.inverted()], "projection": [list(row) for row in projection]}


def _settings(scene: Any, threads: int) -> None:
    """What every render has in common, whatever the file says."""
    render, cycles = scene.render, scene.cycles
    render.engine, cycles.device = "CYCLES", "CPU"
    render.resolution_percentage, render.pixel_aspect_x, render.pixel_aspect_y = 100, 1.0, 1.0
    render.use_border = render.use_compositing = render.use_sequencer = render.use_multiview = render.use_freestyle = False
    render.use_motion_blur = render.film_transparent = False
    render.use_persistent_data = render.use_overwrite = render.use_file_extension = True
    render.threads_mode, render.threads = ("FIXED", threads) if threads else ("AUTO", 1)
    output = render.image_settings
    if hasattr(output, "media_type"):  # Blender 5
        output.media_type = "MULTI_LAYER_IMAGE"
    output.file_format, output.color_depth, output.exr_codec = "OPEN_EXR_MULTILAYER", "32", "NONE"
    cycles.use_adaptive_sampling = cycles.use_animated_seed = False


def _is_animated(lens: Any) -> bool:
    """Whether something else sets the camera's shift."""
    animation = lens.animation_data
    if animation is None:
        return False
    curves = list(animation.drivers)
    if animation.action is not None and animation.action_slot is not None:
        for layer in animation.action.layers:
            for strip in layer.strips:
                bag = strip.channelbag(animation.action_slot)
                curves += [] if bag is None else list(bag.fcurves)
    return any(curve.data_path.startswith("shift_") for curve in curves)


def _missing_files() -> list[str]:
    """Images and libraries that a file names and that are not there."""
    named = [(one.name, one.filepath, one.library) for one in bpy.data.images if one.source == "FILE" and not one.packed_file]
    named += [(one.name, one.filepath, None) for one in bpy.data.libraries]
    gone = [name for name, path, library in named if path and not Path(bpy.path.abspath(path, library=library)).exists()]
    return (
        [f"what it refers to is missing: {', '.join(gone[:3])}{f' and {len(gone) - 3} more' if len(gone) > 3 else ''}"]
        if gone
        else []
    )


def serve() -> None:
    """Answer until nobody asks any more."""
    if bpy.app.version < OLDEST:
        answer(error=f"is Blender {bpy.app.version_string}; 4.5 or newer is needed")
        return
    answer(version=bpy.app.version_string)
    renderer = Renderer(threads=int(os.environ.get("UPFRAME_BLENDER_THREADS", "0")))
    known: dict[str, Callable[..., dict[str, Any]]] = {
        "open scene": renderer.open_generated,
        "open file": renderer.open_file,
        "pose": renderer.pose,
        "camera": renderer.camera,
        "render": renderer.render,
    }
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer(**known[request.pop("do")](**request))
        except Refusal as refusal:
            answer(error=str(refusal))
        except Exception as error:  # noqa: BLE001 - whatever Blender raises is reported in one line, and fully on standard error
            traceback.print_exc()
            answer(error=f"Blender failed: {error}".strip().splitlines()[-1])


serve()
