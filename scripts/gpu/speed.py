"""How fast every network is on this GPU, by every way to run it, beside what the GPU can; and whole frames, there and back.

    python scripts/gpu/speed.py OUT [--minutes 5] [--quick]

Writes OUT/gpu_speed.json: milliseconds a frame of the network alone (inputs and results stay on the GPU), the median of
bursts of runs that are waited for together, and the limit: its multiply-adds and bytes at the best rates measured here. What
compiles comes last; what the minutes do not reach is listed. ``--quick --device cpu`` tries whether it runs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import EAGER, Way, ways, write
from numpy.typing import NDArray
from torch import Tensor, nn

from upframe import Upscaler
from upframe.engine.profile import count
from upframe.runtime.acceleration import accelerate
from upframe.runtime.device import memory_format
from upframe.runtime.precision import Precision
from upframe.runtime.rates import Rates, wait
from upframe.runtime.transfers import Arrival, PlainTransfers, Transfers, behind, transfers

# isort: split
from _cases import CASES, TTVSR_CASE, Case

BURST_SECONDS = 0.02
ROUNDS = 20
TYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
POSITIONS = {"nsrr-x4": 2}  # the argument of forward that stays in float32, as the engine has it
GOALS_MS = {
    "rt4ksr-x2 1920x1080": 1.0,
    "stssnet-x2 960x544": 1.0,
    "frvsr-x4 320x134": 2.5,
    "ttvsr-x4 320x180": 15.0,
    "nsrr-x4 480x270": 4.0,
}


@torch.inference_mode()
def milliseconds(run: Callable[[], object], device: torch.device, rounds: int = ROUNDS) -> dict[str, float]:
    """Of one run: the median and the quartiles of bursts of them, after three that are not counted."""
    for _ in range(3):
        run()
    wait(device)
    started = time.perf_counter()
    run()
    wait(device)
    length = max(1, min(200, round(BURST_SECONDS / (time.perf_counter() - started))))
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(length):
            run()
        wait(device)
        times.append((time.perf_counter() - started) / length * 1e3)
    low, _, high = statistics.quantiles(times, n=4, method="inclusive")
    return {
        "median_ms": round(statistics.median(times), 4),
        "lower_quartile_ms": round(low, 4),
        "upper_quartile_ms": round(high, 4),
    }


def rates(device: torch.device, dtype: torch.dtype, quick: bool) -> Rates:
    """Of large operations, which a GPU is not done with before the next is started: a convolution, a product, a copy."""
    side, height, width, size = (512, 90, 160, 2**24) if quick else (8192, 1080, 1920, 2**30)
    convolution = nn.Conv2d(64, 64, 3, padding=1).to(device, dtype)
    convolution.to(memory_format=memory_format(device))  # type: ignore[call-overload]  # torch's stub lacks it
    image = torch.rand(1, 64, height, width, device=device).to(dtype, memory_format=memory_format(device))
    one, other = (torch.rand(side, side, device=device).to(dtype) for _ in range(2))
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.ones_like(source)

    def best(run: Callable[[], object]) -> float:
        return milliseconds(run, device, 5)["lower_quartile_ms"] / 1e3

    return Rates(
        convolution=64 * 64 * 9 * height * width / best(lambda: convolution(image)),
        matrix=side**3 / best(lambda: one @ other),
        bandwidth=2 * size / best(lambda: target.copy_(source)),
    )


def alone(case: Case, device: torch.device, precision: Precision, way: Way, limits: Rates) -> dict[str, Any]:
    """A network by itself, placed as the engine places it."""
    network, notes = case.network(), list[str]()
    given, dtype, layout = case.inputs(network), TYPES[precision], memory_format(device)
    cost = count(network, *case.size, dtype)
    network.to(device, dtype)
    network.to(memory_format=layout)  # type: ignore[call-overload]  # torch's stub lacks it
    placed: list[Tensor] = []
    for number, tensor in enumerate(given):
        there = tensor.to(device, torch.float32 if number == POSITIONS.get(case.name) else dtype)
        placed.append(there.contiguous(memory_format=layout) if there.ndim == 4 else there)
    accelerate(network, device, compiled=way.compiled, graphs=way.graphs, on_note=notes.append)
    started = time.perf_counter()
    with way.switched():
        times = milliseconds(lambda: network(*placed), device, 3 if case.frames > 1 else ROUNDS)
    times = {name: round(value / case.frames, 4) for name, value in times.items()}
    limit = limits.limit_seconds(cost.convolutions, cost.convolution_bytes) / case.frames * 1e3
    return times | {
        "frames": case.frames,
        "goal_ms": GOALS_MS.get(case.label),
        "giga_multiply_adds": round(cost.convolutions / case.frames / 1e9, 3),
        "megabytes": round(cost.convolution_bytes / case.frames / 1e6, 2),
        "limit_ms": round(limit, 4),
        "share_of_limit": round(limit / times["median_ms"], 3),
        "seconds_in_all": round(time.perf_counter() - started, 1),
        "notes": notes,
    }


def there_and_back(upscaler: Upscaler, way: Transfers, size: tuple[int, int], number: int) -> float:
    """Frames a second: bytes go up, become colours, are upscaled, become bytes, come down."""
    generator = np.random.default_rng(0)
    images = [generator.integers(0, 255, (*size, 3), np.uint8) for _ in range(4)]

    @torch.inference_mode()
    def begin(image: NDArray[Any]) -> Arrival:
        rgb = way.up(image).permute(2, 0, 1)[None].float().div_(255)
        codes = upscaler.upscale_tensor(rgb)[0].mul_(255).add_(0.5).clamp_(0, 255).to(torch.uint8)
        return way.down(codes.permute(1, 2, 0).contiguous())

    def run(count: int) -> Iterator[NDArray[Any]]:
        started = (begin(images[index % len(images)]) for index in range(count))
        return (arrived() for arrived in behind(started, way.ahead))

    for _ in run(5):
        pass
    start = time.perf_counter()
    for _ in run(number):
        pass
    return number / (time.perf_counter() - start)


def whole(device: torch.device, precision: Precision, quick: bool) -> dict[str, float]:
    """Frames a second of RT4KSR from 1080p to 4K, one after the other and overlapping."""
    size, number = ((90, 160), 10) if quick else ((1080, 1920), 100)
    upscaler = Upscaler("rt4ksr-x2", device=str(device), precision=precision, tile=None, graphs=device.type == "cuda")
    kinds = {"one after the other": PlainTransfers(device), "overlapping": transfers(device)}
    return {name: round(there_and_back(upscaler, way, size, number), 1) for name, way in kinds.items()}


def smaller(case: Case) -> Case:
    return replace(case, size=(64, 96), frames=min(case.frames, 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=5, help="after which nothing more is started")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="small frames")
    a = parser.parse_args()
    until, device = time.monotonic() + 60 * a.minutes, torch.device(a.device)
    precisions: tuple[Precision, ...] = ("fp16", "fp32", "bf16") if device.type == "cuda" else ("fp32",)
    cases = [replace(case, frames=100) if case is TTVSR_CASE and device.type == "cuda" else case for case in CASES]
    cases = [smaller(case) for case in cases] if a.quick else cases
    limits = {precision: rates(device, TYPES[precision], a.quick) for precision in precisions}
    figures: dict[str, Any] = {
        "limits": {
            precision: {
                "tera_multiply_adds_in_convolutions": round(rate.convolution / 1e12, 3),
                "tera_multiply_adds_in_products": round(rate.matrix / 1e12, 3),
                "gigabytes_a_second": round(rate.bandwidth / 1e9, 1),
            }
            for precision, rate in limits.items()
        },
        "there and back, frames a second": {precision: whole(device, precision, a.quick) for precision in precisions},
        "alone": {},
        "left_out": [],
    }
    for way in ways(device):
        for precision in precisions:
            for case in cases:
                if (way.compiled or way is not EAGER) and precision == "bf16":
                    continue  # as fast as fp16, and eager tells whether that is so
                name = f"{case.label} {precision} {way.name}"
                if time.monotonic() > until:
                    figures["left_out"].append(name)
                    continue
                try:
                    row = alone(case, device, precision, way, limits[precision])
                except Exception as error:  # noqa: BLE001  # whatever it is, the others are to be timed
                    row = {"error": f"{type(error).__name__}: {error}"[:400]}
                figures["alone"][name] = row
                print(f"# {name}: {row}", file=sys.stderr, flush=True)
    write(a.out, "gpu_speed", figures)


if __name__ == "__main__":
    main()
