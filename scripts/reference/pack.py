"""Makes the reference data of the tests small enough for the repository.

    python scripts/reference/pack.py REFERENCE tests/reference

``REFERENCE`` holds what the published implementations computed and their weights (its README says which files). Kept are

* inputs whole: as bytes where they are n / 255, as half floats where nothing is lost by it, else as they are,
* outputs at 4,000 places, evenly spread (``OUTPUTS``),
* random weights as a seed and a place in the generator's stream (tests/reference/streams.py),
* published weights whole; those of LPIPS as half floats, which changes its values by 3e-5,
* frames that a protocol truncates to 8 bits as those bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.reference.streams import BLOCK, drawn, words
from tests.reference.unpack import in_planes, places, read_original

Arrays = dict[str, NDArray[Any]]
SEEDS = {
    "frvsr/seeded_bd_x4_nb2.safetensors": 3,
    "frvsr/seeded_bi_x4_nb2.safetensors": 3,
    "frvsr/seeded_bd_x2_nb2.safetensors": 3,
    "frvsr/seeded_discriminator_size64.safetensors": 5,
    "nsrr/seeded_x4.safetensors": 2,
    "ttvsr/seeded_nb2.safetensors": 6,
    "ttvsr/golden_ltam.safetensors": 11,
}
WHOLE = (
    "frvsr/golden_ops.safetensors",
    "frvsr/golden_generator.safetensors",
    "frvsr/golden_discriminator.safetensors",
    "nsrr/golden.safetensors",
    "resize/golden_matlab_bicubic.safetensors",
    "rt4ksr/golden_x2.safetensors",
    "rt4ksr/golden_x3.safetensors",
    "rt4ksr/rt4ksr_x2.safetensors",
    "rt4ksr/rt4ksr_x3.safetensors",
    "stssnet/golden.safetensors",
    "stssnet/Lewis.pkl",
    "ttvsr/golden.safetensors",
    "lpips/lpips_squeeze_v0.1.safetensors",
    "metrics/stssnet_pair.npz",
)
AS_THEY_ARE = ("metrics/values.json", "metrics/values_more.json", "metrics/reference.png", "metrics/result.png")
OUTPUTS = re.compile(
    r"golden_generator:.*(hr_data|hr_flow|lr_flow|hr_float|hr_uint8)$|golden_ops:.*_x\d\.output.*|golden_ops:(warp|space_to_depth_\d)\.output"
    r"|nsrr/golden:(output|warp\.output|ycbcr\.back)|resize/.*:(down|up)_.*|rt4ksr/golden.*:.*\.output.*|stssnet/golden:.*\.output\..*"
    r"|ttvsr/golden:(.*output.*|spynet_.*flow)|golden_ltam:(ltam\.output|tokens\.s\d)|golden_discriminator:(.*feature.*|.*hr_flow_merge)"
)
LEFT_OUT = re.compile(r"stssnet/golden:b\..*|stssnet/golden:.*(Arena|Subway|SunTemple)$")
KEPT = 4000
FACTORS = (1.0, 1.2, 1.6, 0.1)  # TTVSR's blocks begin at a tenth; other layers were made stronger, so that all of them count


class Packer:
    """What is packed so far. Equal arrays are kept once, in the archive of the folder that had them first."""

    def __init__(self) -> None:
        self.index: dict[str, Any] = {}
        self.archives: dict[str, Arrays] = {}
        self._known: dict[str, tuple[str, str]] = {}

    def file(self, name: str, arrays: Arrays) -> None:
        stem = name.rsplit(".", 1)[0]
        kept = {key: array for key, array in arrays.items() if not LEFT_OUT.search(f"{stem}:{key}")}
        self.index[name] = {"arrays": {key: self.array(stem, key, array) for key, array in kept.items()}}

    def array(self, stem: str, key: str, array: NDArray[Any]) -> dict[str, Any]:
        if OUTPUTS.search(f"{stem}:{key}") and array.size > KEPT:
            values = array.ravel()[places(array.size, KEPT)]
            return {"kind": "part", "shape": list(array.shape), **self.stored(stem, values)}
        kind, stored = lossless(stem, key, array)
        return {"kind": kind, "dtype": str(array.dtype), **self.stored(stem, stored)}

    def stored(self, stem: str, array: NDArray[Any]) -> dict[str, str]:
        digest = hashlib.sha256(f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes()).hexdigest()
        if digest not in self._known:
            archive = stem.split("/", maxsplit=1)[0] + ".npz"
            arrays = self.archives.setdefault(archive, {})
            name = str(len(arrays))
            arrays[name] = in_planes(array) if array.dtype == np.float32 else array
            self._known[digest] = archive, name
        archive, name = self._known[digest]
        return {"in": archive, "name": name}

    def seeded(self, name: str, seed: int, arrays: Arrays) -> None:
        stream = words(seed, 3_000_000 + 3 * sum(array.size for array in arrays.values()))
        found = {key: place_of(array, spreads(arrays, key), stream) for key, array in arrays.items()}
        stem = name.rsplit(".", 1)[0]
        entries = {key: place or self.array(stem, key, arrays[key]) for key, place in found.items()}
        ends = [place["at"] + arrays[key].size for key, place in found.items() if place]
        self.index[name] = {"seed": seed, "numbers": max(ends), "arrays": entries}


def write_frames(pair: Arrays, folder: Path) -> None:
    """The frames of a clip and its result as images without loss, in half the room that an archive takes."""
    for name, frames in pair.items():
        for number, frame in enumerate(frames):
            PIL.Image.fromarray(frame).save(folder / f"clip_{name}_{number}.webp", lossless=True, quality=100, method=6)


def lossless(stem: str, key: str, array: NDArray[Any]) -> tuple[str, NDArray[Any]]:
    """How an array is kept, and as what."""
    if array.dtype != np.float32:
        return "whole", array
    if stem == "metrics/stssnet_pair" and key in {"result", "reference"}:
        return "cells", np.floor(array.clip(0, 1) * np.float32(255)).astype(np.uint8)
    if array.min() >= 0 and array.max() <= 1:
        codes = (array * 255).round().astype(np.uint8)
        if np.array_equal(codes.astype(np.float32) / np.float32(255), array):
            return "bytes", codes
    half = array.astype(np.float16)
    if stem.startswith("lpips/") or np.array_equal(half.astype(np.float32), array):
        return "whole", half
    return "whole", array


def spreads(arrays: Arrays, key: str) -> list[tuple[str, float]]:
    """The distributions that a tensor can come from: PyTorch's defaults, and a normal one."""
    weight = arrays.get(key.rsplit(".", 1)[0] + ".weight")
    if weight is None or weight.ndim < 2:
        return [("normal", 1.0)]
    fans = [math.prod(weight.shape[1:]), weight.shape[0] * math.prod(weight.shape[2:])]
    bounds = [("uniform", 1 / math.sqrt(fan)) for fan in fans]
    return bounds if key.endswith("bias") else [*bounds, ("normal", math.sqrt(2 / fans[0]))]


