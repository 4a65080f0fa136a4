"""STSSNet's published frame files: warped colours and G-buffers of four game scenes (He et al., AAAI 2024).

A scene's test part is ``NPY/compressed.0006.NoWarp.npy`` for even frames, which were rendered and are only upscaled,
``NPY/compressed.0007.Warp.npy`` for odd ones, which are made of the warped past, and ``HR/compressedHR.0006.npy`` for both.
What the files hold is in :mod:`upframe.rendered.layouts.stssnet`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from upframe.datasets.clips import EvaluationClip, EvaluationSet
from upframe.datasets.degradation import Pixels
from upframe.datasets.frames import CutFrames
from upframe.datasets.layouts import SetOptions
from upframe.datasets.published_folders import child, subfolders
from upframe.errors import InputError
from upframe.rendered.layouts.stssnet import SCALE, Depth, NetworkInputs, read_stssnet_frame, read_stssnet_target

_FRAME = re.compile(r"compressed\.(\d+)\.(Warp|NoWarp)\.np[yz]")
_EVALUATED = {"lewis": (5, 1000), "subway": (6, 1000), "arena": (500, 1500), "suntemple": (5, 1000)}
"""The first and last frame of the published scores, by scene."""
_SCALED_DEPTH = ("lewis",)


def read_frame(path: Path, depth: Depth = "clip") -> NetworkInputs:
    """What the network is given for a frame file. Raises InputError for what cannot be read or has another shape."""
    return read_stssnet_frame(path).network_inputs(depth)


@dataclass(frozen=True, eq=False)
class StoredClip(EvaluationClip):
    """A rendered clip whose frames are stored as the networks of one ``family`` take them.

    ``high`` is the target and ``low`` the last frame warped without a check for holes; both (h, w, 3) float32, not limited to
    [0, 1]. Even frames were rendered, odd ones were made from the past: ``frame_names`` are their numbers.
    """

    family: ClassVar[str] = "stssnet"

    _read: Callable[[int], NetworkInputs] = field(repr=False)

    def arguments(self, index: int) -> NetworkInputs:
        """What the network is given for a frame."""
        return self._read(index)

    def hole(self, index: int) -> Pixels:
        holes: Pixels = 1 - self.arguments(index).mask[0]
        return holes


class _Targets:
    def __init__(self, numbers: tuple[int, ...], paths: tuple[Path, ...]) -> None:
        self.names = tuple(f"{number:04d}" for number in numbers)
        self.paths = paths

    def read(self, index: int) -> Pixels:
        return read_stssnet_target(self.paths[index])

    def label(self, index: int) -> str:
        return str(self.paths[index])


class _Warped(_Targets):
    def read(self, index: int) -> Pixels:
        return np.ascontiguousarray(read_frame(self.paths[index]).colour[3:].transpose(1, 2, 0))


def scenes_in(root: Path) -> list[tuple[str, Path]]:
    """Name and folder of each scene that is in ``root``, is ``root``, or is the test part of it."""
    if not root.is_dir():
        return []
    places = [("", root), ("", root / "test"), *((sub.name, sub / "test") for sub in subfolders(root))]
    found = [(name, folder) for name, folder in places if _is_scene(folder)]
    return [(name or _scene_name(folder), folder) for name, folder in found]


def _is_scene(folder: Path) -> bool:
    frames = child(folder, "NPY") if folder.is_dir() else None
    return frames is not None and any(_FRAME.fullmatch(path.name) for path in frames.iterdir())


def _scene_name(folder: Path) -> str:
    folder = folder.resolve()
    return folder.parent.name if folder.name.lower() == "test" else folder.name


def open_stssnet(root: Path, wanted: SetOptions) -> EvaluationSet:
    """The scenes of STSSNet's data set, the frames of each that the published scores are of. Raises InputError unless x2."""
    if wanted.scale != SCALE:
        raise InputError(f"{root}: STSSNet's frames are stored for x{SCALE}, not x{wanted.scale}")
    clips = tuple(_open_scene(name, folder) for name, folder in scenes_in(root))
    return EvaluationSet(root.resolve().name, "rendered", SCALE, "files", clips, SCALE)


def _open_scene(name: str, folder: Path) -> EvaluationClip:
    first, last = _EVALUATED.get(name.lower(), (0, 10**9))
    frames: dict[int, Path] = {}
    for path in sorted((child(folder, "NPY") or folder).iterdir()):
        match = _FRAME.fullmatch(path.name)
        if match and first <= int(match[1]) <= last and (match[2] == "Warp") == bool(int(match[1]) % 2):
            frames[int(match[1])] = path
    if not frames:
        raise InputError(f"{folder}: has none of the frames {first} to {last} on which {name} is scored")
    numbers = tuple(sorted(frames))
    stored, high = tuple(frames[number] for number in numbers), child(folder, "HR") or folder / "HR"
    targets = tuple(high / f"compressedHR.{number:04d}{frames[number].suffix}" for number in numbers)
    depth: Depth = "scale" if name.lower() in _SCALED_DEPTH else "clip"
    every = tuple(range(len(numbers)))
    low = _Warped(numbers, stored)
    return StoredClip(
        name,
        low.names,
        SCALE,
        every,
        CutFrames(_Targets(numbers, targets), SCALE),
        low,
        lambda index: read_frame(stored[index], depth),
    )
