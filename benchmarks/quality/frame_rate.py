"""Frames made between frames: every second one of real clips is left out and made again, in several ways.

    python benchmarks/quality/frame_rate.py CLIP... [--networks frvsr-x4] [--frames 13]

Y-PSNR against the frames left out, 16 pixels at the border aside. Ways: the frame before, the mean of both neighbours, FFmpeg's
``minterpolate`` as ``--fps`` has it, and the flow network of an FRVSR: both neighbours are warped half of the way and averaged.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _report import write

import upframe
from upframe.media.video.frame_rate import Interpolation
from upframe.models.frvsr import FRVSR
from upframe.ops.warp import warp
from upframe.training.data.frames import Clip, open_clips

Pixels = NDArray[np.uint8]
BORDER = 16


def psnr(results: list[NDArray[np.floating] | Pixels], truth: list[Pixels]) -> float:
    """The mean over frames, of luma as BT.601 has it, 16 to 235."""
    values = []
    for result, reference in zip(results, truth, strict=True):
        difference = (result.astype(np.float64) - reference) @ np.array([65.481, 128.553, 24.966]) / 255
        values.append(10 * np.log10(255**2 / np.square(difference[BORDER:-BORDER, BORDER:-BORDER]).mean()))
    return round(float(np.mean(values)), 2)


def by_blocks(frames: list[Pixels]) -> list[Pixels]:
    """What ``--fps x2`` makes between frames, in 4:4:4."""
    results: list[VideoFrame] = []
    interpolation = Interpolation(Fraction(2), Fraction(1), Fraction(1))
    for number, pixels in enumerate(frames):
        frame = VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv444p")
        frame.pts, frame.time_base = number, Fraction(1)
        results += interpolation.put(frame)
    results += interpolation.rest()
    return [frame.to_ndarray(format="rgb24") for frame in results[1 : 2 * len(frames) - 2 : 2]]


def by_flow(network: FRVSR, frames: list[Pixels]) -> list[Pixels]:
    """Both neighbours, each warped half of the way by the flow that the other neighbour is warped to it by, and averaged."""
    results = []
    for before, after in zip(map(tensor, frames), map(tensor, frames[1:]), strict=False):
        back, ahead = network.fnet(after, before), network.fnet(before, after)
        back, ahead = warp(back, ahead / 2, padding="border"), warp(ahead, back / 2, padding="border")
        middle = (warp(before, back / 2, padding="border") + warp(after, ahead / 2, padding="border")) / 2
        results.append((middle[0].permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy())
    return results


def tensor(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def figures_of(clip: Clip, networks: dict[str, FRVSR], most: int) -> dict[str, float]:
    """Decibels by how the frames were made."""
    count = (min(len(clip), most) - 1) // 2 * 2 + 1
    height, width = (side // 8 * 8 for side in clip.read(0).shape[:2])
    frames = [clip.read(index)[:height, :width] for index in range(count)]
    given, truth = frames[::2], frames[1::2]
    ways: dict[str, Callable[[], list[Pixels]]] = {
        "frame before": lambda: given[:-1],
        "mean": lambda: [(a / 2 + b / 2).round().astype(np.uint8) for a, b in pairwise(given)],
        "minterpolate": lambda: by_blocks(given),
    }
    ways |= {f"flow of {name}": lambda network=network: by_flow(network, given) for name, network in networks.items()}
    return {way: psnr(list(make()), truth) for way, make in ways.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", help="videos or folders of them")
    parser.add_argument("--networks", default="frvsr-x4")
    parser.add_argument("--frames", type=int, default=13, help="of each clip, of which every second one is made")
    given = parser.parse_args()
    networks: dict[str, FRVSR] = {name: upframe.load(name).network for name in given.networks.split(",")}
    with torch.inference_mode():
        clips = {Path(clip.name).stem: figures_of(clip, networks, given.frames) for clip in open_clips(given.clips)}
    mean = {way: round(float(np.mean([clip[way] for clip in clips.values()])), 2) for way in next(iter(clips.values()))}
    write("frame_rate", {"frames": given.frames, "mean": mean, "clips": clips})


if __name__ == "__main__":
    main()
