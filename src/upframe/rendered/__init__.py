"""Rendered frames: what a renderer hands over for each image, and the past of an image moved to where it is now.

``docs/rendered-frames.md`` is the contract. :mod:`upframe.rendered.frame` needs no torch.
"""

from upframe.rendered.frame import Buffer, RenderedFrame

__all__ = ["Buffer", "RenderedFrame"]
