"""Upframe: super-resolution of images, video and rendered frames.

    import upframe
    big = upframe.Upscaler("rt4ksr-x2").upscale(image)

Names are imported when they are first used, so that ``import upframe`` costs nothing and does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from upframe.offline import go_offline

if TYPE_CHECKING:
    from upframe.engine.planes import PlaneKind
    from upframe.engine.supersampler import Supersampler
    from upframe.engine.upscaler import Upscaler
    from upframe.errors import UpframeError
    from upframe.media.video.colour import ColourCodes
    from upframe.models.catalog import Model, load
    from upframe.models.info import ModelInfo
    from upframe.rendered.frame import RenderedFrame

__all__ = [
    "ColourCodes",
    "Model",
    "ModelInfo",
    "PlaneKind",
    "RenderedFrame",
    "Supersampler",
    "UpframeError",
    "Upscaler",
    "__version__",
    "load",
]

_HOMES = {
    "ColourCodes": "upframe.media.video.colour",
    "Model": "upframe.models.catalog",
    "ModelInfo": "upframe.models.info",
    "PlaneKind": "upframe.engine.planes",
    "RenderedFrame": "upframe.rendered.frame",
    "Supersampler": "upframe.engine.supersampler",
    "UpframeError": "upframe.errors",
    "Upscaler": "upframe.engine.upscaler",
    "load": "upframe.models.catalog",
}

go_offline()


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("upframe")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'upframe' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
