"""The reference frames, and the numbers that the published implementations gave for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from upframe.media import read_image
from upframe.metrics import frame_tensor


@pytest.fixture(autouse=True)
def seed() -> None:
    """The same random frames in every run."""
    torch.manual_seed(0)


@pytest.fixture
def values(shared: Path) -> dict[str, Any]:
    """The published implementations' numbers, both files in one; where they share a name the later holds more."""
    folder = shared / "reference" / "metrics"
    first, second = (json.loads((folder / name).read_text()) for name in ("values.json", "values_more.json"))
    return {**first, **second}


@pytest.fixture
def pair(shared: Path) -> tuple[Tensor, Tensor]:
    """Result and reference, (3, 200, 240) uint8: a photograph and what is left of it."""
    folder = shared / "reference" / "metrics"
    result, reference = (frame_tensor(read_image(folder / f"{name}.png").pixels) for name in ("result", "reference"))
    return result, reference


@pytest.fixture
def clip(shared: Path) -> tuple[list[Tensor], list[Tensor]]:
    """Result and reference, six frames (3, 200, 320) uint8 each."""
    stored = np.load(shared / "reference" / "metrics" / "clip_pair.npz")
    return [frame_tensor(f) for f in stored["result"]], [frame_tensor(f) for f in stored["reference"]]
