"""Where and with what numbers were made."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version

import torch

from upframe.runtime.device import processor_name


def provenance(device: torch.device | None = None) -> dict[str, str]:
    """Versions, the system, the processor, the device that networks ran on, and the time, each in words."""
    made = {
        "upframe": version("upframe"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": f"{processor_name()}, threads: {torch.get_num_threads()}",
    }
    if device is not None:
        made["device"] = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    made["date"] = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return made
