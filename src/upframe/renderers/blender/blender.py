"""Blender as a maker: Cycles traces paths through a generated scene or a ``.blend`` file, with every buffer of the contract.

Blender runs in a process and a Python environment of its own (``make blender`` makes one): it is under the GPL, and wants an
older NumPy. The two talk in lines of JSON; scenes, poses and images go through files.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upframe.errors import DeviceError, InputError, ShapeError
from upframe.remedies import either
from upframe.rendered.frame import RenderedFrame
from upframe.renderers.blender.export import write_poses, write_scene
from upframe.renderers.blender.passes import buffers_of, read_passes, sky_motion, stacked
from upframe.renderers.scene import Matrix, Scene, projection_matrix, view_matrix

VARIABLE = "UPFRAME_BLENDER"
"""Environment variable: a Python with the package ``bpy``, or a ``blender`` program."""
ENVIRONMENT = ".venv-blender"
FRAME_SAMPLES, TARGET_SAMPLES = 16, 64


class Blender:
    """Renders one scene, any of its frames in any order; the same calls as ``Rasteriser``.

    with Blender(Path("video.blend")) as blender:
        frame = blender.render(0, (540, 960), jitter=(0.25, -0.1))
        target = blender.target(0, (1080, 1920))

    scene: a generated one, or the path of a ``.blend`` file, whose first frame is frame 0 here. fps: of a generated scene; a
    file has its own. samples: paths through each pixel of a frame. denoise: with Open Image Denoise. threads: 0 takes all.
    program: a Python with ``bpy``, or a ``blender`` program; else the one that ``find_blender`` finds.

    Depth of field, motion blur, compositing and scripts within a file are left out. Raises DeviceError without Blender or
    when it ends by itself, InputError for a file it cannot open or a frame it cannot render, MissingExtra without OpenEXR.
    """

    def __init__(
        self,
        scene: Scene | Path,
        *,
        fps: float = 30.0,
        samples: int = FRAME_SAMPLES,
        denoise: bool = True,
        threads: int = 0,
        program: Path | None = None,
    ) -> None:
        self.scene, self.samples, self.denoise = scene, samples, denoise
        if isinstance(scene, Path) and not scene.is_file():
            raise InputError(f"{scene}: no such file")
        self._folder = tempfile.TemporaryDirectory(prefix="upframe-blender-")
        self._posed: int | None = None
        self._seen: dict[tuple[int, tuple[int, int]], dict[str, Any]] = {}
        try:
            self._conversation = _Conversation(program or find_blender(), threads, self._path("log"))
        except BaseException:
            self._folder.cleanup()
            raise
        try:
            opened = self._open(scene)
        except BaseException:
            self.close()
            raise
        self.version = self._conversation.version
        self.fps: float = fps if isinstance(scene, Scene) else opened["fps"]
        self.notes: list[str] = opened["notes"]
        """What is worth knowing of the file: missing textures, materials that were not understood."""
        self._first: int = 0 if isinstance(scene, Scene) else opened["first"]
        self.frames: int | None = None if isinstance(scene, Scene) else opened["last"] - opened["first"] + 1
        """How many frames a file has."""

    def __enter__(self) -> Blender:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End Blender. Nothing can be rendered afterwards."""
        self._conversation.close()
        self._folder.cleanup()

    def camera(self, frame: int, height: int, width: int) -> tuple[Matrix, Matrix]:
        """View (world to camera) and projection of a frame, without jitter: as in OpenGL, y up."""
        if isinstance(self.scene, Scene):
            return self._generated_camera(self.scene, frame, frame, height, width)
        seen = self._look(frame, (height, width))
        return np.array(seen["view"]), np.array(seen["projection"])

    def exposure(self, frame: int) -> float:
        """What the light of a frame is multiplied by before it is shown."""
        return self.scene.exposure if isinstance(self.scene, Scene) else float(self._look(frame, None)["exposure"])

    def is_cut(self, frame: int) -> bool:
        """Whether the frame is the first of a shot."""
        if isinstance(self.scene, Scene):
            return self.scene.is_cut(frame, self.fps)
        return frame == 0 or self._look(frame, None)["name"] != self._look(frame - 1, None)["name"]

    def render(
        self,
        frame: int,
        size: tuple[int, int],
        *,
        jitter: tuple[float, float] = (0.0, 0.0),
        texture_bias: float = 0.0,
        shaded: bool = True,
    ) -> RenderedFrame:
        """One frame of ``size`` (height, width) with all buffers, float32.

        All but the colour show one point of the scene in each pixel; the colour is the mean of paths from all over the pixel,
        as denoising needs it. jitter: how far these points and pixels are shifted, x and y in pixels. ``texture_bias``
        changes nothing: Cycles has no levels of detail. ``shaded=False`` leaves the colour out.
        """
        passes = self._render(frame, size, 1, jitter, buffers=True)
        colour = np.maximum(self._light(frame, size, self.samples, jitter), 0) if shaded else None
        buffers = buffers_of(passes, sky_motion(*self._cameras(frame, size), size, jitter))
        return RenderedFrame(colour=colour, **buffers, exposure=self.exposure(frame), jitter=jitter, cut=self.is_cut(frame))

    def target(self, frame: int, size: tuple[int, int], *, samples: int = TARGET_SAMPLES) -> NDArray[np.float32]:
        """The image a network should make: (height, width, 3), linear, the mean of paths from all over each pixel."""
        return self._light(frame, size, samples, (0.0, 0.0))

    def _light(self, frame: int, size: tuple[int, int], samples: int, jitter: tuple[float, float]) -> NDArray[np.float32]:
        passes = self._render(frame, size, samples, jitter, buffers=False)
        return stacked(passes, "Combined", "RGB")

    def _render(
        self, frame: int, size: tuple[int, int], samples: int, jitter: tuple[float, float], *, buffers: bool
    ) -> dict[str, NDArray[np.float32]]:
        """The passes of a frame by name, (h, w) each: its light, or everything else."""
        if min(size) < 1:
            raise ShapeError(f"Blender: a size is (height, width) of at least 1, not {size}")
        self._pose(frame)
        path = self._path("frame.exr")
        path.unlink(missing_ok=True)
        answer = self._conversation.ask(
            "render",
            path=str(path),
            size=size,
            samples=samples,
            shift=(jitter[0], -jitter[1]),
            buffers=buffers,
            denoise=self.denoise and not buffers,
            seed=frame % 2**31,
        )
        return read_passes(path, answer["layer"])

    def _open(self, scene: Scene | Path) -> dict[str, Any]:
        if isinstance(scene, Path):
            return self._conversation.ask("open file", path=str(scene.resolve()))
        plan, arrays = self._path("scene.json"), self._path("scene.npz")
        write_scene(scene, plan, arrays)
        opened = self._conversation.ask("open scene", plan=str(plan), arrays=str(arrays))
        arrays.unlink()
        return opened

    def _pose(self, frame: int) -> None:
        if frame == self._posed:
            return
        self._posed = None
        if isinstance(self.scene, Scene):
            poses, camera = self._path("poses.npz"), self.scene.shot(frame, self.fps).camera
            write_poses(self.scene, frame, self.fps, poses)
            self._conversation.ask("pose", frame=frame, poses=str(poses), field_of_view=camera.field_of_view, near=camera.near)
        else:
            self._conversation.ask("pose", frame=self._first + frame)
        self._posed = frame

    def _cameras(self, frame: int, size: tuple[int, int]) -> tuple[tuple[Matrix, Matrix], tuple[Matrix, Matrix]]:
        """Of this frame, and of the one before in the same shot; at a file's cut this frame's again: its motion is not read."""
        if isinstance(self.scene, Scene):
            now, before = (self._generated_camera(self.scene, frame, time, *size) for time in (frame, frame - 1))
            return now, before
        now = self.camera(frame, *size)
        return now, now if frame and self.is_cut(frame) else self.camera(frame - 1, *size)

    def _generated_camera(self, scene: Scene, frame: int, time: int, height: int, width: int) -> tuple[Matrix, Matrix]:
        """The camera of a frame's shot, at the time of any frame."""
        camera = scene.shot(frame, self.fps).camera
        return view_matrix(camera.pose(time / self.fps)), projection_matrix(camera, height, width)

    def _look(self, frame: int, size: tuple[int, int] | None) -> dict[str, Any]:
        """A file's camera in a frame; ``size`` None: in an image of any size."""
        if size is None:
            size = next((known for seen, known in self._seen if seen == frame), (1, 1))
        if (frame, size) not in self._seen:
            self._posed = None
            self._seen[frame, size] = self._conversation.ask("camera", frame=self._first + frame, size=size)
        return self._seen[frame, size]

    def _path(self, name: str) -> Path:
        return Path(self._folder.name) / name


