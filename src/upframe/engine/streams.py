"""One way to run every network over the frames of a shot, whatever it remembers of them.

A stream is fed the frames one by one and gives back larger ones in the same order, some at once, some later: a network that
looks ahead waits until it has seen enough. ``finish`` gives what is still owed and forgets everything, for the next shot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from upframe.engine.fitting import cut_back, extend
from upframe.engine.size import Target
from upframe.errors import DeviceError
from upframe.models.frvsr import FRVSR, FRVSRState
from upframe.models.info import ModelInfo
from upframe.models.ttvsr import LOOK_AHEAD, TTVSR, TTVSRState
from upframe.ops.resize import resize
from upframe.ops.shift import centred
from upframe.runtime.device import out_of_memory

WARM_UP = 5  # frames, reflected, that the published evaluation of FRVSR runs before the first
CHUNK = 20  # results of TTVSR at a time


class Stream(Protocol):
    """The frames of one shot after the other, through one network."""

    def feed(self, frame: Tensor) -> list[Tensor]:
        """One more frame (1, 3, h, w) -> the results that are ready, (1, 3, scale*h, scale*w) each, not clamped."""

    def finish(self) -> list[Tensor]:
        """The shot is over: the results that are still owed. The next frame starts again."""


class ImageStream:
    """A network without memory: each frame by itself, at once."""

    def __init__(self, network: Callable[[Tensor], Tensor]) -> None:
        self._network = network

    def feed(self, frame: Tensor) -> list[Tensor]:
        return [self._network(frame)]

    def finish(self) -> list[Tensor]:
        return []


class Recurrent(Protocol):
    """FRVSR, as a module or exported."""

    def step(self, frame: Tensor, state: FRVSRState | None) -> tuple[Tensor, FRVSRState]:
        """The next frame of a running video and what to remember; ``state=None`` begins one."""


class RecurrentStream:
    """FRVSR: each frame leans on the result before it.

    A shot begins with up to ``warm_up`` of its first frames in reverse order, whose results are dropped, as the published
    evaluation does: so its first frames are waited for. 0 begins from black.
    """

    def __init__(self, network: Recurrent, warm_up: int = WARM_UP) -> None:
        self._network, self._warm_up = network, warm_up
        self._state: FRVSRState | None = None
        self._first: list[Tensor] = []

    def feed(self, frame: Tensor) -> list[Tensor]:
        if self._state is not None:
            return [self._step(frame)]
        self._first.append(frame)
        return self._begin() if len(self._first) > self._warm_up else []

    def finish(self) -> list[Tensor]:
        owed = self._begin()
        self._state = None
        return owed

    def _begin(self) -> list[Tensor]:
        for frame in reversed(self._first[1:]):
            self._step(frame)
        results = [self._step(frame) for frame in self._first]
        self._first = []
        return results

    def _step(self, frame: Tensor) -> Tensor:
        result, self._state = self._network.step(frame, self._state)
        return result


class ChunkStream:
    """TTVSR: looks back along the whole shot, and ahead as far as ``ahead`` frames, in chunks of ``chunk`` results.

    A shot of at most ``chunk + ahead`` frames is one chunk, and equal to the published result for the whole clip.
    """

    def __init__(self, network: TTVSR, *, chunk: int = CHUNK, ahead: int = LOOK_AHEAD) -> None:
        self._network, self._chunk, self._ahead = network, chunk, ahead
        self._state: TTVSRState | None = None
        self._frames: list[Tensor] = []

    def feed(self, frame: Tensor) -> list[Tensor]:
        ready = self._run(self._chunk) if len(self._frames) == self._chunk + self._ahead else []
        self._frames.append(frame)
        return ready

    def finish(self) -> list[Tensor]:
        owed = self._run(len(self._frames)) if self._frames else []
        self._state = None
        return owed

    def _run(self, keep: int) -> list[Tensor]:
        """The results of the first ``keep`` frames that wait; the others are looked at, and wait on."""
        results, self._state = self._network.chunk(torch.stack(self._frames, dim=1), self._state, keep=keep)
        del self._frames[:keep]
        return list(results.unbind(dim=1))


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
                f"{self._info.name}: no memory left for frames of {width}x{height}. Close other programs, use --device cpu, "
                "or upscale a smaller video"
            ) from error

    def _cut(self, result: Tensor) -> Tensor:
        size = self._target.of(*self._size, self._info.scale)
        placed = centred(result, self._info.scale, (self._offset, self._offset))  # what is beyond the border is at hand here
        whole = cut_back(placed, *self._size, self._info)
        return whole if size == tuple(whole.shape[-2:]) else resize(whole, size)


def video_stream(network: nn.Module) -> Stream:
    """The stream that a network for video wants."""
    match network:
        case FRVSR():
            return RecurrentStream(network)
        case TTVSR():
            return ChunkStream(network)
    raise TypeError(f"{type(network).__name__} is no network for video")
