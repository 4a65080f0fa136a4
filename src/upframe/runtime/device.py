"""Where a model runs."""

from __future__ import annotations

import platform
import warnings
from pathlib import Path

import torch

from upframe.errors import DeviceError
from upframe.remedies import Option, way


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
        raise DeviceError(
            f"device {name!r} cannot be used here ({reason})", remedy=way("use ", Option("device", "auto"))
        ) from error
    return device


def device_name(device: torch.device) -> str:
    """What a GPU of CUDA calls itself; of others their type: cpu, mps."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def processor_name() -> str:
    """What the processor calls itself; its architecture where the system does not tell more."""
    listed = Path("/proc/cpuinfo")  # Linux, where platform.processor() tells the architecture at best
    if listed.is_file():
        for line in listed.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


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
