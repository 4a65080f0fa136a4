"""STSSNet's published scenes as training data: every frame of the folders whose names begin with ``train``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from upframe.datasets.published_folders import child, subfolders
from upframe.datasets.stssnet_files import read_frame
from upframe.errors import InputError
from upframe.rendered.layouts.stssnet import SCALE, Depth, read_stssnet_target
from upframe.training.data.rendered import TARGET, Planes

_FRAME = re.compile(r"compressed\.(\d+)\.(Warp|NoWarp)\.np[yz]")


class STSSNetScenes:
    """The frames of scenes, ``<scene>/train*/NPY`` and ``HR`` beside it; even ones rendered, odd ones made from the past.

    ``colour features mask history target``, see :class:`upframe.models.stssnet.STSSNet`. Raises InputError for a folder
    without such frames.
    """

    scale = SCALE

    def __init__(self, scenes: Sequence[str]) -> None:
        self._frames: list[tuple[Path, Path, Depth]] = []
        for scene in map(Path, scenes):
            if not scene.is_dir():
                raise InputError(f"{scene}: no such folder")
            depth: Depth = "scale" if scene.resolve().name.lower() == "lewis" else "clip"
            parts = [part for part in (scene, *subfolders(scene)) if part == scene or part.name.lower().startswith("train")]
            found = [(path, target, depth) for part in parts for path, target in _pairs(part)]
            if not found:
                raise InputError(f"{scene}: holds no frames of STSSNet: train1/NPY/compressed.0000.NoWarp.npy and the like")
            self._frames += found

    def __len__(self) -> int:
        return len(self._frames)

    def read(self, index: int) -> Mapping[str, Planes]:
        path, target, depth = self._frames[index]
        return {**read_frame(path, depth)._asdict(), TARGET: np.moveaxis(read_stssnet_target(target), -1, 0)}

    def name(self, index: int) -> str:
        return str(self._frames[index][0])


def _pairs(part: Path) -> list[tuple[Path, Path]]:
    """Frame files and their targets: even numbers as they were rendered, odd ones warped."""
    stored, high = child(part, "NPY"), child(part, "HR")
    if stored is None or high is None:
        return []
    pairs = []
    for path in sorted(stored.iterdir()):
        match = _FRAME.fullmatch(path.name)
        if match and (match[2] == "Warp") == bool(int(match[1]) % 2):
            pairs.append((path, high / f"compressedHR.{match[1]}{path.suffix}"))
    return pairs
