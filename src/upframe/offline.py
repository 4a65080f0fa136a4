"""Offline means offline: packages that report on their users are kept from it, before any of them can be imported.

``import upframe`` sees to it, so that it comes before every import of theirs, also where another package imports them.
"""

from __future__ import annotations

import os
import sys

REFUSALS = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime 1.31 writes a device's id under the home folder and looks its host up
    "GRADIO_ANALYTICS_ENABLED": "False",
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
"""What each of them reads in the environment; a value that is there already, or an empty one, would leave it to chance."""

_REPORTERS = (
    "openvino_telemetry",
)  # reports each import of OpenVINO; without it OpenVINO reports nothing, and no variable helps


def go_offline() -> None:
    """Keep this process, and those it starts, from reporting to anyone."""
    os.environ.update(REFUSALS)
    for name in _REPORTERS:
        if name not in sys.modules:
            sys.modules[name] = None  # type: ignore[assignment]  # an import of it fails as if it were not installed
