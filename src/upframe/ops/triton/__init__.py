"""Kernels of our own for CUDA, written in Triton, where memory traffic or the number of launches decides.

Each has a plain form in torch, which everything else runs: other devices, differentiation, compiled and exported graphs. The
kernels are imported where they are called, after :func:`are_wanted`, as Triton is not installed everywhere.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

from upframe.ops.convolution import is_eager_inference

SWITCH = "UPFRAME_TRITON"
TYPES = (torch.float32, torch.float16, torch.bfloat16)


def are_wanted(*tensors: Tensor) -> bool:
    """Whether the kernels are to compute this: ``UPFRAME_TRITON=1``, Triton is there, and :func:`is_eager_inference`.

    And all tensors are on CUDA, in float32 or half precision: the kernels keep their sums in float32.
    """
    return (
        is_eager_inference()
        and os.environ.get(SWITCH) == "1"
        and all(tensor.is_cuda and tensor.dtype in TYPES for tensor in tensors)
        and _is_installed()
    )


@cache
def _is_installed() -> bool:
    return find_spec("triton") is not None
