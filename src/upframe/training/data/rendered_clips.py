"""Rendered clips as networks take them: each frame with its past, moved to where it is now.

The same history as :class:`upframe.Supersampler` keeps of a running image, so that what was trained is what runs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from upframe.errors import InputError
from upframe.models.network import RenderedNetwork
from upframe.ops.shift import shift
from upframe.ops.transfer import encode_linear
from upframe.rendered.clip import RenderedClip
from upframe.rendered.frame import Buffer, RenderedFrame
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
                raise InputError(f"{path}: has targets of x{clip.info.scale or 0}; the recipe trains x{scale}")
            clips.append((str(path), clip))
    return clips


class RenderedClips:
    """All frames of clips by one number: the arguments of a network by name, and ``target``.

    For a network that ``fills_in``, frames of even number are shown as rendered, those of odd number without their colour, made
    of the past. ``far``: as of :meth:`upframe.models.network.RenderedNetwork.new_history`.
    """

    def __init__(self, scenes: Sequence[str], network: RenderedNetwork, far: float | None = None) -> None:
        info = network.info
        self.scale = info.scale
        self._name, self._inputs, self._fills_in = type(network).__name__, info.inputs, network.fills_in
        self._past = info.past * (2 if network.fills_in else 1)  # so that enough shaded ones are among them
        self._empty = network.new_history(far=far)
        self._clips = open_rendered(scenes, self.scale)
        self._ends = list(accumulate(len(clip) for _, clip in self._clips))

    def __len__(self) -> int:
        return self._ends[-1]

    def name(self, index: int) -> str:
        clip, frame = self._place(index)
        return f"{self._clips[clip][0]}, frame {frame}"

    def read(self, index: int) -> Mapping[str, Planes]:
        history, now = deepcopy(self._empty), None
        for number, frame, tensors in self._shot(index):
            if missing := frame.missing(self._inputs):
                raise InputError(f"{self.name(index)}: frame {number} has no {missing[0]}, which {self._name} needs")
            if self._fills_in and number % 2 and now is not None:
                del tensors["colour"]
            now = history.inputs(tensors)
        assert now is not None  # there is the current frame at least
        return {name: value[0].numpy() for name, value in now.arguments.items()} | {TARGET: self._target(index)}

    def _place(self, index: int) -> tuple[int, int]:
        clip = bisect_right(self._ends, index)
        return clip, index - (self._ends[clip] - len(self._clips[clip][1]))

    def _shot(self, index: int) -> Iterator[tuple[int, RenderedFrame, dict[str, Tensor]]]:
        """The frames up to this one, from the last cut at the earliest: number, frame, and its buffers as tensors."""
        number, last = self._place(index)
        clip = self._clips[number][1]
        frames = [clip[i] for i in range(max(last - self._past, 0), last + 1)]
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
