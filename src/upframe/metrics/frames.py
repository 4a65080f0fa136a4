"""Frames as the metrics take them: tensors (..., 3, h, w), floating point in [0, 1] or uint8 in 0..255."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from upframe.errors import InputError, ShapeError

Samples = Literal["round", "truncate", "float"]
"""What a frame is turned into before it is scored: the nearest 8-bit codes, the codes below, or left as it is."""

_FULL = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}


def frame_tensor(pixels: NDArray[Any]) -> Tensor:
    """The pixels of an image as metrics take them: (h, w), (h, w, 1) or (h, w, 3) -> (3, h, w).

    uint8 stays uint8; uint16 becomes float32 in [0, 1], floating point float32 as it is. Grey is repeated.
    Raises InputError for another number of channels or another type.
    """
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
        raise InputError(f"metrics compare images of 1 or 3 channels, not an array of {pixels.shape}")
    if pixels.dtype not in _FULL and not np.issubdtype(pixels.dtype, np.floating):
        raise InputError(f"an image must be uint8, uint16 or float, not {pixels.dtype}")
    if pixels.dtype != np.uint8:
        pixels = pixels.astype(np.float32) / np.float32(_FULL.get(pixels.dtype, 1))
    tensor = torch.from_numpy(np.require(pixels, requirements=("C", "W"))).permute(2, 0, 1)
    return tensor.expand(3, -1, -1) if tensor.shape[0] == 1 else tensor


def check_pair(result: Tensor, reference: Tensor) -> None:
    """Raise ShapeError unless two frames have one shape and type, and InputError where a value is not a finite number."""
    if result.shape != reference.shape:
        raise ShapeError(f"the result is {_size(result)}, but the reference is {_size(reference)}: they must have one size")
    if result.dtype != reference.dtype:
        raise ShapeError(
            f"the result is {result.dtype}, but the reference is {reference.dtype}", remedy="give both in one type"
        )
    check_frame(result, "the result")
    check_frame(reference, "the reference")


def check_frame(frame: Tensor, what: str) -> None:
    """Raise ShapeError unless a tensor is a frame, and InputError where a value is not a finite number."""
    if frame.ndim < 3 or frame.shape[-3] != 3:
        raise ShapeError(f"{what} must be (..., 3, h, w), not {tuple(frame.shape)}")
    if frame.numel() == 0:
        raise ShapeError(f"{what} is empty: {tuple(frame.shape)}")
    if frame.dtype is torch.uint8:
        return
    if not frame.is_floating_point():
        raise ShapeError(f"{what} must be uint8 or floating point, not {frame.dtype}")
    if not bool(torch.isfinite(frame.sum(dtype=torch.promote_types(frame.dtype, torch.float32)))):  # the sum costs far less
        bad = frame.numel() - int(torch.isfinite(frame).sum())
        if bad:
            raise InputError(f"{what} has {bad} of {frame.numel()} values that are not finite (NaN or infinity)")


def _size(frame: Tensor) -> str:
    return f"{frame.shape[-1]}x{frame.shape[-2]}" if frame.ndim >= 2 else str(tuple(frame.shape))


def unit(frame: Tensor) -> Tensor:
    """The frame in floating point of at least 32 bits, in [0, 1]; not clamped."""
    if frame.dtype is torch.uint8:
        return frame.float().div_(255)
    return frame.to(torch.promote_types(frame.dtype, torch.float32))


def sampled(frame: Tensor, samples: Samples) -> Tensor:
    """A frame rounded or truncated to 8 bits after clamping to [0, 1]; uint8, and anything with ``"float"``, stays as it is."""
    if samples == "float" or frame.dtype is torch.uint8:
        return frame
    codes = unit(frame).clamp(0, 1).mul_(255)
    return (codes.round_() if samples == "round" else codes).to(torch.uint8)  # the conversion cuts off what follows the point


def total(values: Tensor) -> float:
    """The sum of a tensor, rows in its own precision and then in double: on every device, also those without double."""
    return values.sum(dim=-1).cpu().double().sum().item()


def images(frames: Tensor) -> Tensor:
    """(..., c, h, w) -> (n, c, h, w)."""
    return frames.reshape(-1, *frames.shape[-3:])


def weights_for(mask: Tensor, frames: Tensor) -> Tensor:
    """Weights (h, w) or (n, h, w) as (n, 1, h, w) beside frames (n, c, h, w), float32. Raises ShapeError if they do not fit."""
    if (
        mask.shape[-2:] != frames.shape[-2:]
        or mask.ndim not in (2, 3)
        or (mask.ndim == 3 and len(mask) not in (1, len(frames)))
    ):
        raise ShapeError(f"a mask of {tuple(mask.shape)} does not fit frames of {tuple(frames.shape)}")
    weights = mask.to(frames.device, torch.float32)
    return weights.reshape(-1, 1, *mask.shape[-2:]).expand(len(frames), -1, -1, -1)


def codes_array(frame: Tensor) -> NDArray[np.uint8]:
    """(3, h, w) -> (h, w, 3) uint8 in main memory; floating point is rounded."""
    return np.ascontiguousarray(sampled(frame, "round").permute(1, 2, 0).cpu().numpy())
