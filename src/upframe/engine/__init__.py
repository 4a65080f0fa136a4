"""Runs a model: device, precision, tiles, and the overlap of reading, enlarging and writing."""

from upframe.engine.upscaler import Upscaler

__all__ = ["Upscaler"]
