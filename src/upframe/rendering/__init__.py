"""Rendered frames: what a renderer hands over for each picture, and the past of a picture moved to where it is now.

``docs/rendered-frames.md`` is the contract. :mod:`upframe.rendering.frame` needs no torch.
"""

from upframe.rendering.frame import Buffer, RenderedFrame

__all__ = ["Buffer", "RenderedFrame"]
