"""How fast this very machine can compute and move numbers: what a network's time is compared with.

No network is faster than its multiply-adds at the best rate of a convolution, nor than the bytes of its maps at the rate of
memory. Both are measured here, in about a second, by the same library that runs the networks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from upframe.runtime.device import memory_format

SIDES = (180, 320)  # rows and columns of the map the convolution is measured on
CHANNELS = 64  # full registers, and the width of most of the published networks
MATRIX = 1024
COPY_BYTES = 2**28  # more than caches hold
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Rates:
    """The best of several runs of each, in a precision: multiply-adds a second twice, and bytes read and written a second."""

    convolution: float  # multiply-adds a second of a 3x3 convolution, 64 channels to 64
    matrix: float  # multiply-adds a second of a product of two matrices of 1024x1024
    bandwidth: float  # bytes a second: a copy reads and writes each once

    def limit_seconds(self, multiply_adds: int, moved_bytes: int) -> float:
        """The least time for so much arithmetic in convolutions and so much traffic, one overlapping the other."""
        return max(multiply_adds / self.convolution, moved_bytes / self.bandwidth)


@torch.inference_mode()
def measure_rates(device: torch.device, dtype: torch.dtype) -> Rates:
    """Measure them on a device, in a precision, with the threads torch uses now."""
    convolution = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1).to(device, dtype)
    convolution.to(memory_format=memory_format(device))  # type: ignore[call-overload]  # torch's stub lacks it
    image = torch.rand(1, CHANNELS, *SIDES, device=device).to(dtype).contiguous(memory_format=memory_format(device))
    one, other = (torch.rand(MATRIX, MATRIX, device=device).to(dtype) for _ in range(2))
    source = torch.zeros(COPY_BYTES, dtype=torch.uint8, device=device)
    target = torch.ones_like(source)
    return Rates(
        convolution=CHANNELS * CHANNELS * 9 * SIDES[0] * SIDES[1] / _best(lambda: convolution(image), device),
        matrix=MATRIX**3 / _best(lambda: one @ other, device),
        bandwidth=2 * COPY_BYTES / _best(lambda: target.copy_(source), device),
    )


def _best(run: Callable[[], object], device: torch.device) -> float:
    """The seconds of the fastest of several runs, after one that is not counted: what the machine can, not what it did."""
    times = []
    for _ in range(ROUNDS + 1):
        wait(device)
        started = time.perf_counter()
        run()
        wait(device)
        times.append(time.perf_counter() - started)
    return min(times[1:])


def wait(device: torch.device) -> None:
    """Until the device has done all that was asked of it: only then has it taken time."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