def place_of(array: NDArray[Any], candidates: list[tuple[str, float]], stream: NDArray[np.float32]) -> dict[str, Any] | None:
    """Where in the stream a tensor was drawn, or None; tensors of one or two numbers are not looked for."""
    if array.size < 8:
        return None
    for kind, spread in candidates:
        for factor in FACTORS:
            for at in starts(kind, array.ravel().astype(np.float64) / (spread * factor), stream):
                tensor = {"kind": kind, "at": int(at), "shape": list(array.shape), "spread": spread, "factor": factor}
                made = drawn(stream, tensor)
                wrong = np.flatnonzero((made != array).ravel())
                if len(wrong) <= array.size // 500:
                    other = [[int(place), int(array.ravel()[place].view(np.uint16))] for place in wrong]
                    return {**tensor, "other": other} if other else tensor
    return None


def starts(kind: str, values: NDArray[np.float64], stream: NDArray[np.float32]) -> NDArray[np.int64]:
    """Where the first numbers could be; ``values``: divided by their spread."""
    if kind == "uniform":
        numbers = (values[:8] + 1) / 2
    elif values.size % BLOCK == 0:
        x, y = values[: BLOCK // 2], values[BLOCK // 2 : BLOCK]
        numbers = np.concatenate((1 - np.exp(-(x * x + y * y) / 2), np.arctan2(y, x) / (2 * math.pi) % 1))
    else:
        return np.empty(0, np.int64)
    if numbers.min() < -0.01 or numbers.max() > 1.01:
        return np.empty(0, np.int64)
    last = len(stream) - values.size
    hits = np.flatnonzero(abs(stream[:last] - numbers[0]) < 5e-3)
    for number, value in enumerate(numbers):
        away = abs(stream[hits + number] - value)
        hits = hits[np.minimum(away, 1 - away) < 5e-3]
    return hits


def main(source: Path, target: Path) -> None:
    packer = Packer()
    for name in WHOLE:
        packer.file(name, read_original(source / name))
    for name, seed in SEEDS.items():
        packer.seeded(name, seed, read_original(source / name))
    for archive, arrays in packer.archives.items():
        np.savez_compressed(target / archive, **arrays)
    for name in AS_THEY_ARE:
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_bytes((source / name).read_bytes())
    write_frames(read_original(source / "metrics/clip_pair.npz"), target / "metrics")
    (target / "index.json").write_text(json.dumps(packer.index, separators=(",", ":")) + "\n")
    size = sum(
        path.stat().st_size
        for path in target.rglob("*")
        if path.is_file() and path.suffix in {".npz", ".json", ".png", ".webp"}
    )
    print(f"{target}: {size / 1e6:.2f} MB")
    lost = {name: [key for key, how in packer.index[name]["arrays"].items() if "at" not in how] for name in SEEDS}
    print("random weights that are kept as they are:", lost)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
