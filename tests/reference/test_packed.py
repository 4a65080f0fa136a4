"""What is packed is what the published implementations computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from tests.reference.unpack import HERE, Reference, from_planes, in_planes, read_original

FILES: dict[str, Any] = json.loads((HERE / "index.json").read_text())
LIMIT = 8_000_000


def test_every_packed_number_is_the_original_one(reference: Reference, shared: Path, subtests: pytest.Subtests) -> None:
    for name in FILES:
        with subtests.test(name):
            check_packed(name, reference, read_original(shared / "reference" / name))
    for name, frames in np.load(shared / "reference/metrics/clip_pair.npz").items():
        for number, frame in enumerate(frames):
            with PIL.Image.open(reference.file(f"metrics/clip_{name}_{number}.webp")) as image:
                assert np.array_equal(np.asarray(image), frame)


def check_packed(name: str, reference: Reference, expected: dict[str, NDArray[Any]]) -> None:
    for key, values in reference.arrays(name).items():
        packed, array = values, expected[key]
        if name.startswith("lpips/"):
            array = array.astype(np.float16)
        if name == "metrics/stssnet_pair.npz" and key in {"result", "reference"}:
            packed, array = ((pixels.clip(0, 1) * 255).astype(np.uint8) for pixels in (values, expected[key]))
        assert packed.shape == array.shape
        known = ~np.isnan(packed)
        assert known.sum() in {packed.size, 4000}
        assert np.array_equal(packed[known], array[known]), key


def test_planes_of_bytes_come_back_as_numbers() -> None:
    values = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    assert np.array_equal(from_planes(in_planes(values)), values)
    assert from_planes(in_planes(np.float32(2.5).reshape(()))).shape == ()


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in HERE.rglob("*") if path.is_file() and path.suffix != ".pyc") < LIMIT
