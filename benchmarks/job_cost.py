"""A job in segments beside one breath, and workers beside one process: seconds, processor time and memory, in turns.

The clip is the bundled sample, to and fro, at ten frames a second, so that it makes a few segments. On a machine that does
other work, too, run it with ``--one-thread``, which leaves the workers out, and look at the processor's time. Some minutes.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from _clips import clip
from _report import write

MODEL, SIZE, FRAMES, RATE, ROUNDS = "rt4ksr-x2", (180, 320), 260, 10, 2
WAYS = {
    "one breath": [],
    "segments": ["--restart"],
    "one worker, all threads": ["--restart", "--devices", "cpu"],
    "a worker for each processor": ["--restart", "--devices", f"cpu*{os.cpu_count()}"],
}


def measure(source: Path, target: Path, way: list[str]) -> dict[str, float]:
    """One run of the command, as a program of its own."""
    command = [sys.executable, "-m", "upframe", "upscale", str(source), "-o", str(target), "--overwrite", "-m", MODEL]
    started = time.perf_counter()
    program = os.posix_spawn(sys.executable, [*command, "--device", "cpu", "--quiet", *way], os.environ)
    _, status, usage = os.wait4(program, 0)
    assert status == 0, way
    return {
        "seconds": time.perf_counter() - started,
        "processor seconds": usage.ru_utime + usage.ru_stime,
        "peak memory of a process, MB": usage.ru_maxrss / 1024,
    }


def main() -> None:
    alone = "--one-thread" in sys.argv
    ways = {name: [*WAYS[name], "--threads", "1"] for name in ("one breath", "segments")} if alone else WAYS
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = clip(folder / "clip.mp4", FRAMES, SIZE, to_and_fro=True, rate=RATE)
        for _ in range(ROUNDS):
            for way, options in ways.items():
                taken[way].append(measure(source, folder / "out.mp4", options))
                print(way, taken[way][-1], file=sys.stderr, flush=True)
    figures: dict[str, object] = {
        way: {figure: round(statistics.median(run[figure] for run in runs), 2) for figure in runs[0]}
        for way, runs in taken.items()
    }
    for figure in ("seconds", "processor seconds"):
        pairs = zip(taken["one breath"], taken["segments"], strict=True)
        figures[f"segments, of one breath, {figure}"] = round(statistics.median(b[figure] / a[figure] for a, b in pairs), 3)
    write(
        "job_cost",
        {
            "model": MODEL,
            "threads": 1 if alone else os.cpu_count(),
            "clip": f"{SIZE[1]}x{SIZE[0]}, {FRAMES} frames, {RATE} a second",
            **figures,
        },
    )


if __name__ == "__main__":
    main()
