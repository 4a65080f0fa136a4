"""Runs a model: device, precision, tiles, and the overlap of reading, upscaling and writing."""

from upframe.engine.upscaler import Upscaler

__all__ = ["Upscaler"]
