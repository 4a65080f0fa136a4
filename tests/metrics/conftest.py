"""The reference frames, and the numbers that the published implementations gave for them."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from tests.reference.unpack import Reference
from torch import Tensor

from upframe.media import read_image
from upframe.metrics import frame_tensor


@pytest.fixture(autouse=True)
def seed() -> None:
    """The same random frames in every run."""
    torch.manual_seed(0)


@pytest.fixture
def values(reference: Reference) -> dict[str, Any]:
    """The published implementations' numbers, both files in one; where they share a name the later holds more."""
    first, second = (json.loads(reference.file(f"metrics/{name}.json").read_text()) for name in ("values", "values_more"))
    return {**first, **second}


@pytest.fixture
def pair(reference: Reference) -> tuple[Tensor, Tensor]:
    """Result and reference, (3, 200, 240) uint8: a photograph and what is left of it."""
    result, original = (frame_tensor(read_image(reference.file(f"metrics/{n}.png")).pixels) for n in ("result", "reference"))
    return result, original


@pytest.fixture
def clip(reference: Reference) -> tuple[list[Tensor], list[Tensor]]:
    """Result and reference, six frames (3, 200, 320) uint8 each."""

    def frames(name: str) -> list[Tensor]:
        files = (reference.file(f"metrics/clip_{name}_{number}.webp") for number in range(6))
        return [frame_tensor(read_image(file).pixels) for file in files]

    return frames("result"), frames("reference")
