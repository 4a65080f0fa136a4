"""The NSRR re-implementation's folders (timmh/neural-supersampling, MIT): colour as PNG, depth and motion as OpenEXR.

What is below was read off ``model/data.py``, ``tools/reformat_depth_motion.py`` and ``rendered/render.py`` of that
repository, which render Blender's open videos with Cycles.

``color/SCENE_ENGINE_WIDTH_HEIGHT_NUMBER.png`` at render size and at display size, ``depth/....exr`` and ``motion/....exr`` of
the same name at render size. SCENE holds no underscore; NUMBER has four digits, and files that sort one after the other follow
one another in time. Colour is display-referred, 8 bits. Depth is Blender's: along the view axis, background 1e10. Motion is
the first half of Blender's vector pass, previous - current in pixels, y up, with Y in the channel B and X in G (OpenCV wrote
the three channels Y, X, 0 as blue, green, red): ours is (G, -B). There is no jitter, and nothing tells a cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from upframe.errors import InputError, ShapeError
from upframe.media.image.file import read_image, write_image
from upframe.media.image.image import Image
from upframe.ops.transfer import encode_linear
from upframe.rendered.frame import Buffer, FrameSequence, RenderedFrame
from upframe.rendered.layouts.channels import read_channels, write_channels

BACKGROUND = 1e10
BACKGROUND_FROM = 1e9
_NAME = re.compile(r"(?P<scene>[^_]+)_(?P<engine>[^_]+)_(?P<width>\d+)_(?P<height>\d+)_(?P<number>\d+)")


@dataclass(frozen=True, eq=False)
class NSRRClip(FrameSequence):
    """The frames of one scene, read when they are asked for; all sizes are (height, width).

    The first frame is a cut, and so is one whose number does not follow the number before.
    """

    root: Path
    scene: str
    engine: str
    size: tuple[int, int]
    numbers: tuple[str, ...] = field(repr=False)
    target_sizes: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(self.numbers)

    def _frame(self, index: int) -> RenderedFrame:
        number = self.numbers[index]
        depth = read_channels(self._path("depth", self.size, number, "exr"), "Y")
        depth[depth >= BACKGROUND_FROM] = np.inf
        stored = read_channels(self._path("motion", self.size, number, "exr"), "GB")
        return RenderedFrame(
            colour=_read_colour(self._path("color", self.size, number, "png")),
            depth=depth,
            motion=stored * np.array((1, -1), np.float32),
            linear=False,
            cut=index == 0 or int(number) != int(self.numbers[index - 1]) + 1,
        )

    def target(self, index: int, size: tuple[int, int] | None = None) -> NDArray[np.float32]:
        """A frame at display size: (H, W, 3), display-referred. ``size`` where there are several."""
        if size is None and len(self.target_sizes) != 1:
            raise InputError(f"{self.root}: {self.scene} has {len(self.target_sizes)} display sizes", remedy="say which")
        return _read_colour(self._path("color", size or self.target_sizes[0], self.numbers[index], "png"))

    def _path(self, kind: str, size: tuple[int, int], number: str, suffix: str) -> Path:
        return self.root / kind / f"{self.scene}_{self.engine}_{size[1]}_{size[0]}_{number}.{suffix}"


def _read_colour(path: Path) -> NDArray[np.float32]:
    pixels = read_image(path).pixels
    scale = 1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
    colour = pixels.astype(np.float32) / np.float32(scale)
    return np.ascontiguousarray(np.broadcast_to(colour, (*colour.shape[:2], 3)))


def nsrr_clips(root: Path) -> list[NSRRClip]:
    """The clips in a folder that holds ``color``, ``depth`` and ``motion``, in the order of their names.

    Raises InputError where there is none. Files are not opened yet.
    """
    if not all((root / kind).is_dir() for kind in ("color", "depth", "motion")):
        raise InputError(f"{root}: has no folders color, depth and motion, the layout of the NSRR re-implementation")
    depths: dict[tuple[str, str, tuple[int, int]], list[str]] = {}
    for match in _names(root / "depth", ".exr"):
        depths.setdefault(_key(match), []).append(match["number"])
    colours = {_key(match) for match in _names(root / "color", ".png")}
    clips = []
    for (scene, engine, size), numbers in sorted(depths.items()):
        larger = sorted(other for name, way, other in colours if (name, way) == (scene, engine) and other[0] > size[0])
        clips.append(NSRRClip(root, scene, engine, size, tuple(sorted(numbers)), tuple(larger)))
    if not clips:
        raise InputError(f"{root / 'depth'}: no file in it is named SCENE_ENGINE_WIDTH_HEIGHT_NUMBER.exr")
    return clips


def _names(folder: Path, suffix: str) -> list[re.Match[str]]:
    matches = (_NAME.fullmatch(path.stem) for path in folder.iterdir() if path.suffix == suffix)
    return [match for match in matches if match]


def _key(match: re.Match[str]) -> tuple[str, str, tuple[int, int]]:
    return match["scene"], match["engine"], (int(match["height"]), int(match["width"]))


def write_nsrr(
    root: Path,
    scene: str,
    frames: Iterable[tuple[RenderedFrame, Buffer]],
    *,
    engine: str = "cycles",
    first: int = 1,
    overwrite: bool = False,
) -> int:
    """Write frames and their targets, (H, W, 3) in the frame's own kind of light, as one scene; how many were written.

    Linear light is multiplied by the frame's exposure, bent as ``ops.transfer`` does, and limited to [0, 1]. Of the jitter
    that the layout has no place for, its change is added to the motion, which then leads from samples to samples. The layout
    cannot mark a cut: after one, write on under another scene's name. The published loader takes the scenes of one video by
    the beginning of their name, in one row.

    Raises InputError for a scene or engine with an underscore, a second cut, and a frame without colour; and OutputError.
    """
    if "_" in scene + engine or not scene or not engine:
        raise InputError(f"{scene}_{engine}: neither a scene nor an engine may be empty or hold an underscore in NSRR's layout")
    last: RenderedFrame | None = None
    count = 0
    for number, (frame, target) in enumerate(frames, first):
        if frame.colour is None:
            raise InputError(f"frame {number}: NSRR's layout needs a colour for every frame")
        if last is not None and (frame.cut or frame.size != last.size):
            raise InputError(f"frame {number}: a new shot begins here; NSRR's layout needs it under another scene's name")
        if tuple(target.shape[2:]) != (3,) or target.shape[0] % frame.size[0] or target.shape[1] % frame.size[1]:
            raise ShapeError(f"frame {number}: a target of {tuple(target.shape)} is not a whole multiple of {frame.size}")
        _write_frame(root, f"{scene}_{engine}", f"{number:04d}", frame, target, last, overwrite)
        last, count = frame, count + 1
    return count


def _write_frame(
    root: Path, name: str, number: str, frame: RenderedFrame, target: Buffer, last: RenderedFrame | None, overwrite: bool
) -> None:
    def path(kind: str, height: int, width: int, suffix: str) -> Path:
        return root / kind / f"{name}_{width}_{height}_{number}.{suffix}"

    assert frame.colour is not None
    height, width = frame.size
    before = frame.jitter if last is None else last.jitter
    change = [now - then for now, then in zip(frame.jitter, before, strict=True)]
    motion = _array(frame.motion) + np.array(change, np.float32)
    depth = np.where(np.isfinite(depth := _array(frame.depth)), depth, np.float32(BACKGROUND))
    planes = {"B": -motion[..., 1], "G": motion[..., 0], "R": np.zeros_like(depth)}
    write_channels(path("depth", height, width, "exr"), {"Y": depth}, overwrite=overwrite)
    write_channels(path("motion", height, width, "exr"), planes, overwrite=overwrite)
    _write_colour(path("color", height, width, "png"), frame.colour, frame, overwrite)
    _write_colour(path("color", int(target.shape[0]), int(target.shape[1]), "png"), target, frame, overwrite)


def _array(buffer: Buffer) -> NDArray[np.float32]:
    array: Any = buffer if isinstance(buffer, np.ndarray) else buffer.detach().cpu().float()
    return np.asarray(array, np.float32)


def _write_colour(path: Path, colour: Buffer, frame: RenderedFrame, overwrite: bool) -> None:
    shown = torch.from_numpy(_array(colour).copy())
    if frame.linear:
        shown = encode_linear(shown * frame.gain)
    pixels = (shown.clamp(0, 1) * 255 + 0.5).to(torch.uint8).numpy()
    write_image(path, Image(pixels), overwrite=overwrite)
