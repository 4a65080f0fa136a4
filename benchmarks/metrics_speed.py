"""How long scoring takes, and what memory: PSNR and SSIM of a 1080p pair, and two videos of 720p compared from end to end.

The pair: PSNR and SSIM of the luma, of RGB, and of both, as ``compare`` computes them by default. Beside the clock's time
stands the processor's, all threads together, which a busy machine changes less: with one thread (``OMP_NUM_THREADS=1``) it
is the most that a machine with nothing else to do takes, and the bar is held against it.

The videos: two of 60 frames, then two of 300, each compared in a process of its own, whose peak memory is read when it is
done; the long ones must not need more than the short ones.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import av
import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))
from _report import write

from upframe.evaluation import PLAIN, Comparison, compare
from upframe.metrics import find_protocol, score
from upframe.ops.resize import resize
from upframe.runtime.memory import keep_freed_memory

BAR_SECONDS = 0.25  # for PSNR and SSIM of a 1080p pair
ROUNDS = 15
SHORT, LONG = 60, 300


def image(height: int, width: int, seed: int) -> Tensor:
    """Soft shapes with grain: (3, h, w) uint8."""
    random = torch.Generator().manual_seed(seed)
    soft = resize(torch.rand(3, height // 60, width // 60, generator=random), (height, width))
    return (0.8 * soft + 0.2 * torch.rand(3, height, width, generator=random)).clamp(0, 1).mul(255).to(torch.uint8)


def pair() -> dict[str, dict[str, float]]:
    """Milliseconds of a 1080p pair, by what is scored."""
    result, reference = image(1080, 1920, 0), image(1080, 1920, 1)

    protocols = {"luma": find_protocol("set-y"), "rgb": find_protocol("reds4-rgb"), "both": PLAIN}
    clock: dict[str, list[float]] = {name: [] for name in protocols}
    processor: dict[str, list[float]] = {name: [] for name in protocols}
    for _ in range(ROUNDS):
        for name, protocol in protocols.items():
            started, used = time.perf_counter(), time.process_time()
            score(protocol, result, reference, scale=2)
            clock[name].append(1e3 * (time.perf_counter() - started))
            processor[name].append(1e3 * (time.process_time() - used))
    return {
        name: {
            "median_ms": round(median(clock[name]), 1),
            "min_ms": round(min(clock[name]), 1),
            "processor_median_ms": round(median(processor[name]), 1),
        }
        for name in protocols
    }


def write_video(path: Path, frames: int, seed: int) -> None:
    """A video of 720p whose image moves by two pixels a frame, in H.264."""
    wide = image(720, 1280 + 2 * LONG, seed).permute(1, 2, 0).numpy()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": str(20 + 10 * seed)})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for number in range(frames):
            pixels = np.ascontiguousarray(wide[:, 2 * number : 2 * number + 1280])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def compare_videos(folder: Path) -> None:
    """Compare two videos in this process; print the frames, seconds of the clock, of the processor, and the peak in MiB."""
    keep_freed_memory()
    started, used = time.perf_counter(), time.process_time()
    wanted = Comparison(str(folder / "result.mp4"), str(folder / "reference.mp4"), device="cpu")
    evaluation, _ = compare(wanted, on_step=lambda _: None, on_note=lambda _: None)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(evaluation.scored[0].frames, time.perf_counter() - started, time.process_time() - used, peak)


def videos(frames: int) -> dict[str, float]:
    """Two videos made on the fly, compared in a new process."""
    with tempfile.TemporaryDirectory() as folder:
        for seed, name in enumerate(("reference", "result")):
            write_video(Path(folder) / f"{name}.mp4", frames, seed)
        command = [sys.executable, __file__, "--compare", folder]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    counted, seconds, processor, peak = (float(value) for value in out.split())
    if counted != frames:
        raise SystemExit(f"{counted:.0f} of {frames} frames were compared")
    return {
        "ms_a_frame": round(1e3 * seconds / frames, 1),
        "processor_ms_a_frame": round(1e3 * processor / frames, 1),
        "peak_mib": round(peak, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compare", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.compare is not None:
        compare_videos(arguments.compare)
        return
    of_pair = pair()
    short, long = videos(SHORT), videos(LONG)
    figures = {
        "1080p pair": of_pair,
        "bar_ms": 1e3 * BAR_SECONDS,
        "below the bar": {name: times["processor_median_ms"] < 1e3 * BAR_SECONDS for name, times in of_pair.items()},
        f"720p videos, {SHORT} frames": short,
        f"720p videos, {LONG} frames": long,
        "peak of the long videos over that of the short": round(long["peak_mib"] / short["peak_mib"], 3),
    }
    write("metrics_speed", figures)


if __name__ == "__main__":
    main()
