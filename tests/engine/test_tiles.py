"""Tiles: no one can tell, and memory that runs out ends in smaller ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from upframe.engine.tiles import SMALLEST_TILE, Tiler
from upframe.errors import DeviceError
from upframe.models.catalog import Model, load
from upframe.models.rt4ksr import RT4KSR


def _rt4ksr(**switches: bool) -> Model:
    torch.manual_seed(3)
    network = RT4KSR(2, merged=True, **switches).eval().requires_grad_(False)
    return Model(network, network.info)


MODELS = {
    "published form": _rt4ksr(),
    "shipped form": _rt4ksr(layernorm=False, residual=True, skip=True),
    "bicubic": load("bicubic", scale=3),
    "lanczos": load("lanczos", scale=2),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", [(96, 130), (97, 131), (33, 200)], ids=str)
@pytest.mark.parametrize("tile", [32, 33, 50, 64])
def test_tiles_equal_the_whole_image(name: str, size: tuple[int, int], tile: int) -> None:
    model = MODELS[name]
    image = torch.rand(1, 3, *size)
    whole = Tiler(model, model.info, None, print)(image)
    tiled = Tiler(model, model.info, tile, print)(image)
    assert whole.shape == (1, 3, size[0] * model.info.scale, size[1] * model.info.scale)
    torch.testing.assert_close(tiled, whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 2), (3, 3)], ids=str)
def test_the_smallest_images_work(size: tuple[int, int]) -> None:
    model = MODELS["shipped form"]
    assert Tiler(model, model.info, None, print)(torch.rand(1, 3, *size)).shape == (1, 3, 2 * size[0], 2 * size[1])


class _LittleMemory:
    """A network on a device that holds no more than ``limit`` input pixels at a time."""

    def __init__(self, model: Model, limit: int, error: Exception) -> None:
        self.model, self.limit, self.error = model, limit, error

    def __call__(self, image: Tensor) -> Tensor:
        if image.shape[-2] * image.shape[-1] > self.limit:
            raise self.error
        return self.model(image)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
    ids=["cuda", "cpu", "python"],
)
def test_when_memory_runs_out_the_tile_is_halved_and_the_result_is_the_same(error: Exception) -> None:
    model = MODELS["shipped form"]
    image = torch.rand(1, 3, 150, 160)
    notes: list[str] = []
    tiler = Tiler(_LittleMemory(model, 90 * 90, error), model.info, None, notes.append)
    torch.testing.assert_close(tiler(image), Tiler(model, model.info, None, print)(image), atol=1e-5, rtol=0)
    assert tiler.tile == 43  # a quarter of the image and what it is extended by
    assert notes == ["memory ran out: going on in tiles of 86 pixels", "memory ran out: going on in tiles of 43 pixels"]


def test_when_no_tile_fits_the_error_says_so() -> None:
    model = MODELS["shipped form"]
    tiler = Tiler(_LittleMemory(model, 10, MemoryError()), model.info, None, lambda _: None)
    with pytest.raises(DeviceError, match=f"tile of {SMALLEST_TILE} pixels"):
        tiler(torch.rand(1, 3, 100, 100))


def test_other_errors_are_not_taken_for_lack_of_memory() -> None:
    model = MODELS["shipped form"]
    tiler = Tiler(_LittleMemory(model, 0, RuntimeError("a real fault")), model.info, None, print)
    with pytest.raises(RuntimeError, match="a real fault"):
        tiler(torch.rand(1, 3, 8, 8))
