"""Which layout a folder of rendered frames has, and its clips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from upframe.errors import InputError
from upframe.rendered.check.depth import CameraMatrices
from upframe.rendered.clip import NAME, UNFINISHED, RenderedClip
from upframe.rendered.frame import RenderedFrame
from upframe.rendered.layouts.arm import arm_captures
from upframe.rendered.layouts.nsrr import nsrr_clips


class Capture(NamedTuple):
    """A clip by name; ``cameras`` where the layout has their matrices."""

    name: str
    frames: Sequence[RenderedFrame]
    cameras: Sequence[CameraMatrices] | None


def open_captures(folder: Path) -> list[Capture]:
    """The clips in a folder: of our own layout (one, or several in folders of their own), of the NSRR
    re-implementation's, or Arm's.

    Raises InputError for a folder of another kind. STSSNet's files cannot be checked: they hold no frame as it was rendered.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    is_one = (folder / NAME).is_file() or (folder / UNFINISHED).is_file()  # the reader says that it is unfinished
    own = [folder] if is_one else sorted(path.parent for path in folder.glob(f"*/{NAME}"))
    if own:
        return [_own(path) for path in own]
    if (folder / "motion").is_dir() and (folder / "depth").is_dir():
        return [Capture(clip.scene, clip, None) for clip in nsrr_clips(folder)]
    if any(folder.glob("*.json")):
        return [Capture(f"{capture.name}-{capture.ratio}", capture, None) for capture in arm_captures(folder)]
    if (folder / "NPY").is_dir():
        raise InputError(f"{folder}: STSSNet's files hold only warped frames, in which motion and depth cannot be checked")
    raise InputError(
        f"{folder}: holds no rendered clip: neither clip.json, nor NSRR's color, depth and motion, nor Arm's 0000.json"
    )


def _own(folder: Path) -> Capture:
    clip = RenderedClip(folder)
    cameras = [
        CameraMatrices(np.array(frame.view), np.array(frame.projection))
        for frame in clip.info.frames
        if frame.view is not None and frame.projection is not None
    ]
    return Capture(folder.resolve().name, clip, cameras if len(cameras) == len(clip) else None)
