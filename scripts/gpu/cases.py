"""What check.py and speed.py have in common: the ways a network can run, synthetic frames, and what is written."""

from __future__ import annotations

import copy
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks" / "speed"))
from _cases import clip
from _report import commit, machine

from upframe import Supersampler, Upscaler
from upframe.models.catalog import Model
from upframe.ops.triton import SWITCH
from upframe.rendered.frame import RenderedFrame
from upframe.runtime.precision import Precision


@dataclass(frozen=True, slots=True)
class Way:
    """How a network runs: with our kernels, compiled, recorded as a graph; or none of them."""

    name: str
    kernels: bool = False
    compiled: bool = False
    graphs: bool = False

    @contextmanager
    def switched(self) -> Iterator[None]:
        """Kernels are wanted or not, while this lasts."""
        before = os.environ.get(SWITCH)
        os.environ[SWITCH] = str(int(self.kernels))
        try:
            yield
        finally:
            del os.environ[SWITCH]
            if before is not None:
                os.environ[SWITCH] = before


EAGER = Way("eager")
ON_CUDA = (
    Way("graphs", graphs=True),
    Way("kernels", kernels=True),
    Way("kernels and graphs", kernels=True, graphs=True),
)
COMPILED = Way("compiled", compiled=True)
COMPILED_GRAPHS = Way("compiled and graphs", compiled=True, graphs=True)


def ways(device: torch.device) -> tuple[Way, ...]:
    """Those that can be had on a device, the quick ones to begin with first."""
    return (EAGER, *ON_CUDA, COMPILED, COMPILED_GRAPHS) if device.type == "cuda" else (EAGER, COMPILED)


def frames(model: Model, size: tuple[int, int], count: int) -> Iterator[RenderedFrame]:
    """A flat wall that moves to the left, as a renderer tells of it: (height, width) each."""
    height, width = size
    images = clip(count, height, width).permute(0, 2, 3, 1).numpy()
    places = [round(1.5 * number) for number in range(count)]
    for number, image in enumerate(images):
        motion = np.zeros((height, width, 2), np.float32)
        motion[..., 0] = places[number] - places[number - 1] if number else 0
        plane, up = np.full((height, width), 0.5, np.float32), np.zeros((height, width, 3), np.float32)
        up[..., 2] = 1
        yield RenderedFrame(
            colour=image,
            depth=4 + image[..., 0],
            motion=motion,
            normal=up,
            albedo=image,
            roughness=plane,
            metallic=plane,
            linear=False,
            cut=number == 0,
        )


def fresh(model: Model) -> Model:
    """A copy with a network of its own, whatever its card says of half precision: that is to be found out."""
    return replace(model, network=copy.deepcopy(model.network), info=replace(model.info, half=None))


def results(
    model: Model, device: torch.device, precision: Precision, way: Way, size: tuple[int, int], count: int
) -> tuple[NDArray[Any], list[str]]:
    """The upscaled frames (count, h, w, 3) of a synthetic clip, and what could not be had. The model itself is not changed."""
    model = fresh(model)
    notes: list[str] = []
    options: dict[str, Any] = {"device": str(device), "precision": precision, "on_note": notes.append}
    options |= {"compile": way.compiled, "graphs": way.graphs}
    with way.switched():
        if model.info.kind == "rendered":
            sampler = Supersampler(model, **options)
            given = frames(model, size, count)
            made = [sampler.step(frame) for frame in given]
        else:
            images = [frame.numpy() for frame in clip(count, *size).permute(0, 2, 3, 1).contiguous()]
            made = list(Upscaler(model, tile=None, **options).stream(images, cuts="off"))
    return np.stack([np.asarray(image) for image in made]), notes


def write(folder: Path, name: str, figures: Any) -> None:
    """Print the figures, and keep them beside the machine and the commit as FOLDER/NAME.json."""
    content: dict[str, Any] = {"benchmark": name, "when": datetime.now(UTC).isoformat(timespec="seconds")}
    content |= {"commit": commit() if shutil.which("git") else "", "machine": machine(), "figures": figures}
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=2)
    (folder / f"{name}.json").write_text(text + "\n")
    print(text)
