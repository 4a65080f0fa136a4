"""Arrays of numpy inside a pickle, as tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from upframe.models.pickles import Record

KINDS = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "b1"}


def array_of(record: Record) -> Tensor | None:
    """The tensor that a pickled array is, or None for another record, and for values that are no plain numbers.

    Raises ValueError for an array that claims more values than it holds.
    """
    made_by = record.made_by.rpartition(".")[2]
    if not record.made_by.startswith("numpy."):
        return None
    if made_by == "_reconstruct" and isinstance(record.state, tuple) and len(record.state) == 5:
        _, shape, dtype, by_columns, content = record.state
        return _tensor(content, dtype, shape, "F" if by_columns else "C")
    if made_by == "_frombuffer" and len(record.arguments) == 4:
        content, dtype, shape, order = record.arguments
        return _tensor(content, dtype, shape, order)
    return None


def _tensor(content: Any, dtype: Any, shape: Any, order: Any) -> Tensor | None:
    kind = _kind(dtype)
    if isinstance(content, str):
        content = content.encode("latin-1")  # as Python 2 wrote bytes
    if kind is None or not isinstance(content, bytes | bytearray) or order not in ("C", "F"):
        return None
    if not isinstance(shape, tuple) or not all(isinstance(side, int) and 0 <= side < 2**48 for side in shape):
        return None
    if math.prod(shape) * kind.itemsize != len(content) or len(shape) > 32:
        raise ValueError("an array has another size than it says")
    values = np.frombuffer(content, kind).reshape(shape, order=order)
    return torch.from_numpy(values.astype(kind.newbyteorder("="), order="C"))


def _kind(dtype: Any) -> np.dtype[Any] | None:
    if not isinstance(dtype, Record) or dtype.made_by != "numpy.dtype" or not dtype.arguments:
        return None
    name, state = dtype.arguments[0], dtype.state
    order = state[1] if isinstance(state, tuple) and len(state) > 1 else "|"
    if name not in KINDS or order not in ("<", ">", "|", "="):
        return None
    kind: np.dtype[Any] = np.dtype(f"{order}{name}")
    return kind
