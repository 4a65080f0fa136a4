"""How networks run over the frames of a shot, whatever they remember of them.

A stream is fed the frames one by one and gives back larger ones in the same order, some at once, some later: a network that
looks ahead waits until it has seen enough. ``finish`` gives what is still owed and forgets everything, for the next shot.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor

WARM_UP = 5  # frames, reflected, that the published evaluation of FRVSR runs before the first
CHUNK = 20  # results of TTVSR at a time

S = TypeVar("S")


class Stream(Protocol):
    """The frames of one shot after the other, through one network."""

    def feed(self, frame: Tensor) -> list[Tensor]:
        """One more frame (1, 3, h, w) -> the results that are ready, (1, 3, scale*h, scale*w) each, not clamped."""

    def finish(self) -> list[Tensor]:
        """The shot is over: the results that are still owed. The next frame starts again."""


class Recurrent(Protocol[S]):
    """A network that goes from frame to frame, as a module or exported."""

    def step(self, frame: Tensor, state: S | None) -> tuple[Tensor, S]:
        """The next frame of a running video and what to remember; ``state=None`` begins one."""


class RecurrentStream(Generic[S]):
    """Each frame leans on what is remembered of those before it.

    A shot begins with up to ``warm_up`` of its first frames in reverse order, whose results are dropped, as the published
    evaluation of FRVSR does: so its first frames are waited for. 0 begins without a past.
    """

    def __init__(self, network: Recurrent[S], warm_up: int = WARM_UP) -> None:
        self._network, self._warm_up = network, warm_up
        self._state: S | None = None
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


class Chunked(Protocol[S]):
    """A network that takes many frames at once, and looks at some before they are their turn."""

    def chunk(self, frames: Tensor, state: S | None = None, *, keep: int | None = None) -> tuple[Tensor, S]:
        """The next frames (1, t, 3, h, w) -> the results of the first ``keep`` of them, and what to remember."""


class ChunkStream(Generic[S]):
    """Looks back along the whole shot, and ahead as far as ``ahead`` frames, in chunks of ``chunk`` results.

    A shot of at most ``chunk + ahead`` frames is one chunk, and equal to the network's result for the whole clip.
    """

    def __init__(self, network: Chunked[S], *, ahead: int, chunk: int = CHUNK) -> None:
        self._network, self._chunk, self._ahead = network, chunk, ahead
        self._state: S | None = None
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
