"""The packed reference data as the files that they were made of, written when a test asks for one."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from safetensors.torch import save_file
from tests.reference.streams import drawn, words
from torch import Tensor

HERE = Path(__file__).parent
PLANES = np.dtype(np.int8)  # no array is of this type itself
CELL = np.float32(1 / 255)


class Reference:
    """Reference files by name, as ``frvsr/golden_ops.safetensors``. ``folder``: where they are written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._archives: dict[str, Any] = {}

    @cached_property
    def _index(self) -> dict[str, Any]:
        index: dict[str, Any] = json.loads((HERE / "index.json").read_text())
        return index

    def file(self, name: str) -> Path:
        """The path of a file. Raises KeyError for one that is not packed."""
        if (HERE / name).exists():
            return HERE / name
        path = self.folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".npz":
                np.savez(path, **self.arrays(name))
            elif path.suffix == ".pkl":
                torch.save(self.tensors(name), path)
            else:
                save_file(self.tensors(name), path)
        return path

    def tensors(self, name: str) -> dict[str, Tensor]:
        """The tensors of a file. Where an output is packed in part, the rest is NaN: compare by :func:`assert_known`."""
        return {key: torch.from_numpy(array) for key, array in self.arrays(name).items()}

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        entry = self._index[name]
        numbers = words(entry["seed"], entry["numbers"]) if "seed" in entry else None
        return {key: self._array(how, numbers) for key, how in entry["arrays"].items()}

    def _array(self, how: dict[str, Any], numbers: NDArray[np.float32] | None) -> NDArray[Any]:
        if numbers is not None and "at" in how:
            return drawn(numbers, how)
        stored = self._stored(how["in"], how["name"])
        if how["kind"] == "part":
            values = np.full(how["shape"], np.nan, np.result_type(stored.dtype, np.float16))
            values.ravel()[places(values.size, stored.size)] = stored
            return values
        if how["kind"] == "bytes":
            return stored.astype(np.float32) / np.float32(255)
        if how["kind"] == "cells":
            return (stored.astype(np.float32) + np.float32(0.5)) * CELL
        return stored.astype(how["dtype"])

    def _stored(self, archive: str, name: str) -> NDArray[Any]:
        if archive not in self._archives:
            self._archives[archive] = np.load(HERE / archive, allow_pickle=False)
        stored: NDArray[Any] = self._archives[archive][name]
        return from_planes(stored) if stored.dtype == PLANES else stored


def in_planes(array: NDArray[np.float32]) -> NDArray[np.int8]:
    """(4, ...): the first bytes of all numbers, then the second ones and so on, which deflate packs better."""
    return np.moveaxis(np.asarray(array, order="C")[..., None].view(PLANES), -1, 0).copy()


def from_planes(planes: NDArray[np.int8]) -> NDArray[np.float32]:
    values: NDArray[np.float32] = np.moveaxis(planes, 0, -1).copy().view(np.float32)[..., 0]
    return values


def read_original(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a file that was packed, as it was."""
    if path.suffix == ".pkl":
        return {name: value.numpy() for name, value in torch.load(path, map_location="cpu", weights_only=True).items()}
    return dict(np.load(path, allow_pickle=False)) if path.suffix == ".npz" else load_file(path)


def places(size: int, count: int) -> NDArray[np.int64]:
    """Which elements of a flat array are kept: evenly spread, the first and the last among them."""
    return np.linspace(0, size - 1, count).round().astype(np.int64)


def assert_known(actual: Tensor, expected: Tensor, *, atol: float, rtol: float = 0.0) -> None:
    """Equal within the tolerance and of the same shape, wherever ``expected`` is not NaN: in 500 places at least, or all."""
    assert actual.shape == expected.shape
    known = ~expected.isnan()
    assert known.sum() >= min(expected.numel(), 500)
    torch.testing.assert_close(actual[known], expected[known], rtol=rtol, atol=atol, check_dtype=False)
