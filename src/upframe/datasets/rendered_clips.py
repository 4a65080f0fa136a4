"""Rendered clips as evaluation sets: every frame as shown, its target, and what of it was hidden in the frames before.

What the folder of a clip holds is in :mod:`upframe.rendered.clip`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from upframe.datasets.clips import EvaluationClip, EvaluationSet
from upframe.datasets.degradation import Pixels
from upframe.datasets.images import check_numbers
from upframe.datasets.layouts import SetOptions
from upframe.datasets.published_folders import child, subfolders
from upframe.errors import InputError
from upframe.rendered.clip import NAME, UNFINISHED, RenderedClip, frame_path, target_path
from upframe.rendered.frame import Buffer, RenderedFrame
from upframe.rendered.history import STSSNetHistory
from upframe.rendered.preparation import FramePreparation, as_shown, planes

AS_RENDERED = "as rendered"


def clips_in(root: Path) -> list[tuple[str, Path]]:
    """Name and folder of each rendered clip, finished or not, that ``root`` is, or that is in it or in its test part."""
    if not root.is_dir():
        return []
    if _is_clip(root):
        return [(root.resolve().name, root)]
    for place in (root, child(root, "test")):
        found = [(folder.name, folder) for folder in (subfolders(place) if place else ()) if _is_clip(folder)]
        if found:
            return found
    return []


def _is_clip(folder: Path) -> bool:
    return (folder / NAME).is_file() or (folder / UNFINISHED).is_file()


@dataclass(frozen=True, eq=False)
class RenderedEvaluationClip(EvaluationClip):
    """A rendered clip. ``low`` is a frame's colour and ``high`` its target, as a display shows them: (h, w, 3) float32.

    The colour is limited to [0, 1], which is all that models for images know; of the target nothing is cut off.

    ``frame_names`` are the numbers of the frames. What is read goes by ascending numbers quickest; a frame is held at a time.
    """

    _frames: _Frames = field(repr=False)

    def jitter(self, index: int) -> tuple[float, float]:
        """How far beside its pixels' centres a frame was sampled, x and y in pixels."""
        return self._frames.clip.info.frames[index].jitter

    def has_low(self, index: int) -> bool:
        return self._frames.read(index).colour is not None

    def hole(self, index: int) -> Pixels:
        """1 where nothing of the last shaded frame could be brought, where those of even number and first ones are shaded."""
        return self._frames.hole(index)

    def frame(self, index: int) -> RenderedFrame:
        """All that was rendered. Raises InputError for a file that is missing or damaged, and for NaN."""
        return self._frames.read(index)

    def interleaved(self, index: int) -> RenderedFrame:
        """The same as STSSNet is given it: without its colour where its number is odd and it does not begin a shot."""
        return self._frames.interleaved(index)

    def label(self, index: int) -> str:
        """Where a frame comes from, as a message names it."""
        return self._frames.label(index)

    def shown(self, index: int, light: torch.Tensor) -> torch.Tensor:
        """What a network made of a frame, (3, h, w), as a display shows it."""
        return as_shown(light, self._frames.read(index))


def open_rendered(root: Path, wanted: SetOptions) -> EvaluationSet:
    """A rendered clip, a folder of such, or the test part of a set that ``upframe render --set`` made.

    Raises InputError for a clip that is unfinished, has no targets, or has them at another scale.
    """
    found = clips_in(root)
    if not found:
        raise InputError(f"{root}: holds no rendered clip: a {NAME}, or folders with one, are expected")
    clips = tuple(_open_clip(name, folder, wanted.scale) for name, folder in found)
    return EvaluationSet(root.resolve().name, "rendered", wanted.scale, AS_RENDERED, clips, wanted.scale)


