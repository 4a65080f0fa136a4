"""Quality on photographs as people have them: images that no training has seen, made small, saved as JPEG, upscaled, compared.

    UPFRAME_LPIPS=FILE python benchmarks/quality/photo.py IMAGE... [--models rt4ksr-x2,FILE] [--scale 2] [--crop 768]

The middle of every photograph is reduced by area and saved at each quality, with noise before it or without; upscaled by
bicubic interpolation, Lanczos and every model; and compared with what it was: Y-PSNR, SSIM and LPIPS (SqueezeNet). Means, and
the photograph that gained least over bicubic.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _contenders import PLAIN, Contender, own
from _report import write
from _scores import Values, summary

from upframe.datasets.film_degradation import Faults, degraded
from upframe.metrics import LPIPS, ClipScorer, find_protocol, load_lpips
from upframe.training.data.frames import open_images

METRICS = ("psnr_y", "ssim_y", "lpips")
CONDITIONS = {
    "clean": Faults(),
    "jpeg 75": Faults(compression=75),
    "jpeg 40": Faults(compression=40),
    "noise, jpeg 75": Faults(noise=4.0, compression=75),
}


def middle_of(image: NDArray[np.uint8], side: int, multiple: int) -> NDArray[np.uint8]:
    height, width = (min(length, side) // multiple * multiple for length in image.shape[:2])
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def score(result: NDArray[np.uint8], truth: NDArray[np.uint8], lpips: LPIPS, scale: int) -> Values:
    with ClipScorer(find_protocol("film").select(METRICS), scale=scale, lpips=lpips) as scorer:
        scorer.add(*(torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))) for pixels in (result, truth)))
        return {str(metric): round(value, 4) for metric, value in scorer.finish().means.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="+", help="images, or folders of them, that no training has seen")
    parser.add_argument("--models", default="rt4ksr-x2", help="names or files, with commas between them")
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("--crop", type=int, default=768)
    parser.add_argument("--output", default="photo_quality", help="the name of the result")
    asked = parser.parse_args()
    lpips = load_lpips()
    contenders: list[Contender] = [own(model, asked.scale) for model in (*PLAIN, *asked.models.split(","))]
    truths = {
        Path(image.name).stem: middle_of(image.read(0), asked.crop, 2 * asked.scale) for image in open_images(asked.images)
    }
    conditions: dict[str, dict[str, Any]] = {}
    for condition, faults in CONDITIONS.items():
        found: dict[str, dict[str, Values]] = {contender.name: {} for contender in contenders}
        for name, truth in truths.items():
            small = list(degraded([truth], asked.scale, faults, np.random.default_rng(0)))
            for contender in contenders:
                found[contender.name][name] = score(next(contender.upscale(small)), truth, lpips, asked.scale)
        conditions[condition] = {name: summary(by_image, found["bicubic"]) for name, by_image in found.items()}
        means = {name: tuple(figures["mean"].values()) for name, figures in conditions[condition].items()}
        print(condition, means, file=sys.stderr, flush=True)
    identities = {contender.name: contender.identity for contender in contenders if contender.name not in PLAIN}
    write(asked.output, {"about": {"scale": asked.scale, "crop": asked.crop, "sha256": identities}, "conditions": conditions})


if __name__ == "__main__":
    main()
