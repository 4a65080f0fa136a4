"""Streams through networks, for frames of any size: see :mod:`upframe.models.streams`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from upframe.engine.size import Target
from upframe.errors import DeviceError
from upframe.models.fitting import cut_back, extend
from upframe.models.info import ModelInfo
from upframe.models.streams import Stream
from upframe.ops.resize import resize
from upframe.ops.shift import centred
from upframe.remedies import Option, either, way
from upframe.runtime.device import out_of_memory


class ImageStream:
    """A network without memory: each frame by itself, at once."""

    def __init__(self, network: Callable[[Tensor], Tensor]) -> None:
        self._network = network

    def feed(self, frame: Tensor) -> list[Tensor]:
        return [self._network(frame)]

    def finish(self) -> list[Tensor]:
        return []


class FittedStream:
    """A stream for frames of any size and type: each is made to fit the network, its result cut back, moved and resized.

    ``offset``: how far samples lie from where the network has them, right and down, in pixels before upscaling. Only what is
    given back is moved: what the network remembers stays where the network has put it.
    Results are float32, (1, 3, height, width) as ``target`` says. Raises DeviceError where the memory runs out.
    """

    def __init__(self, stream: Stream, info: ModelInfo, dtype: torch.dtype, target: Target, offset: float = 0.0) -> None:
        self._stream, self._info, self._dtype, self._target, self._offset = stream, info, dtype, target, offset
        self._size = (0, 0)

    @torch.inference_mode()
    def feed(self, frame: Tensor) -> list[Tensor]:
        self._size = (frame.shape[-2], frame.shape[-1])
        return self._run(lambda: self._stream.feed(extend(frame.to(self._dtype), self._info)))

    @torch.inference_mode()
    def finish(self) -> list[Tensor]:
        return self._run(self._stream.finish)

    def _run(self, results: Callable[[], list[Tensor]]) -> list[Tensor]:
        try:
            return [self._cut(result.float()) for result in results()]
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            height, width = self._size
            raise DeviceError(
                f"{self._info.name}: no memory left for frames of {width}x{height}",
                remedy=either("close other programs", way("set ", Option("device", "cpu")), "upscale a smaller video"),
            ) from error

    def _cut(self, result: Tensor) -> Tensor:
        size = self._target.of(*self._size, self._info.scale)
        placed = centred(result, self._info.scale, (self._offset, self._offset))  # what is beyond the border is at hand here
        whole = cut_back(placed, *self._size, self._info)
        return whole if size == tuple(whole.shape[-2:]) else resize(whole, size)
