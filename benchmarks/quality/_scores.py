"""What is measured of a result, and how clips are summed up."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from upframe.metrics import LOWER_IS_BETTER, LPIPS, ClipScorer, Protocol, find_protocol
from upframe.metrics.by_ffmpeg import VideoScorer, VMAFModel

Values = dict[str, float]
VMAF: dict[str, VMAFModel] = {"vmaf": "vmaf_v0.6.1", "vmaf_neg": "vmaf_v0.6.1neg"}
STEADY = 80.0
"""Decibels: the temporal PSNR of a result that does not move at all, which would be infinite."""


def protocol(*, still: bool) -> Protocol:
    """That of compressed video; on a still scene, where all that moves is flicker, the temporal PSNR beside it."""
    video = find_protocol("film")
    return video.select((*video.metrics, "tpsnr")) if still else video


def scores(
    results: Iterable[NDArray[np.uint8]], truth: list[NDArray[np.uint8]], lpips: LPIPS, *, scale: int, still: bool
) -> Values:
    """Every metric's mean over a clip."""
    with ExitStack() as stack:
        scorer = stack.enter_context(ClipScorer(protocol(still=still), scale=scale, lpips=lpips))
        judges = {name: stack.enter_context(VideoScorer(("vmaf",), model=model)) for name, model in VMAF.items()}
        for result, reference in zip(results, truth, strict=True):
            pair = [torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))) for pixels in (result, reference)]
            scorer.add(pair[0], pair[1])
            for judge in judges.values():
                judge.add(pair[0], pair[1])
        values = {str(metric): value for metric, value in scorer.finish().means.items()}
        if "tpsnr" in values:
            values["tpsnr"] = min(values["tpsnr"], STEADY)
        values |= {name: float(np.mean(judge.finish()["vmaf"])) for name, judge in judges.items()}
    return {name: round(value, 4) for name, value in values.items()}


def summary(by_clip: dict[str, Values], bicubic: dict[str, Values]) -> dict[str, Any]:
    """Means over clips, and of each metric the clip that gained least over bicubic."""
    metrics = next(iter(by_clip.values()))
    mean = {metric: round(float(np.mean([values[metric] for values in by_clip.values()])), 4) for metric in metrics}
    worst = {}
    for metric in metrics:
        sign = -1 if metric in LOWER_IS_BETTER else 1
        gains = {clip: sign * (values[metric] - bicubic[clip][metric]) for clip, values in by_clip.items()}
        clip = min(gains, key=gains.__getitem__)
        worst[metric] = {"clip": clip, "gain": round(gains[clip], 4)}
    return {"mean": mean, "worst": worst, "clips": by_clip}
