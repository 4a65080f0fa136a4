"""Milliseconds a frame of the shipped weights alone, in each precision, synchronised.

python scripts/gpu/speed.py OUT
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import torch

from upframe import Upscaler
from upframe.engine.device import Precision

SIZES = {"1280x720": (720, 1280), "1920x1080": (1080, 1920)}


def multiply_adds(upscaler: Upscaler, height: int, width: int) -> int:
    """Of all convolutions, for one frame."""
    total = 0

    def count(module: torch.nn.Module, _inputs: object, output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(module, torch.nn.Conv2d)
        total += output.numel() * module.weight[0].numel()

    hooks = [m.register_forward_hook(count) for m in upscaler.network.modules() if isinstance(m, torch.nn.Conv2d)]
    upscaler.enlarge(torch.zeros(1, 3, height, width))
    for hook in hooks:
        hook.remove()
    return total


def milliseconds(upscaler: Upscaler, frame: torch.Tensor, rounds: int) -> list[float]:
    """Of each round after a warm-up."""
    times = []
    for number in range(rounds + 5):
        torch.cuda.synchronize()
        begun = time.perf_counter()
        upscaler.enlarge(frame)
        torch.cuda.synchronize()
        if number >= 5:
            times.append((time.perf_counter() - begun) * 1e3)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rounds", type=int, default=50)
    arguments = parser.parse_args()
    precisions: tuple[Precision, ...] = ("fp32", "fp16", "bf16")
    results: dict[str, object] = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__}
    for model in ("rt4ksr-x2", "rt4ksr-x3", "rt4ksr-x4"):
        for precision in precisions:
            upscaler = Upscaler(model, device="cuda", precision=precision)
            for size, (height, width) in SIZES.items():
                frame = torch.rand(1, 3, height, width, device="cuda")
                operations = multiply_adds(upscaler, height, width)
                times = milliseconds(upscaler, frame, arguments.rounds)
                median = statistics.median(times)
                results[f"{model} {precision} {size}"] = {
                    "median_ms": round(median, 3),
                    "min_ms": round(min(times), 3),
                    "max_ms": round(max(times), 3),
                    "gmac": round(operations / 1e9, 2),
                    "tmac_per_s": round(operations / median / 1e9, 2),
                }
    text = json.dumps(results, indent=2)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "speed.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
