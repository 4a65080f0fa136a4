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
    from upframe.engine.budget import render_size
    from upframe.engine.planes import PlaneKind
    from upframe.engine.size import Target
    from upframe.engine.supersampler import Supersampler
    from upframe.engine.upscaler import Upscaler
    from upframe.errors import UpframeError
    from upframe.jobs.batch import upscale_files
    from upframe.jobs.journal import is_unfinished
    from upframe.jobs.options import JobOptions, RunOptions, UpscaleOptions
    from upframe.media.video.colour import ColourCodes
    from upframe.models.cards import imported, shipped
    from upframe.models.catalog import Model, load
    from upframe.models.info import ModelInfo
    from upframe.rendered.conventions import EngineConventions
    from upframe.rendered.frame import RenderedFrame
    from upframe.rendered.jitter import jitter, mip_bias

__all__ = [
    "ColourCodes",
    "EngineConventions",
    "JobOptions",
    "Model",
    "ModelInfo",
    "PlaneKind",
    "RenderedFrame",
    "RunOptions",
    "Supersampler",
    "Target",
    "UpframeError",
    "UpscaleOptions",
    "Upscaler",
    "__version__",
    "imported",
    "is_unfinished",
    "jitter",
    "load",
    "mip_bias",
    "render_size",
    "shipped",
    "upscale_files",
]

_HOMES = {
    "ColourCodes": "upframe.media.video.colour",
    "EngineConventions": "upframe.rendered.conventions",
    "JobOptions": "upframe.jobs.options",
    "Model": "upframe.models.catalog",
    "ModelInfo": "upframe.models.info",
    "PlaneKind": "upframe.engine.planes",
    "RenderedFrame": "upframe.rendered.frame",
    "RunOptions": "upframe.jobs.options",
    "Supersampler": "upframe.engine.supersampler",
    "Target": "upframe.engine.size",
    "UpframeError": "upframe.errors",
    "UpscaleOptions": "upframe.jobs.options",
    "Upscaler": "upframe.engine.upscaler",
    "imported": "upframe.models.cards",
    "is_unfinished": "upframe.jobs.journal",
    "jitter": "upframe.rendered.jitter",
    "load": "upframe.models.catalog",
    "mip_bias": "upframe.rendered.jitter",
    "render_size": "upframe.engine.budget",
    "shipped": "upframe.models.cards",
    "upscale_files": "upframe.jobs.batch",
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
