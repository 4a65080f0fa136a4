"""Between arrays of pixels and the tensors networks take."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from upframe.errors import InputError

Pixels = NDArray[Any]
"""(h, w, c) of uint8, uint16 or float."""

_FULL = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}


def to_tensor(pixels: Pixels, device: torch.device) -> Tensor:
    """(h, w, c) uint8, uint16 or float -> (1, c, h, w) float32, whole numbers divided by their largest. Raises InputError."""
    full = _FULL.get(pixels.dtype)
    if full is None and not np.issubdtype(pixels.dtype, np.floating):
        raise InputError(f"an image must be uint8, uint16 or float, not {pixels.dtype}")
    if pixels.dtype == np.uint16:
        pixels = pixels.astype(np.int32)  # torch knows few operations on uint16
    elif full is None:
        pixels = pixels.astype(np.float32)
    tensor = torch.from_numpy(np.require(pixels, requirements=("C", "W"))).to(device).permute(2, 0, 1)[None]
    return tensor.float().div_(full) if full else tensor.float()


def to_pixels(tensor: Tensor, dtype: np.dtype[Any]) -> Pixels:
    """The inverse of :func:`to_tensor`, rounded to the nearest and limited to what the type holds."""
    full = _FULL.get(dtype)
    tensor = tensor[0].permute(1, 2, 0)
    if full is None:
        return tensor.float().contiguous().cpu().numpy()
    codes = (tensor * full).add_(0.5).clamp_(0, full)
    if full == 255:
        return codes.to(torch.uint8).contiguous().cpu().numpy()
    return codes.to(torch.int32).contiguous().cpu().numpy().astype(np.uint16)
