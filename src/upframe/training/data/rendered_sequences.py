"""Rendered frames one after the other, for networks that are given what they made of the frame before."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np

from upframe.errors import InputError
from upframe.models.network import RenderedNetwork
from upframe.rendered.frame import CHANNELS, RenderedFrame
from upframe.rendered.preparation import as_shown, planes
from upframe.training.data.rendered import TARGET, Planes
from upframe.training.data.rendered_clips import TargetClip, open_rendered

CHANGE = "change"


class RenderedSequences:
    """Runs of so many ``frames`` of clips by one number, none twice: each argument (frames, c, h, w), and ``target``.

    Motion is that of the scene, the target where the pixels are, colour and target as a display has them. ``jitter`` has two
    channels that are the same in all pixels; so has ``change`` one: what the light remembered of the frame before is
    multiplied by, 0 in the first frame of a shot.
    """

    def __init__(self, scenes: Sequence[str], network: RenderedNetwork, frames: int) -> None:
        self.scale, self._name, self._inputs, self._frames = (
            network.info.scale,
            type(network).__name__,
            network.info.inputs,
            frames,
        )
        self._optional = network.optional
        self._clips = open_rendered(scenes, self.scale)
        self._ends = list(accumulate(len(clip) // frames for _, clip in self._clips))
        if not self._ends[-1]:
            raise InputError(f"{self._clips[0][0]}: has {len(self._clips[0][1])} frames; data.frames={frames} are more")

    def __len__(self) -> int:
        return self._ends[-1]

    def name(self, index: int) -> str:
        name, _, first = self._place(index)
        return f"{name}, frames {first} to {first + self._frames - 1}"

    def read(self, index: int) -> Mapping[str, Planes]:
        _, clip, first = self._place(index)
        arrays: dict[str, list[Planes]] = {}
        before: RenderedFrame | None = None
        for number in range(first, first + self._frames):
            frame = clip[number]
            if missing := frame.missing(self._inputs):
                raise InputError(f"{self.name(index)}: frame {number} has no {missing[0]}, which {self._name} needs")
            for name, value in {**self._arguments(frame, before), TARGET: _target(clip, number, frame)}.items():
                arrays.setdefault(name, []).append(value)
            before = frame
        return {name: np.stack(values) for name, values in arrays.items()}

    def _arguments(self, frame: RenderedFrame, before: RenderedFrame | None) -> dict[str, Planes]:
        buffers = frame.buffers()
        arguments: dict[str, Planes] = {
            name: planes(buffers[name])[0].numpy() if name in buffers else np.zeros((CHANNELS[name], *frame.size), np.float32)
            for name in (*self._inputs, *self._optional)
        }
        arguments["colour"] = as_shown(planes(buffers["colour"]), frame)[0].numpy()
        change = 0.0 if before is None or frame.cut else frame.exposure / before.exposure
        for name, values in (("jitter", frame.jitter), (CHANGE, (change,))):
            numbers = np.asarray(values, np.float32)[:, None, None]
            arguments[name] = np.broadcast_to(numbers, (len(values), *frame.size))
        return arguments

    def _place(self, index: int) -> tuple[str, TargetClip, int]:
        """The clip of a run, its name, and the run's first frame."""
        number = bisect_right(self._ends, index)
        name, clip = self._clips[number]
        return name, clip, (index - (self._ends[number] - len(clip) // self._frames)) * self._frames


def _target(clip: TargetClip, number: int, frame: RenderedFrame) -> Planes:
    shown: Planes = as_shown(planes(clip.target(number)), frame)[0].numpy()
    return shown
