"""Upframe in VapourSynth: ``upframe_vs.upscale(clip, model="rt4ksr-x2")``."""

from upframe_vs.upscaling import upscale

__all__ = ["upscale"]
