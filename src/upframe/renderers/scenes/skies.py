"""Procedural environments: the sky by day and by night, and a large hall from inside.

Layout and direction of the columns: see ``Scene``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from upframe.renderers.environment import Panorama, directions
from upframe.renderers.scenes.noise import Values, cloudy, smoothstep
from upframe.renderers.scenes.textures import mix


def day_sky(rng: np.random.Generator, sun: tuple[float, float, float], height: int = 256, *, clouds: float = 0.5) -> Panorama:
    """Blue above, hazy below, warm towards a low sun, ``clouds`` from 0 (none) to 1 (covered). Zenith about 0.5."""
    way = directions(height)
    up = np.clip(way[..., 2], 0, 1)
    low_sun = float(np.clip(1 - sun[2] / 0.5, 0, 1))
    towards = way @ np.array(sun, np.float32)
    zenith, haze = np.array((0.17, 0.34, 0.72)), np.array((0.72, 0.82, 0.95))
    warm = np.array((1.5, 0.72, 0.3))
    glow = np.clip((towards + 1) / 2, 0, 1) ** 3
    horizon = mix(haze, warm, (low_sun * glow).astype(np.float32))
    sky = mix(horizon, zenith * (1 - 0.35 * low_sun), 1 - (1 - up) ** 3.5)
    halo = 0.9 * np.exp((towards - 1) * 45) + 0.25 * np.exp((towards - 1) * 5)
    sky += halo[..., None] * mix((1.0, 0.94, 0.82), (1.0, 0.62, 0.32), low_sun).astype(np.float32)
    cover, thickness = _clouds(rng, way, clouds)
    lit = mix((1.25, 1.24, 1.22), (1.5, 0.95, 0.6), 0.8 * low_sun) * (0.75 + 0.5 * glow[..., None])
    dark = mix((0.5, 0.54, 0.62), (0.38, 0.33, 0.42), low_sun)
    sky = mix(sky, mix(lit, dark, 0.85 * thickness), 0.92 * cover)
    return _with_ground(sky, way, (0.2, 0.19, 0.17))


def _clouds(rng: np.random.Generator, way: Panorama, amount: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How much a flat layer of clouds hides of the sky, and how thick it is, in each direction; both in [0, 1]."""
    size = 512
    fine = cloudy(rng, size, 5, 7, 0.55) + 0.35 * cloudy(rng, size, 2, 2)
    distance = 1 / np.maximum(way[..., 2] + 0.08, 0.05)
    row = (way[..., 0] * distance * 0.11 * size).astype(int) % size
    column = (way[..., 1] * distance * 0.11 * size).astype(int) % size
    field = fine[row, column] + np.float32(2.6 * amount - 1.5)
    fade = smoothstep(0.0, 0.12, way[..., 2])
    return smoothstep(-0.1, 0.6, field) * fade, smoothstep(0.2, 1.6, field) * fade


def night_sky(rng: np.random.Generator, height: int = 256) -> Panorama:
    """Dark blue with stars, and the glow of a town along the horizon. About 0.01."""
    way = directions(height)
    up = np.clip(way[..., 2], 0, 1)
    town = np.array((0.05, 0.034, 0.02)) * rng.uniform(0.5, 1.6)
    sky = mix(town, (0.0035, 0.005, 0.011), 1 - (1 - up) ** 5)
    cover, _ = _clouds(rng, way, 0.4)
    sky = mix(sky, town * 0.5, 0.6 * cover)
    stars = (rng.random(up.shape) < 0.002) * rng.uniform(0.002, 0.03, up.shape) * (up > 0.1) * (1 - cover)
    return _with_ground(np.asarray(sky + stars[..., None], np.float32), way, (0.012, 0.011, 0.01))


def room(rng: np.random.Generator, height: int = 128) -> Panorama:
    """Inside a large hall: pale walls, a bright ceiling with skylights, tall windows to one side."""
    way = directions(height)
    around, up = np.arctan2(way[..., 1], way[..., 0]), way[..., 2]
    tint = mix((1.0, 0.93, 0.82), (0.86, 0.94, 1.0), float(rng.random()))
    light = 0.22 + 0.2 * np.clip(up, 0, 1)
    panes = smoothstep(0.1, 0.25, np.cos(around * 9)) * smoothstep(0.08, 0.14, up) * smoothstep(0.62, 0.55, up)
    side = smoothstep(0.0, 0.4, np.cos(around - np.float32(rng.uniform(0, 6.3))))
    skylight = smoothstep(0.8, 0.84, up)
    light = light + 3.5 * panes * side + 2.5 * skylight
    return _with_ground(np.asarray(light[..., None] * tint, np.float32), way, (0.16, 0.14, 0.12))


def _with_ground(sky: Values, way: Panorama, ground: tuple[float, float, float]) -> Panorama:
    return mix(sky, ground, smoothstep(0.0, -0.03, way[..., 2]))
