"""Scenes from a seed: streets, parks, halls and yards, with everything that is hard to enlarge."""

from upframe.rendering.scenes.generator import THEMES, generate

__all__ = ["THEMES", "generate"]
