"""Where a model runs and in which precision."""

from __future__ import annotations

import warnings
from typing import Literal

import torch

from upframe.errors import DeviceError

Precision = Literal["auto", "fp32", "fp16", "bf16"]
HALF: tuple[Precision, ...] = ("fp16", "bf16")
_TYPES: dict[str, torch.dtype] = {"auto": torch.float32, "fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def choose_device(name: str = "auto") -> torch.device:
    """``auto`` is CUDA, else Apple's MPS, else the CPU; anything else is torch's own name (``cpu``, ``cuda:1``).

    Raises DeviceError for a name torch does not know and for a device this machine does not have.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DeviceError(f"device {name!r} cannot be used here ({reason}). Try --device auto") from error
    return device


def choose_dtype(precision: Precision, device: torch.device, half: str = "") -> torch.dtype:
    """The type the network computes in. ``half``: the half precisions the model was checked in, as its card says.

    ``auto`` is float32, but on CUDA the first half precision that was checked and costs less than 0.05 dB: half precision is
    asked for, or known to be as good, never assumed. On a CPU that has instructions for bfloat16, it takes half the time; but
    its results, rounded to 1/256 near white, would differ from other machines' by more than 0.001.

    Raises DeviceError for a precision of another name; on a CPU for float16 and for a bfloat16 it has no instructions for:
    these are 10 to 100 times slower than float32; on CUDA for a half precision that was checked and failed.
    """
    if precision not in _TYPES:
        raise DeviceError(f"precision {precision!r} is not one of {', '.join(_TYPES)}")
    dtype = _TYPES[precision]
    if device.type == "cpu" and (dtype is torch.float16 or (dtype is torch.bfloat16 and not has_bfloat16())):
        raise DeviceError(f"{precision} is far slower than fp32 on this CPU. Leave --precision out, or use a GPU")
    if device.type != "cuda" or not half:
        return dtype
    good = [word for word in half.split() if word in HALF]
    if precision == "auto":
        return _TYPES[good[0]] if good else dtype
    if precision in HALF and precision not in good:
        others = " or ".join([*good, "fp32"])
        raise DeviceError(f"{precision} costs this model more than 0.05 dB on a GPU, says its card. Use --precision {others}")
    return dtype


def has_bfloat16() -> bool:
    """Whether this processor has instructions for bfloat16 (AVX-512 BF16, AMX)."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def memory_format(device: torch.device) -> torch.memory_format:
    """The layout convolutions are fastest in: channels_last on CPUs and on CUDA's tensor cores, plain on MPS."""
    return torch.contiguous_format if device.type == "mps" else torch.channels_last


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the device, or this machine, had no memory left for a tensor."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("out of memory", "not enough memory", "can't allocate memory")
    )


def release_memory(device: torch.device) -> None:
    """Give cached blocks back before a smaller attempt."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
