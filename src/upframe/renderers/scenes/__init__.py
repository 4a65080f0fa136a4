"""Scenes from a seed: streets, parks, halls and yards, with everything that is hard to upscale."""

from upframe.renderers.scenes.generator import THEMES, generate

__all__ = ["THEMES", "generate"]
