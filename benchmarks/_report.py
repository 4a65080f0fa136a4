"""What every benchmark writes beside its figures: the machine, the versions, the commit."""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def machine() -> dict[str, Any]:
    """The processor, the cores torch uses, and the GPU if there is one."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "processor": model,
        "torch_threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "gpu": gpu,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def commit() -> str:
    """The commit that was measured, with a plus where the working tree differs from it."""
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--", "src"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def write(name: str, figures: dict[str, Any]) -> None:
    """Print the figures and keep them in ``benchmarks/results/NAME.json``."""
    content = {"benchmark": name, "when": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit()}
    content |= {"machine": machine(), "figures": figures}
    text = json.dumps(content, indent=2)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text + "\n")
    print(text)


def side_by_side(runs: dict[str, Callable[[], object]], *, rounds: int, warm_up: int = 3) -> dict[str, dict[str, float]]:
    """Milliseconds of each function, run in turn A B A B so that a drift of the machine meets all alike."""
    synchronise = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + warm_up):
        for name, run in runs.items():
            synchronise()
            started = time.perf_counter()
            run()
            synchronise()
            if number >= warm_up:
                times[name].append((time.perf_counter() - started) * 1e3)
    return {
        name: {"median_ms": round(statistics.median(t), 2), "min_ms": round(min(t), 2), "max_ms": round(max(t), 2)}
        for name, t in times.items()
    }


def paired_ratio(runs: dict[str, Callable[[], object]], *, rounds: int, warm_up: int = 3) -> float:
    """The median, over rounds, of the first function's time over the second's in the same round."""
    (_, first), (_, second) = runs.items()
    ratios = []
    for number in range(rounds + warm_up):
        started = time.perf_counter()
        first()
        between = time.perf_counter()
        second()
        if number >= warm_up:
            ratios.append((between - started) / (time.perf_counter() - between))
    return round(statistics.median(ratios), 3)
