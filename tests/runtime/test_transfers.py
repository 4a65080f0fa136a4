"""Frames go up and come down in order, and none is waited for before the next one is started."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from upframe import Upscaler
from upframe.engine.cuts import no_cuts
from upframe.engine.size import Target
from upframe.engine.videos import FrameUpscaler
from upframe.media.video.colour import ColourTags
from upframe.media.video.info import RawFrame
from upframe.media.video.planes import nearest_layout
from upframe.runtime.transfers import Arrival, OverlappingTransfers, PlainTransfers, behind, transfers

BT709 = ColourTags("bt709", False, "left", 1, 1, 1, 1)
CPU = torch.device("cpu")


def frames(count: int) -> Iterator[RawFrame]:
    generator = np.random.default_rng(0)
    for index in range(count):
        planes = tuple(generator.integers(16, 235, shape, np.uint8) for shape in ((12, 16), (6, 8), (6, 8)))
        yield RawFrame(planes, 40 * index, Fraction(1, 1000), 40, index)


class Late:
    """Comes down when it is waited for and not before, as over a slow bus; writes down in which order things happen."""

    ahead = 1

    def __init__(self) -> None:
        self.happened: list[str] = []

    def up(self, array: NDArray[Any]) -> Tensor:
        self.happened.append("up")
        return torch.from_numpy(array.copy())

    def down(self, tensor: Tensor) -> Arrival:
        self.happened.append("down")

        def array() -> NDArray[Any]:
            self.happened.append("wait")
            return tensor.numpy()

        return array


def upscaler() -> FrameUpscaler:
    layout = nearest_layout("yuv420p")
    return FrameUpscaler(Upscaler("bicubic", device="cpu"), Target(), (layout, BT709), (layout, BT709))


def test_the_next_frame_is_begun_before_the_last_is_waited_for() -> None:
    plain = list(upscaler()(frames(4), no_cuts))
    late, ways = upscaler(), Late()
    late._transfers = ways
    results = list(late(frames(4), no_cuts))
    assert ["".join(word[0] for word in ways.happened)] == ["uuuddd" + 3 * ("uuuddd" + "www") + "www"]
    for one, other in zip(plain, results, strict=True):
        assert isinstance(one, RawFrame)
        assert isinstance(other, RawFrame)
        assert (one.pts, one.duration, one.index) == (other.pts, other.duration, other.index)
        assert all(np.array_equal(a, b) for a, b in zip(one.planes, other.planes, strict=True))


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_nothing_is_lost_or_reordered_on_the_way(ahead: int) -> None:
    for count in range(6):
        assert list(behind(range(count), ahead)) == list(range(count))


def test_a_result_waits_for_as_many_as_are_ahead() -> None:
    started: list[int] = []

    def source() -> Iterator[int]:
        for number in range(5):
            started.append(number)
            yield number

    waited = behind(source(), 2)
    assert next(waited) == 0
    assert started == [0, 1, 2]


def test_on_a_processor_nothing_is_copied_and_nothing_waits() -> None:
    ways = transfers(CPU)
    assert isinstance(ways, PlainTransfers)
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    tensor = ways.up(array)
    assert tensor.data_ptr() == array.ctypes.data
    assert ways.down(tensor)().ctypes.data == array.ctypes.data
    assert ways.ahead == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="copies overlap on CUDA")
def test_what_goes_up_and_down_at_once_arrives_whole() -> None:
    device = torch.device("cuda")
    ways, generator = OverlappingTransfers(device), np.random.default_rng(0)
    arrays = [generator.integers(0, 255, (540, 960), np.uint8) for _ in range(20)]
    given = [array.copy() for array in arrays]
    started = []
    for array in given:
        tensor = ways.up(array)
        array[:] = 0  # it may be written to at once
        for _ in range(20):
            tensor = 255 - tensor
        started.append(ways.down(tensor.clone()))
    assert all(np.array_equal(arrived(), array) for arrived, array in zip(started, arrays, strict=True))