def find_blender() -> Path:
    """The program of ``UPFRAME_BLENDER``; else the Python of ``.venv-blender`` here or beside this checkout; else ``blender``.

    Raises DeviceError where there is none of them.
    """
    named = os.environ.get(VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            raise DeviceError(f"{VARIABLE}={named}: no such program", remedy="name a Python that has bpy, or a blender program")
        return Path(found)
    for root in (Path.cwd(), Path(__file__).parents[3]):
        for python in (root / ENVIRONMENT / "bin" / "python", root / ENVIRONMENT / "Scripts" / "python.exe"):
            if python.is_file():
                return python
    installed = shutil.which("blender")
    if installed is None:
        named_by = f"set {VARIABLE} to a Python that has bpy (pip install 'bpy==4.5.*' for Python 3.11) or to a blender program"
        raise DeviceError("Blender was not found", remedy=either("run `make blender`", "install Blender 4.5", named_by))
    return Path(installed)


class _Conversation:
    """Blender's process: a line of JSON to it, a line of JSON from it."""

    def __init__(self, program: Path, threads: int, log: Path) -> None:
        self._program, self._log = program, log
        script = str(files("upframe.renderers.blender") / "inside" / "render.py")
        if program.name.lower().startswith("python"):
            command = [str(program), "-I", script]
        else:
            command = [str(program), "--background", "--factory-startup", "--python-exit-code", "1", "--python", script]
        settings = os.environ | {"UPFRAME_BLENDER_THREADS": str(threads)}
        try:
            with log.open("wb") as output:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output, env=settings, encoding="utf-8"
                )
        except OSError as error:
            raise DeviceError(f"{program}: cannot be run: {error.strerror or error}") from error
        try:
            self.version: str = self._answer()["version"]
        except InputError as error:
            self.close()
            raise DeviceError(f"{program} {error}") from error
        except BaseException:
            self.close()
            raise

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Raises InputError for what Blender refuses, DeviceError when it is no longer there."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise self._gone() from None
        return self._answer()

    def close(self) -> None:
        """End the process, however busy it is."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:  # what was still to be reported to it
                continue

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):  # a blender program greets before the script begins
                answer: dict[str, Any] = json.loads(line)
                if "error" in answer:
                    raise InputError(answer["error"])
                return answer
        raise self._gone()

    def _gone(self) -> DeviceError:
        code = self._process.wait()
        reason = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        memory = ": it may have run out of memory" if code == -9 else ""
        return DeviceError(f"{self._program}: Blender ended {reason}{memory}{f'. It last said: {said[-1]}' if said else ''}")
