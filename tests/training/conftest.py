"""Trainings small enough for tests."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from upframe.training.events import TrainingEvent
from upframe.training.loop import train
from upframe.training.objectives.recipe import Recipe
from upframe.training.recipe import read_recipe

Trained = Callable[..., list[TrainingEvent]]

TINY = {
    "frvsr-small": [
        "model={scale: 2, channels: 4, blocks: 1, flow_channels: 2}",
        "data={photographs: ['drawn:0-2'], frames: 3, crop: 16, degradation: BD}",
        "ema=0.9",
    ],
    "tecogan-small": [
        "model={scale: 2, channels: 4, blocks: 1, flow_channels: 2}",
        "data={photographs: ['drawn:0-2'], frames: 3, crop: 16, degradation: BD}",
        "discriminator={channels: 4, threshold: 0.4}",
    ],
    "ttvsr-small": [
        "model={channels: 4, blocks: 1}",
        "data={photographs: ['drawn:0-1'], frames: 2, crop: 256, degradation: BI}",
        "iterations=2",
        "batch=1",
        "losses.flow_frozen=1",
    ],
    "nsrr-small": ["data={scenes: ['layers:0-1'], crop: 16}"],
    "stssnet-small": ["data={scenes: ['layers:0-1'], crop: 16, crops: 2, extra_holes: 1.0}"],
    "ntaau-small": ["model.widths=[4, 4, 4]", "data={scenes: ['layers:0-1'], crop: 16, frames: 3}", "losses.frames=2"],
    "rt4ksr-small": ["model={scale: 2, channels: 8, blocks: 1}", "data={images: ['drawn:0-2'], crop: 16}"],
}
COMMON = ["iterations=6", "batch=2", "validation=null", "run={workers: 0, accelerator: cpu, log_every: 1, save_every: 2}"]


def tiny(name: str, *changes: str) -> Recipe:
    """A built-in recipe, made so small that a step takes a moment."""
    return read_recipe(name, [*COMMON, *TINY[name], *changes])


@pytest.fixture
def trained(tmp_path: Path) -> Trained:
    """Carry out a recipe into a folder of the test's; its events."""

    def run(recipe: Recipe, folder: str = "run", *, resume: bool = False) -> list[TrainingEvent]:
        events: list[TrainingEvent] = []
        train(recipe, tmp_path / folder, events.append, resume=resume)
        return events

    return run


def rows(folder: Path, name: str = "losses.csv") -> list[dict[str, str]]:
    """The lines of a table of a training."""
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def noise(path: Path, size: tuple[int, int] = (40, 32), seed: int = 0) -> Path:
    """An image file of noise, (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(path)
    return path