def _open_clip(name: str, folder: Path, scale: int) -> EvaluationClip:
    clip = RenderedClip(folder)
    if clip.info.scale is None:
        raise InputError(f"{folder}: has no targets to compare with", remedy="render it with a scale")
    if clip.info.scale != scale:
        raise InputError(f"{folder}: has targets of x{clip.info.scale}; x{scale} was asked for")
    frames, every = _Frames(clip), tuple(range(len(clip)))
    return RenderedEvaluationClip(name, frames.names, scale, every, _Targets(frames), _Colours(frames), frames)


class _Frames:
    """The frames of a clip, of which the last one read is kept: its colour, its buffers and its holes are wanted in turn."""

    def __init__(self, clip: RenderedClip) -> None:
        self.clip = clip
        self.names = tuple(f"{number:05d}" for number in range(len(clip)))
        self._last: tuple[int, RenderedFrame] | None = None
        self._holes = _Holes(self)

    def read(self, index: int) -> RenderedFrame:
        if self._last is None or self._last[0] != index:
            frame = self.clip[index]
            for name, buffer in frame.buffers().items():
                if name == "motion" and self.begins_shot(index):
                    continue  # it is not read
                values = np.where(buffer == np.inf, 0, buffer) if name == "depth" else np.asarray(buffer)
                check_numbers(values, f"{self.label(index)}: {name}")
            self._last = index, frame
        return self._last[1]

    def interleaved(self, index: int) -> RenderedFrame:
        frame = self.read(index)
        return frame if index % 2 == 0 or self.begins_shot(index) else replace(frame, colour=None)

    def begins_shot(self, index: int) -> bool:
        return index == 0 or self.clip.info.frames[index].cut

    def hole(self, index: int) -> NDArray[np.float32]:
        return self._holes.at(index)

    def label(self, index: int) -> str:
        return str(frame_path(self.clip.folder, index))


class _Colours:
    """What was rendered, as shown."""

    def __init__(self, frames: _Frames) -> None:
        self._frames = frames
        self.names = frames.names

    def read(self, index: int) -> Pixels:
        frame = self._frames.read(index)
        if frame.colour is None:
            raise InputError(f"{self.label(index)}: has no colour: this frame is made from those before it")
        return _shown(frame.colour, frame).clip(0, 1)

    def label(self, index: int) -> str:
        return self._frames.label(index)


class _Targets:
    """What a network should make of it, as shown at the same exposure."""

    def __init__(self, frames: _Frames) -> None:
        self._frames = frames
        self.names = frames.names

    def read(self, index: int) -> Pixels:
        target = self._frames.clip.target(index)
        check_numbers(target, self.label(index))
        return _shown(target, self._frames.read(index))

    def label(self, index: int) -> str:
        return str(target_path(self._frames.clip.folder, index))


class _Holes:
    """The holes of STSSNet's newest warped colour, by its own history, which is carried on from frame to frame."""

    def __init__(self, frames: _Frames) -> None:
        self._frames, self._history = frames, STSSNetHistory()
        self._next, self._mask = 0, torch.empty(0)
        self._prepare = FramePreparation(self._history)

    def at(self, index: int) -> NDArray[np.float32]:
        if index < self._next - 1:
            self._next = 0  # the first frame begins a shot
        while self._next <= index:
            self._advance(self._next)
            self._next += 1
        holes: NDArray[np.float32] = 1 - self._mask.numpy()
        return holes

    @torch.inference_mode()
    def _advance(self, index: int) -> None:
        frame = self._frames.interleaved(index)
        if self._frames.begins_shot(index):
            self._prepare.forget()
        buffers = {name: planes(b) for name, b in frame.buffers().items() if name in ("colour", "depth", "motion")}
        now = self._prepare(frame, buffers)
        try:
            self._mask = self._history.step(now.get("colour"), now["depth"], now["motion"]).mask[0, 0]
        except InputError as error:
            raise InputError(f"{self._frames.label(index)}: {error}") from error


def _shown(light: Buffer, frame: RenderedFrame) -> Pixels:
    return as_shown(torch.from_numpy(np.array(light, np.float32)), frame).numpy()
