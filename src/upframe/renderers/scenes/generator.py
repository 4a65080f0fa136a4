"""The scene of a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from upframe.errors import InputError
from upframe.renderers.environment import Panorama
from upframe.renderers.scene import Scene, Surface
from upframe.renderers.scenes.hall import hall
from upframe.renderers.scenes.park import park
from upframe.renderers.scenes.stage import Stage
from upframe.renderers.scenes.street import street
from upframe.renderers.scenes.yard import yard

VERSION = 2
"""Raised whenever a seed no longer makes the same scene."""

THEMES: MappingProxyType[str, Callable[[Stage, int], Scene]] = MappingProxyType(
    {"street": street, "park": park, "hall": hall, "yard": yard}
)


def generate(
    theme: str,
    seed: int,
    *,
    seconds: float = 2.0,
    texture_pixels: int = 512,
    photographs: Sequence[Surface] = (),
    environment: Panorama | None = None,
) -> Scene:
    """The scene of a theme and a seed: the same for the same arguments, generator version and NumPy.

    seconds: the length of the clip, over which cameras make their way and within which a cut may come. photographs: hang where
    posters and paintings do. environment: lights the scene in place of its own sky; the sun stays. Raises InputError for a
    theme that is not in ``THEMES``.
    """
    if theme not in THEMES:
        raise InputError(f"{theme}: unknown scene", remedy="choose one of " + ", ".join(THEMES))
    stage = Stage(np.random.default_rng((seed, list(THEMES).index(theme))), seconds, texture_pixels, photographs)
    scene = THEMES[theme](stage, seed)
    return scene if environment is None else replace(scene, environment=environment)
