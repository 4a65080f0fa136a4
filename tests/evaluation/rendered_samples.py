"""Rendered clips of a small world whose buffers are exact, and networks for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from tests.rendered import planes

from upframe.models.catalog import Model, save
from upframe.models.nsrr import NSRR
from upframe.models.stssnet import STSSNet
from upframe.rendered.clip import ClipFrame, ClipInfo, ClipWriter
from upframe.rendered.jitter import halton

SIZE = (36, 56)
EXPOSURE = 1.5


def write_clip(
    folder: Path,
    frames: int = 6,
    *,
    scale: int | None = 2,
    cut: int | None = None,
    without_colour: tuple[int, ...] = (),
    without: tuple[str, ...] = (),
    jittered: bool = True,
) -> Path:
    """A finished clip; ``cut``: the number of a frame with which another shot begins; ``without``: buffers."""
    places = halton(frames) if jittered else [(0.0, 0.0)] * frames
    known = [ClipFrame(jitter=jitter, exposure=EXPOSURE, cut=n == cut) for n, jitter in enumerate(places)]
    height, width = SIZE
    display = None if scale is None else (width * scale, height * scale)
    info = ClipInfo(render_size=(width, height), display_size=display, fps=30, frames=tuple(known))
    writer = ClipWriter(folder, info)
    for number in range(frames):
        time = number * 2.0 + (20 if cut is not None and number >= cut else 0)
        frame = planes.render(time, known[number].jitter, size=SIZE)
        frame = replace(frame, **dict.fromkeys(without))  # type: ignore[arg-type]
        if number in without_colour:
            frame = replace(frame, colour=None)
        target = None if scale is None else planes.of(planes.render(time, size=(height * scale, width * scale)), "colour")
        writer.write(number, frame, target)
    writer.finish()
    return folder


def save_stssnet(path: Path) -> Path:
    """Weights as chance has them."""
    torch.manual_seed(1)
    network = STSSNet()
    save(Model(network, network.info), path)
    return path


def save_nsrr(path: Path, scale: int = 2) -> Path:
    """Weights as chance has them."""
    torch.manual_seed(2)
    network = NSRR(scale)
    save(Model(network, network.info), path)
    return path
