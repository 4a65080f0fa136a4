"""Upframe in VapourSynth: ``upframe_vs.upscale(clip, model="rt4ksr-x2")``."""

try:
    import vapoursynth  # noqa: F401
except ImportError as error:
    raise ImportError(
        "upframe_vs needs VapourSynth, which this Python does not have: pip installs it for Python 3.12 and newer; "
        "for an older one build VapourSynth 73 with it"
    ) from error
from upframe_vs.upscaling import upscale

__all__ = ["upscale"]
