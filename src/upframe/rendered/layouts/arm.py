"""Arm's Neural Graphics Model Gym: the EXR and JSON captures for Neural Super Sampling, specification 1.0.1, read.

What is below was read off ``docs/nss/nss_dataset_specification.md`` and the readers and shaders of the repository
arm/neural-graphics-model-gym (Apache-2.0).

``0000.json`` describes a capture; ``x2/color/0000/0000.exr`` (RGB, linear light), ``x2/depth`` (R) and ``x2/motion`` (RG) are
its frames at render size, for a ratio of 2, and ``ground_truth/0000/0000.exr`` (RGB) those at display size. A ratio of 1.5 is
``x1_5``. Brought to our conventions:

* motion: UV units, current - previous, y down, without jitter -> ``-motion * (width, height)``;
* depth: device depth, 0 near and 1 far or the reverse (``ReverseZ``), by the near and far plane in metres (far -1: infinite);
  what is on the far plane is background;
* jitter: ``NormalizedPerRatioJitter`` times the size, the sample less the centre of its pixel (their shader reads a frame at
  ``uv - jitter`` to undo it);
* exposure as it is, cuts from ``CameraCut``; the first frame is one, said or not.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upframe.errors import InputError
from upframe.regular import refuse_irregular
from upframe.rendered.frame import FrameSequence, RenderedFrame
from upframe.rendered.layouts.channels import read_channels

MOST_JSON = 256 * 2**20
_RATIO = re.compile(r"x\d+(_\d+)?")


@dataclass(frozen=True, eq=False)
class ArmCapture(FrameSequence):
    """A capture at one ratio; its frames are read when they are asked for. ``fps`` is the rate it was recorded for."""

    root: Path
    name: str
    ratio: str  # as the folder has it: x2, x1_5
    fps: float
    reverse_z: bool
    described: tuple[dict[str, Any], ...] = field(repr=False)
    ratio_index: int = field(repr=False)

    def __len__(self) -> int:
        return len(self.described)

    def _frame(self, index: int) -> RenderedFrame:
        said = self.described[index]
        stored = read_channels(self._path(f"{self.ratio}/depth", index), "R")
        height, width = stored.shape
        motion = read_channels(self._path(f"{self.ratio}/motion", index), "RG")
        try:
            near, far = float(said["CameraNearPlane"]), float(said["CameraFarPlane"])
            jitter = said["NormalizedPerRatioJitter"][self.ratio_index]
            offset = (float(jitter["X"]) * width, float(jitter["Y"]) * height)
            exposure = float(said.get("Exposure", 1.0))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(f"{self._json}: frame {index} lacks or misstates {error}") from error
        return RenderedFrame(
            colour=read_channels(self._path(f"{self.ratio}/color", index), "RGB"),
            depth=linear_depth(1 - stored if self.reverse_z else stored, near, far),
            motion=-motion * np.array((width, height), np.float32),
            jitter=offset,
            exposure=exposure,
            cut=index == 0 or bool(said.get("CameraCut", False)),
        )

    def target(self, index: int) -> NDArray[np.float32]:
        """A frame at display size: (H, W, 3), linear light."""
        return read_channels(self._path("ground_truth", index), "RGB")

    @property
    def _json(self) -> Path:
        return self.root / f"{self.name}.json"

    def _path(self, kind: str, index: int) -> Path:
        return self.root / kind / self.name / f"{index:04d}.exr"


def linear_depth(device: NDArray[np.float32], near: float, far: float) -> NDArray[np.float32]:
    """Device depth, 0 at the near plane and 1 at the far one (-1: infinitely far) -> distance along the view axis.

    The far plane is background, ``inf``. Raises InputError for planes that are none.
    """
    infinite = far == -1
    if not (near > 0 and (infinite or (far > near and math.isfinite(far)))):
        raise InputError(f"a camera with planes at {near} and {far} has no depth")
    nearness = 1 - device.astype(np.float64)
    with np.errstate(divide="ignore"):
        distance = near / (nearness if infinite else near / far + nearness * (1 - near / far))
    distance[nearness <= 0] = np.inf
    return distance.astype(np.float32)


def arm_captures(root: Path) -> list[ArmCapture]:
    """The captures of a folder, each at every ratio there is. Raises InputError where there is none."""
    paths = sorted(root.glob("*.json")) if root.is_dir() else []
    ratios = sorted(path.name for path in root.iterdir() if path.is_dir() and _RATIO.fullmatch(path.name)) if paths else []
    found = [_capture(path, ratio) for path in paths for ratio in ratios if (root / ratio / "color" / path.stem).is_dir()]
    if not found:
        raise InputError(f"{root}: holds no capture of the Neural Graphics Model Gym (0000.json beside x2/color/0000)")
    return found


def _capture(path: Path, ratio: str) -> ArmCapture:
    refuse_irregular(path)
    if path.stat().st_size > MOST_JSON:
        raise InputError(f"{path}: is too large for the description of a capture")
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        frames = tuple(said["Frames"])
        index = int(said["UpscalingRatiosIndices"][f"{ratio}_index"])
        # Older captures name the planes once.
        planes = {f"Camera{name}": said[name] for name in ("NearPlane", "FarPlane") if name in said}
        described = tuple(planes | frame for frame in frames)
        fps, reverse_z = float(said["EmulatedFramerate"]), bool(said["ReverseZ"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not a description of a capture: {type(error).__name__} {error}") from error
    return ArmCapture(path.parent, path.stem, ratio, fps, reverse_z, described, index)
