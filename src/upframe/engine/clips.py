"""The frames of a clip, shot after shot, with what belongs to them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from upframe.engine.cuts import Cuts
from upframe.engine.timeline import Timeline
from upframe.models.streams import Stream

Item = TypeVar("Item")
Result = TypeVar("Result")


class ClipStream:
    """Streams for the layers of a clip's frames (colour, and opacity where there is one), started again at every cut."""

    def __init__(self, streams: Sequence[Stream], cuts: Cuts) -> None:
        self._streams, self._cuts = streams, cuts
        self._size = torch.Size()

    @torch.inference_mode()
    def feed(self, layers: Sequence[Tensor]) -> list[tuple[Tensor, ...]]:
        """The layers of one more frame, (1, 3, h, w) each -> the frames that are ready. A new size is a cut, too."""
        size, self._size = self._size, layers[0].shape[-2:]
        cut = self._cuts(layers[0]) or (len(size) > 0 and size != self._size)
        owed = self.finish() if cut else []
        return owed + list(zip(*(stream.feed(layer) for stream, layer in zip(self._streams, layers, strict=True)), strict=True))

    def finish(self) -> list[tuple[Tensor, ...]]:
        """The clip or the shot is over: the frames that are still owed."""
        return list(zip(*(stream.finish() for stream in self._streams), strict=True))


def upscale_in_order(
    items: Iterable[Item],
    clip: ClipStream,
    layers: Callable[[Item], Sequence[Tensor]],
    result: Callable[[Item, tuple[Tensor, ...]], Result],
    timeline: Timeline | None = None,
) -> Iterator[Result]:
    """What becomes of every item, in order: ``result`` of it and its upscaled layers.

    An item without layers is no frame, and keeps its place among them: ``result`` has it with none. An item waits until the
    frames before it are ready. ``timeline``: where the times of the three are written down.
    """
    feed, finish = clip.feed, clip.finish
    if timeline is not None:
        layers, result = timeline.timed("convert", layers), timeline.timed("convert back", result)
        feed, finish = timeline.timed("network", feed), timeline.timed("network", finish)
    waiting: deque[tuple[Item, bool]] = deque()
    for item in items:
        found = layers(item)
        waiting.append((item, bool(found)))
        yield from _ready(waiting, deque(feed(found) if found else ()), result)
    yield from _ready(waiting, deque(finish()), result)


def _ready(
    waiting: deque[tuple[Item, bool]], frames: deque[tuple[Tensor, ...]], result: Callable[[Item, tuple[Tensor, ...]], Result]
) -> Iterator[Result]:
    while waiting and (frames or not waiting[0][1]):
        item, is_frame = waiting.popleft()
        yield result(item, frames.popleft() if is_frame else ())
