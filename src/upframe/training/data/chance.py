"""Chance that can be taken up anywhere: each sample has a generator of its own, made of the seed and the sample's number."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.random import Generator, Philox
from numpy.typing import NDArray

_SAMPLES, _ORDERS, _IMAGES, _DRAWS = range(4)  # streams of one seed that must not meet


def _generator(seed: int, stream: int, number: int) -> Generator:
    """Philox is a block cipher of a counter (Salmon et al., 2011): any place of any stream is there at once."""
    return Generator(Philox(key=[seed, stream], counter=[0, 0, 0, number]))


def for_sample(seed: int, index: int) -> Generator:
    """The random numbers of sample ``index``; both 0 or more."""
    return _generator(seed, _SAMPLES, index)


def for_draw(seed: int, index: int) -> Generator:
    """The random numbers of a frame that several samples are cut from."""
    return _generator(seed, _DRAWS, index)


def for_image(seed: int, index: int) -> Generator:
    """The random numbers of a drawn image or scene."""
    return _generator(seed, _IMAGES, index)


@lru_cache(maxsize=4)
def _order(seed: int, count: int, epoch: int) -> NDArray[np.int64]:
    return _generator(seed, _ORDERS, epoch).permutation(count)


def item_of(seed: int, count: int, index: int) -> int:
    """Which of ``count`` items sample ``index`` is of: each once in ``count`` samples, in another order each time."""
    epoch, place = divmod(index, count)
    return int(_order(seed, count, epoch)[place])
