"""Quality on film as people have it: clips that were held out of all trainings, made small and compressed, enlarged, compared.

    UPFRAME_LPIPS=FILE python benchmarks/quality/film.py CLIP... [--models rt4ksr-x2,FILE] [--frames 24] [--scale 2]

Every clip is reduced and then given each of the faults in ``CONDITIONS`` by itself, enlarged by bicubic interpolation, Lanczos
and every model, and compared with what it was: Y-PSNR, SSIM and LPIPS (SqueezeNet), VMAF and VMAF NEG, tOF and tLP. Means
over clips, and the clip that gained least over bicubic. ``--add`` keeps the figures of models measured before.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _report import RESULTS, write

from upframe.data.codecs import Compression
from upframe.data.degradation import DEGRADATIONS, cut_to_multiple
from upframe.data.film_degradation import Faults, degraded
from upframe.data.training.frames import open_clips
from upframe.engine.upscaler import Upscaler
from upframe.metrics import LPIPS, ClipScorer, find_protocol, load_lpips
from upframe.metrics.by_ffmpeg import VideoScorer, VMAFModel
from upframe.models.catalog import load

Frames = list[NDArray[np.uint8]]
CONDITIONS: dict[str, Faults | str] = {
    "clean": "bi",
    "x264 23": Faults(compression=Compression("x264", 23)),
    "x264 28": Faults(compression=Compression("x264", 28)),
    "x264 33": Faults(compression=Compression("x264", 33)),
    "x265 30": Faults(compression=Compression("x265", 30)),
    "mpeg2 6": Faults(compression=Compression("mpeg2", 6)),
    "noise, x264 26": Faults(noise=3.0, compression=Compression("x264", 26)),
    "jpeg 40": Faults(compression=40),
    "jpeg 75": Faults(compression=75),
}
"""Reductions without a codec by name; the others by area."""
VMAF: dict[str, VMAFModel] = {"vmaf": "vmaf_v0.6.1", "vmaf_neg": "vmaf_v0.6.1neg"}
PLAIN = ("bicubic", "lanczos")
LOWER = ("lpips", "tof", "tlp")
PROTOCOL = "film"


def small(frames: Frames, condition: str, scale: int) -> Frames:
    """A clip under a condition; always the same."""
    faults = CONDITIONS[condition]
    if isinstance(faults, str):
        return [DEGRADATIONS[faults].pixels(frame, scale) for frame in frames]
    return list(degraded(frames, scale, faults, np.random.default_rng(0)))


def enlarged(model: str, frames: Frames) -> Iterator[NDArray[np.uint8]]:
    """By a model's name or file, as a film is: the state runs through."""
    upscaler = Upscaler(model)
    yield from upscaler.stream(frames) if upscaler.info.kind == "video" else map(upscaler.upscale, frames)


def scores(results: Iterator[NDArray[np.uint8]], high: Frames, scale: int, lpips: LPIPS) -> dict[str, float]:
    """Every metric's mean over a clip."""
    with ExitStack() as stack:
        scorer = stack.enter_context(ClipScorer(find_protocol(PROTOCOL), scale=scale, lpips=lpips))
        judges = {name: stack.enter_context(VideoScorer(("vmaf",), model=model)) for name, model in VMAF.items()}
        for result, truth in zip(results, high, strict=True):
            pair = [torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))) for pixels in (result, truth)]
            scorer.add(pair[0], pair[1])
            for judge in judges.values():
                judge.add(pair[0], pair[1])
        values = {str(metric): value for metric, value in scorer.finish().means.items()}
        values |= {name: float(np.mean(judge.finish()["vmaf"])) for name, judge in judges.items()}
    return {name: round(value, 4) for name, value in values.items()}


def summary(by_clip: dict[str, dict[str, float]], bicubic: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Means over clips, and of each metric the clip that gained least over bicubic."""
    metrics = next(iter(by_clip.values()))
    mean = {metric: round(float(np.mean([values[metric] for values in by_clip.values()])), 4) for metric in metrics}
    worst = {}
    for metric in metrics:
        sign = -1 if metric in LOWER else 1
        gains = {clip: sign * (values[metric] - bicubic[clip][metric]) for clip, values in by_clip.items()}
        clip = min(gains, key=gains.__getitem__)
        worst[metric] = {"clip": clip, "gain": round(gains[clip], 4)}
    return {"mean": mean, "worst": worst, "clips": by_clip}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", help="videos or folders of frames that no training has seen")
    parser.add_argument("--models", default="rt4ksr-x2", help="names or files, with commas between them")
    parser.add_argument("--conditions", default=",".join(CONDITIONS).replace(", ", "; "), help="separated by commas")
    parser.add_argument("--frames", type=int, default=24, help="of each clip")
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("--output", default="film_quality", help="the name of the result")
    parser.add_argument("--add", action="store_true", help="keep what the result holds of other models")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    conditions = [name.replace(";", ",") for name in asked.conditions.split(",")]
    found = _kept(asked.output) if asked.add else {}
    lpips, models = load_lpips(), [*PLAIN, *asked.models.split(",")]
    clips = {Path(clip.name).stem: clip for clip in open_clips(asked.clips)}
    for condition in conditions:
        by_model: dict[str, dict[str, dict[str, float]]] = {}
        for name, clip in clips.items():
            high = [cut_to_multiple(clip.read(index), 2 * asked.scale) for index in range(min(len(clip), asked.frames))]
            low = small(high, condition, asked.scale)
            for model in models:
                word, plain = Path(model).stem, model in PLAIN
                kept = found.get(condition, {}).get(word, {}).get("clips", {}).get(name) if plain else None
                results = enlarged(f"{model}-x{asked.scale}" if plain else model, low)
                by_model.setdefault(word, {})[name] = kept or scores(results, high, asked.scale, lpips)
                print(f"{condition}  {name}  {word}  {by_model[word][name]}", file=sys.stderr, flush=True)
        found.setdefault(condition, {}).update({m: summary(values, by_model["bicubic"]) for m, values in by_model.items()})
    named = {Path(model).stem: load(model).info.sha256 for model in asked.models.split(",")}
    about = {"protocol": PROTOCOL, "scale": asked.scale, "frames": asked.frames, "clips": list(clips), "sha256": named}
    write(asked.output, {"about": about, "conditions": found})


def _kept(name: str) -> dict[str, Any]:
    file = RESULTS / f"{name}.json"
    return json.loads(file.read_text())["figures"]["conditions"] if file.is_file() else {}


if __name__ == "__main__":
    main()
