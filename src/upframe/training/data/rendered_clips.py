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

from numpy.typing import NDArray

from upframe.errors import InputError
from upframe.models.network import RenderedNetwork
from upframe.ops.shift import shift
from upframe.rendered.clip import RenderedClip
from upframe.rendered.frame import RenderedFrame
from upframe.rendered.preparation import FramePreparation, as_shown, planes
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
        self._undoes_jitter = network.undoes_jitter
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
        prepare = FramePreparation(history, undoes_jitter=self._undoes_jitter)
        for number, frame in self._shot(index):
            if missing := frame.missing(self._inputs):
                raise InputError(f"{self.name(index)}: frame {number} has no {missing[0]}, which {self._name} needs")
            tensors = prepare(frame, {name: planes(buffer) for name, buffer in frame.buffers().items()})
            if self._fills_in and number % 2 and now is not None:
                del tensors["colour"]
            now = history.inputs(tensors)
        assert now is not None  # there is the current frame at least
        return {name: value[0].numpy() for name, value in now.arguments.items()} | {TARGET: self._target(index)}

    def _place(self, index: int) -> tuple[int, int]:
        clip = bisect_right(self._ends, index)
        return clip, index - (self._ends[clip] - len(self._clips[clip][1]))

    def _shot(self, index: int) -> Iterator[tuple[int, RenderedFrame]]:
        """The frames up to this one, from the last cut at the earliest, each with its number."""
        number, last = self._place(index)
        clip = self._clips[number][1]
        frames = [(i, clip[i]) for i in range(max(last - self._past, 0), last + 1)]
        begin = max((place for place, (_, frame) in enumerate(frames) if frame.cut), default=0)
        yield from frames[begin:]

    def _target(self, index: int) -> Planes:
        """The target where the frame was sampled: the networks do not know of jitter, and it is undone after them."""
        number, frame_number = self._place(index)
        clip = self._clips[number][1]
        frame = clip[frame_number]
        shown = as_shown(planes(clip.target(frame_number)), frame)
        moved: Planes = shift(shown, *(self.scale * offset for offset in frame.jitter))[0].numpy()
        return moved
