"""The shipped weights on CUDA in each precision: how far from the CPU in float32, and what that costs on a test set.

python scripts/gpu/check.py OUT [--validate Set5/]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from rt4ksr import psnr, read, reduce

from upframe import Upscaler
from upframe.engine.device import Precision

MODELS = ("rt4ksr-x2", "rt4ksr-x3", "rt4ksr-x4")
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "bf16")


def score(upscaler: Upscaler, folder: Path) -> float:
    """Mean Y-PSNR over the pictures of a folder."""
    scale = upscaler.info.scale
    scores = []
    for path in sorted(folder.glob("*.png")):
        high = read(path, 2 * scale)
        low = reduce(high, scale)[None].float() / 255
        scores.append(psnr(upscaler.enlarge(low).cpu(), high[None].float() / 255, scale))
    return sum(scores) / len(scores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--validate", type=Path)
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 360, 640)
    results = {}
    for model in MODELS:
        reference = Upscaler(model, device="cpu").enlarge(picture)
        for precision in PRECISIONS if arguments.device != "cpu" else PRECISIONS[:1]:
            upscaler = Upscaler(model, device=arguments.device, precision=precision)
            difference = (upscaler.enlarge(picture).cpu() - reference).abs().max()
            entry = {"largest_difference": float(difference)}
            if arguments.validate:
                entry["psnr_y"] = round(score(upscaler, arguments.validate), 3)
            results[f"{model} {precision}"] = entry
    text = json.dumps(results, indent=2)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "check.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
