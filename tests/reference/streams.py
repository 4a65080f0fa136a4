"""Random weights, drawn again from the stream that the published implementations drew them from.

PyTorch's generator on a processor is the Mersenne Twister; a uniform number takes one of its 32-bit words, of which 24 bits
count, and normal ones are made of sixteen at a time by the Box-Muller transform. So a tensor is a place in a stream, a bound or
deviation and a factor. NumPy's legacy generator gives the same words and is fixed for good, which PyTorch's is not.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 16
"""Normal numbers that are made together."""


def words(seed: int, count: int) -> NDArray[np.float32]:
    """The first numbers of a stream, in [0, 1)."""
    drawn = np.random.RandomState(seed).randint(0, 1 << 32, size=count, dtype=np.uint32)
    return ((drawn & 0xFFFFFF) * 2.0**-24).astype(np.float32)


def uniform(numbers: NDArray[np.float32], bound: float) -> NDArray[np.float32]:
    """Numbers in [-bound, bound), the multiplication and the sum rounded once."""
    low = np.float32(-bound)
    spread = np.float32(np.float32(bound) - low)
    return (numbers.astype(np.float64) * np.float64(spread) + np.float64(low)).astype(np.float32)


def normal(numbers: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    """As many normal numbers; a multiple of :data:`BLOCK`."""
    blocks = numbers.reshape(-1, BLOCK).astype(np.float64)
    radius = np.sqrt(-2 * np.log(1 - blocks[:, : BLOCK // 2])) * deviation
    angle = 2 * math.pi * blocks[:, BLOCK // 2 :]
    return np.concatenate((radius * np.cos(angle), radius * np.sin(angle)), axis=1).ravel().astype(np.float32)


def drawn(stream: NDArray[np.float32], tensor: dict[str, Any]) -> NDArray[np.float16]:
    """A tensor of the index. ``other``: places that PyTorch rounded otherwise, and their bits."""
    size = math.prod(tensor["shape"])
    numbers = stream[tensor["at"] : tensor["at"] + size]
    made = {"uniform": uniform, "normal": normal}[tensor["kind"]](numbers, tensor["spread"])
    values = (made * np.float32(tensor["factor"])).astype(np.float16)
    for place, bits in tensor.get("other", ()):
        values[place] = np.array(bits, np.uint16).view(np.float16)
    return values.reshape(tensor["shape"])
