"""End to end: arrays in, arrays out, as a program that uses the library sees it, conversion and history included.

Reading and writing files is not in it: ``upscale_pipeline.py`` measures the whole of `upframe upscale`.
"""

from __future__ import annotations

import copy
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _cases import Case, clip

from upframe import RenderedFrame, Supersampler, Upscaler
from upframe.models.catalog import Model
from upframe.models.frvsr import FRVSR
from upframe.models.nsrr import NSRR
from upframe.models.streams import WARM_UP
from upframe.models.stssnet import STSSNet
from upframe.models.ttvsr import TTVSR

Frame = np.ndarray[Any, Any]


def one_frame(case: Case) -> Callable[[], object]:
    """A function that takes a frame the whole way, or for TTVSR all frames of the case's clip."""
    network = copy.deepcopy(case.network())
    model = Model(network, network.info)
    match network:
        case NSRR() | STSSNet():
            supersampler, frame = Supersampler(model), _rendered(*case.size)
            return lambda: supersampler.step(frame)
        case TTVSR():
            upscaler, frames = Upscaler(model), _images(case.frames, *case.size)
            return lambda: list(upscaler.stream(frames, cuts="off"))
        case FRVSR():
            stream = Upscaler(model).stream(_endless(_images(8, *case.size)), cuts="off")
            for _ in range(WARM_UP + 1):  # which it gives at once, when it has seen as many
                next(stream)
            return lambda: next(stream)
    upscaler, image = Upscaler(model), _images(1, *case.size)[0]
    return lambda: upscaler.upscale(image)


def _images(frames: int, height: int, width: int) -> list[Frame]:
    codes = (clip(frames, height, width) * 255).round().to(torch.uint8)
    return list(codes.permute(0, 2, 3, 1).contiguous().numpy())


def _endless(frames: list[Frame]) -> Iterator[Frame]:
    while True:
        yield from frames


def _rendered(height: int, width: int) -> RenderedFrame:
    random = np.random.default_rng(0)
    values = {name: random.random((height, width), dtype=np.float32) for name in ("roughness", "metallic")}
    values |= {name: random.random((height, width, 3), dtype=np.float32) for name in ("colour", "albedo", "normal")}
    motion = random.random((height, width, 2), dtype=np.float32) - 0.5
    return RenderedFrame(depth=random.random((height, width), dtype=np.float32) + 1, motion=motion, linear=False, **values)


def peak_of_stream(name: str, frames: int) -> tuple[float, float]:
    """Megabytes at most of this very program, and seconds, after a stream of so many frames. For a program of its own."""
    torch.manual_seed(0)
    network = {"frvsr-x4": lambda: FRVSR(4), "ttvsr-x4": lambda: TTVSR(blocks=4)}[name]().eval().requires_grad_(False)
    images = _images(8, 64, 96)
    frames_in = (images[i % len(images)] for i in range(frames))
    started = time.perf_counter()
    for _ in Upscaler(Model(network, network.info)).stream(frames_in, cuts="off"):
        pass
    seconds = time.perf_counter() - started
    status = Path("/proc/self/status")  # on Linux getrusage() may tell the peak of the program that started this one
    if status.exists():
        return next(
            int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM:")
        ) / 1024, seconds
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, seconds


if __name__ == "__main__":
    peak, seconds = peak_of_stream(sys.argv[1], int(sys.argv[2]))
    print(round(peak), round(seconds, 2))
