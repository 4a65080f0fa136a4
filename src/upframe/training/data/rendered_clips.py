"""Rendered clips as NSRR and STSSNet take them: each frame with its past, moved to where it is now.

The same history as :class:`upframe.Supersampler` keeps of a running image, so that what was trained is what runs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from upframe.errors import InputError
from upframe.models.nsrr import disparity
from upframe.models.stssnet import FEATURES
from upframe.ops.shift import shift
from upframe.ops.transfer import encode_linear
from upframe.rendered.clip import RenderedClip
from upframe.rendered.frame import Buffer, RenderedFrame
from upframe.rendered.history import NSRRHistory, STSSNetHistory, normalised_depth
from upframe.training.data.frames import numbers_in
from upframe.training.data.layers import LayeredClip
from upframe.training.data.rendered import TARGET, Planes

LAYERS = "layers:"  # before the numbers of the first and the last generated clip


class TargetClip(Protocol):
    """Frames at render resolution and their targets, arrays both."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> RenderedFrame: ...
    def target(self, number: int, /) -> NDArray[Any]: ...


def open_rendered(scenes: Sequence[str], scale: int) -> list[tuple[str, TargetClip]]:
    """Folders with a ``clip.json``, folders of such, and generated ones (``layers:0-7``), by name.

    Raises InputError for what is missing, and for clips whose targets are of another scale.
    """
    clips: list[tuple[str, TargetClip]] = []
    for scene in scenes:
        if scene.startswith(LAYERS):
            clips += [(f"{LAYERS}{number}", LayeredClip(number, scale)) for number in numbers_in(scene, LAYERS)]
            continue
        folder = Path(scene).expanduser()
        folders = [folder] if (folder / "clip.json").is_file() else sorted(path.parent for path in folder.glob("*/clip.json"))
        if not folders:
            raise InputError(f"{folder}: holds no rendered clip: a clip.json, or folders with one, are expected")
        for path in folders:
            clip = RenderedClip(path)
            if clip.info.scale != scale:
                raise InputError(f"{path}: has targets of x{clip.info.scale or 0}, and x{scale} is trained")
            clips.append((str(path), clip))
    return clips


class _Clips:
    """All frames of clips by one number."""

    past = 0  # frames before the current one that are read

    def __init__(self, scenes: Sequence[str], scale: int) -> None:
        self.scale = scale
        self._clips = open_rendered(scenes, scale)
        self._ends = list(accumulate(len(clip) for _, clip in self._clips))

    def __len__(self) -> int:
        return self._ends[-1]

    def name(self, index: int) -> str:
        clip, frame = self._place(index)
        return f"{self._clips[clip][0]}, frame {frame}"

    def _place(self, index: int) -> tuple[int, int]:
        clip = bisect_right(self._ends, index)
        return clip, index - (self._ends[clip] - len(self._clips[clip][1]))

    def _shot(self, index: int) -> Iterator[tuple[int, RenderedFrame, dict[str, Tensor]]]:
        """The frames up to this one, from the last cut at the earliest: number, frame, and its buffers as tensors."""
        number, last = self._place(index)
        clip = self._clips[number][1]
        frames = [clip[i] for i in range(max(last - self.past, 0), last + 1)]
        begin = max((i for i, frame in enumerate(frames) if frame.cut), default=0)
        previous: RenderedFrame | None = None
        for offset, frame in enumerate(frames[begin:], start=last - len(frames) + 1 + begin):
            yield offset, frame, _tensors(frame, previous, frames[-1].exposure)
            previous = frame

    def _target(self, index: int) -> Planes:
        """The target where the frame was sampled: the networks do not know of jitter, and it is undone after them."""
        number, frame_number = self._place(index)
        clip = self._clips[number][1]
        frame = clip[frame_number]
        target = torch.from_numpy(np.array(clip.target(frame_number), np.float32)).permute(2, 0, 1)
        shown = encode_linear(target * frame.exposure) if frame.linear else target
        moved: Planes = shift(shown[None], *(self.scale * offset for offset in frame.jitter))[0].numpy()
        return moved


def _tensors(frame: RenderedFrame, previous: RenderedFrame | None, exposure: float) -> dict[str, Tensor]:
    """Buffers (1, c, h, w), colours as a display has them at the current ``exposure``; motion between samples."""
    tensors = {name: _planes(buffer) for name, buffer in frame.buffers().items()}
    if previous is not None:
        moved = [now - before for now, before in zip(frame.jitter, previous.jitter, strict=True)]
        tensors["motion"] = tensors["motion"] + torch.tensor(moved).view(1, 2, 1, 1)
    if frame.linear and "colour" in tensors:
        tensors["colour"] = encode_linear(tensors["colour"] * exposure)
    return tensors


def _planes(buffer: Buffer) -> Tensor:
    tensor = torch.from_numpy(np.array(buffer, np.float32))
    return tensor[None, None] if tensor.ndim == 2 else tensor.permute(2, 0, 1)[None]


class NSRRClips(_Clips):
    """``colour depth motion target``, see :class:`upframe.models.nsrr.NSRR`."""

    def __init__(self, scenes: Sequence[str], scale: int, history: int) -> None:
        super().__init__(scenes, scale)
        self.past = history - 1

    def read(self, index: int) -> Mapping[str, Planes]:
        history, now = NSRRHistory(self.past + 1), None
        for number, frame, tensors in self._shot(index):
            if missing := frame.missing(("colour",)):
                raise InputError(f"{self.name(index)}: frame {number} has no {missing[0]}, which NSRR needs")
            now = history.step(tensors["colour"], disparity(tensors["depth"]), tensors["motion"])
        assert now is not None  # there is the current frame at least
        names = ("colour", "depth", "motion")
        return {name: value[0].numpy() for name, value in zip(names, now, strict=True)} | {TARGET: self._target(index)}


class STSSNetClips(_Clips):
    """``colour features mask history target``, see :class:`upframe.models.stssnet.STSSNet`.

    Frames of even number are shown as rendered, those of odd number without their colour, made of the past. Depth is
    stretched frame by frame, or in units of ``far`` scene units.
    """

    past = 6  # so that three shaded ones are among them

    def __init__(self, scenes: Sequence[str], scale: int, far: float | None = None) -> None:
        super().__init__(scenes, scale)
        self._far = far

    def read(self, index: int) -> Mapping[str, Planes]:
        history, now, features = STSSNetHistory(), None, torch.empty(0)
        for number, frame, tensors in self._shot(index):
            if missing := frame.missing(("colour", *FEATURES)):
                raise InputError(f"{self.name(index)}: frame {number} has no {missing[0]}, which STSSNet needs")
            shaded = number % 2 == 0 or now is None
            now = history.step(tensors["colour"] if shaded else None, tensors["depth"], tensors["motion"])
            tensors["depth"] = normalised_depth(tensors["depth"], self._far)
            features = torch.cat([tensors[name] for name in FEATURES], dim=1)
        assert now is not None  # there is the current frame at least
        arrays = {"colour": now.colour, "features": features, "mask": now.mask, "history": now.history}
        return {name: value[0].numpy() for name, value in arrays.items()} | {TARGET: self._target(index)}
