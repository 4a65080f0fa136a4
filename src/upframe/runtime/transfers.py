"""Frames on their way to a device and back, beside the network that works on the frame between them.

On CUDA a copy overlaps with computing where its memory on the processor's side is pinned (kept where it is by the system) and
it is on a stream of its own. torch keeps pinned memory that was let go, and gives it out again once the copies from it are
done: so a video needs two or three blocks of each size for all of its frames. On other devices a copy is a copy.

While the network works on frame n, frame n + 1 goes up and frame n - 1 comes down, if results are not waited for at once:
:func:`behind`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Protocol, TypeVar

import torch
from numpy.typing import NDArray
from torch import Tensor

Item = TypeVar("Item")
Arrival = Callable[[], NDArray[Any]]
"""Waits for a tensor on its way down, and gives it as an array."""


class Transfers(Protocol):
    """The ways up and down. ``ahead``: how many frames more should be started before one is waited for."""

    ahead: int

    def up(self, array: NDArray[Any]) -> Tensor:
        """The array on the device, for what is computed there from now on. The array may be changed at once."""

    def down(self, tensor: Tensor) -> Arrival:
        """Begin to bring a tensor down. It must not be written to any more."""


class PlainTransfers:
    """Each waited for at once."""

    ahead = 0

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def up(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self._device)

    def down(self, tensor: Tensor) -> Arrival:
        array: NDArray[Any] = tensor.cpu().numpy()
        return lambda: array


class OverlappingTransfers:
    """On CUDA: from and to pinned memory, on a stream for each direction."""

    ahead = 1

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._up = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch has no types here
        self._down = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def up(self, array: NDArray[Any]) -> Tensor:
        computing = torch.cuda.current_stream(self._device)
        pinned = torch.from_numpy(array).pin_memory()
        with torch.cuda.stream(self._up):
            tensor = pinned.to(self._device, non_blocking=True)
        computing.wait_stream(self._up)
        tensor.record_stream(computing)  # its memory is not given out again before that stream is done with it
        return tensor

    def down(self, tensor: Tensor) -> Arrival:
        pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        self._down.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._down):
            pinned.copy_(tensor, non_blocking=True)
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrived.record(self._down)
        tensor.record_stream(self._down)

        def array() -> NDArray[Any]:
            arrived.synchronize()
            result: NDArray[Any] = pinned.numpy()
            return result

        return array


def transfers(device: torch.device) -> Transfers:
    """The ways to a device and back."""
    return OverlappingTransfers(device) if device.type == "cuda" else PlainTransfers(device)


def behind(items: Iterable[Item], ahead: int) -> Iterator[Item]:
    """The same items, each once ``ahead`` more have been started, or the last has been."""
    source = iter(items)
    waiting = deque(islice(source, ahead))
    for item in source:
        waiting.append(item)
        yield waiting.popleft()
    yield from waiting
