"""Times that can be compared: in turn, warmed up, waited for, on the wall and on the processor."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from upframe.runtime.rates import wait

Run = Callable[[], object]


def in_turn(runs: Mapping[str, Run], *, rounds: int, warm_up: int = 1) -> dict[str, list[tuple[float, float]]]:
    """(seconds on the wall, seconds of all processors) of each run, A B A B: a drift of the machine meets all alike."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    with torch.inference_mode():
        for number in range(rounds + warm_up):
            for name, run in runs.items():
                wait(device)
                started, processor = time.perf_counter(), time.process_time()
                run()
                wait(device)
                if number >= warm_up:
                    times[name].append((time.perf_counter() - started, time.process_time() - processor))
    return times


def summary(times: Sequence[tuple[float, float]], *, frames: int = 1) -> dict[str, float]:
    """Milliseconds a frame: the median and the quartiles on the wall, the median on the processor."""
    wall = sorted(1e3 * wall / frames for wall, _ in times)
    low, _, high = statistics.quantiles(wall, n=4, method="inclusive") if len(wall) > 1 else wall * 3
    return {
        "median_ms": round(statistics.median(wall), 3),
        "lower_quartile_ms": round(low, 3),
        "upper_quartile_ms": round(high, 3),
        "processor_ms": round(statistics.median(1e3 * processor / frames for _, processor in times), 3),
        "runs": len(wall),
    }


def ratios(slow: Sequence[tuple[float, float]], fast: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """How many times as long the first took as the second, the median over rounds: on the wall and on the processor."""
    return {
        "wall": round(statistics.median(a[0] / b[0] for a, b in zip(slow, fast, strict=True)), 3),
        "processor": round(statistics.median(a[1] / b[1] for a, b in zip(slow, fast, strict=True)), 3),
    }
