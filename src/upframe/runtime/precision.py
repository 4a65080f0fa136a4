"""In which precision a network computes on a device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from upframe.errors import DeviceError
from upframe.remedies import Option, either, leave_out, way

Precision = Literal["auto", "fp32", "fp16", "bf16"]
HALF: tuple[Precision, ...] = ("fp16", "bf16")
_TYPES: dict[str, torch.dtype] = {"auto": torch.float32, "fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def choose_dtype(precision: Precision, device: torch.device, half: Sequence[str] | None = None) -> torch.dtype:
    """The type the network computes in. ``half``: the half precisions that are as good, as the model's card says: the best
    first, none of them, or None where nobody has checked.

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
        raise DeviceError(
            f"{precision} is far slower than fp32 on this CPU", remedy=either(leave_out("precision"), "use a GPU")
        )
    if device.type != "cuda" or half is None:
        return dtype
    if precision == "auto":
        return _TYPES[half[0]] if half else dtype
    if precision in HALF and precision not in half:
        others = " or ".join([*half, "fp32"])
        raise DeviceError(
            f"{precision} costs this model more than 0.05 dB on a GPU, according to its card",
            remedy=way("set ", Option("precision"), f" to {others}"),
        )
    return dtype


def name_of(dtype: torch.dtype) -> Precision:
    """The word for a type that ``choose_dtype`` gives."""
    names: dict[torch.dtype, Precision] = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}
    return names[dtype]


def has_bfloat16() -> bool:
    """Whether this processor has instructions for bfloat16: AVX-512 BF16 and AMX, or those of ARMv8.6 and later.

    Not every 64-bit ARM has them (Apple's M1 and the Raspberry Pi 5 do not). A torch that cannot say is taken for none.
    """
    if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported():
        return True
    ask = getattr(torch.cpu, "get_capabilities", None)  # since torch 2.10
    return bool(ask and ask().get("bf16"))
