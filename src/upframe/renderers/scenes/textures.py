"""Procedural surfaces: masonry, floors, earth, wood, metal, cloth. All repeat, and all come from a seeded generator.

Each function takes the generator and the side of the texture in pixels. Colours are sRGB in [0, 1] while they are mixed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from upframe.renderers.scene import Surface
from upframe.renderers.scenes.noise import Plane, Values, cellular, cloudy, gradient_noise, grain, smoothstep

Colour = Sequence[float] | Values
Maker = Callable[[np.random.Generator, int], Surface]


def surface(colour: Values, height: Values, roughness: Values, *, bumps: float) -> Surface:
    """Textures from colour (h, w, 3 or 4), a height field and a roughness in [0, 1].

    ``bumps``: how steep a height difference of 1 between neighbouring pixels is; the normal map follows from it.
    """
    across = (np.roll(height, -1, axis=1) - np.roll(height, 1, axis=1)) * (bumps / 2)
    down = (np.roll(height, -1, axis=0) - np.roll(height, 1, axis=0)) * (bumps / 2)
    normal = np.stack((-across, down, np.ones_like(height)), axis=2)  # rows go down and v goes up
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    return Surface(_bytes(colour), _bytes(normal * (127 / 255) + 128 / 255), _bytes(roughness))


def _bytes(values: Values) -> NDArray[np.uint8]:
    return np.asarray(np.clip(values, 0, 1) * 255 + 0.5, np.uint8)


def mix(first: Colour, second: Colour, amount: Values | float) -> Plane:
    """``first`` where the amount is 0, ``second`` where it is 1."""
    weight = np.asarray(amount, np.float32)
    weight = weight[..., None] if weight.ndim == 2 else weight
    return np.asarray(np.asarray(first, np.float32) * (1 - weight) + np.asarray(second, np.float32) * weight, np.float32)


def _shaded(colour: Colour, brightness: Values) -> Plane:
    """A colour made brighter (above 0) or darker (below 0), in proportion."""
    return np.asarray(np.asarray(colour, np.float32) * (1 + brightness[..., None]), np.float32)


def _bond(size: int, rows: int, columns: int, shift: float) -> tuple[Plane, Plane, NDArray[np.int64]]:
    """A wall of blocks, every other row shifted: distance of each pixel to the joint below/above, left/right, and its block."""
    y = (np.arange(size, dtype=np.float32) + 0.5) * rows / size
    row = y.astype(int)
    x = (np.arange(size, dtype=np.float32)[None] + 0.5) * columns / size + shift * (row % 2)[:, None].astype(np.float32)
    column = np.floor(x).astype(int)
    vertical = np.broadcast_to(np.minimum(y - row, 1 - (y - row))[:, None] / rows, x.shape)
    horizontal = np.minimum(x - column, 1 - (x - column)) / columns
    return vertical.astype(np.float32), horizontal.astype(np.float32), row[:, None] * columns + column % columns


def brick(rng: np.random.Generator, size: int) -> Surface:
    """A running bond, 16 courses a texture (1.2 m): bricks of uneven colour, some burnt, in pale mortar."""
    vertical, horizontal, block = _bond(size, 16, 6, 0.5)
    edge = np.minimum(vertical, horizontal) + 0.0022 * cloudy(rng, size, 32, 3)
    solid = smoothstep(0.004, 0.008, edge)
    tone = rng.normal(0, 0.13, 16 * 6).astype(np.float32)
    burnt = (rng.random(16 * 6) < 0.12).astype(np.float32)
    base = _of([(0.56, 0.29, 0.21), (0.62, 0.42, 0.3), (0.47, 0.24, 0.2), (0.66, 0.6, 0.52)], rng)
    dirt = cloudy(rng, size, 3, 6)
    face = _shaded(base, tone[block] - 0.4 * burnt[block] + 0.13 * cloudy(rng, size, 24, 5) + 0.05 * grain(rng, size))
    mortar = _shaded(_of([(0.62, 0.59, 0.54), (0.5, 0.48, 0.45)], rng), 0.15 * grain(rng, size))
    colour = _shaded(mix(mortar, face, solid), 0.1 * dirt)
    height = solid * (1 + 0.15 * tone[block]) + 0.12 * cloudy(rng, size, 40, 4)
    return surface(colour, height, 0.85 + 0.1 * dirt, bumps=1.6)


def blocks(rng: np.random.Generator, size: int) -> Surface:
    """Large dressed stones with weathered edges (2.4 m)."""
    vertical, horizontal, block = _bond(size, 6, 3, 0.5)
    edge = np.minimum(vertical, horizontal) + 0.004 * cloudy(rng, size, 16, 4)
    solid = smoothstep(0.003, 0.012, edge)
    tone = rng.normal(0, 0.07, 18).astype(np.float32)
    base = _of([(0.66, 0.6, 0.5), (0.55, 0.53, 0.5), (0.7, 0.63, 0.53), (0.48, 0.46, 0.44)], rng)
    stains = smoothstep(0.1, 1.2, cloudy(rng, size, (2, 6), 5))
    colour = _shaded(base, tone[block] + 0.1 * cloudy(rng, size, 12, 6, 0.65))
    colour = mix(mix(_shaded(base, np.full((size, size), -0.5, np.float32)), colour, solid), (0.3, 0.29, 0.25), 0.45 * stains)
    height = solid + 0.25 * cloudy(rng, size, 16, 6, 0.6)
    return surface(colour, height, 0.8 + 0.1 * stains, bumps=2.0)


def rubble(rng: np.random.Generator, size: int) -> Surface:
    """A wall of field stones (1.6 m)."""
    nearest, gap, owner = cellular(rng, size, 8)
    gap = gap + 0.05 * cloudy(rng, size, 24, 3)
    solid = smoothstep(0.05, 0.16, gap)
    tone = rng.normal(0, 0.16, 64).astype(np.float32)
    warm = rng.uniform(0, 1, 64).astype(np.float32)
    face = _shaded(mix((0.5, 0.49, 0.47), (0.58, 0.5, 0.4), warm[owner]), tone[owner] + 0.12 * cloudy(rng, size, 16, 6, 0.65))
    moss = smoothstep(0.4, 1.2, cloudy(rng, size, 4, 5)) * (1 - 0.5 * solid)
    colour = mix(mix((0.33, 0.31, 0.28), face, solid), (0.3, 0.36, 0.17), 0.7 * moss)
    return surface(colour, solid * (1.1 - 0.8 * nearest) + 0.2 * cloudy(rng, size, 20, 5), np.full_like(gap, 0.9), bumps=3.0)


def cobbles(rng: np.random.Generator, size: int) -> Surface:
    """Rounded setts worn smooth on top (1.4 m)."""
    vertical, horizontal, block = _bond(size, 12, 12, 0.5)
    edge = np.minimum(vertical, horizontal) * 12 + 0.06 * cloudy(rng, size, 24, 4)
    dome = np.sqrt(np.clip(edge * 2.2, 0, 1))
    solid = smoothstep(0.08, 0.2, edge)
    tone = rng.normal(0, 0.14, 144).astype(np.float32)
    base = _of([(0.46, 0.44, 0.42), (0.5, 0.45, 0.4), (0.38, 0.38, 0.4)], rng)
    face = _shaded(base, tone[block] + 0.12 * cloudy(rng, size, 32, 5, 0.65))
    colour = mix(_shaded((0.26, 0.23, 0.19), 0.3 * grain(rng, size)), face, solid)
    return surface(colour, dome + 0.12 * cloudy(rng, size, 32, 4), 0.85 - 0.3 * dome, bumps=5.0)


def pavers(rng: np.random.Generator, size: int) -> Surface:
    """Concrete slabs with chewing gum and stains (2 m)."""
    vertical, horizontal, block = _bond(size, 4, 4, float(rng.choice([0.0, 0.5])))
    solid = smoothstep(0.002, 0.006, np.minimum(vertical, horizontal) + 0.0015 * cloudy(rng, size, 32, 3))
    tone = rng.normal(0, 0.05, 16).astype(np.float32)
    base = _of([(0.56, 0.54, 0.51), (0.62, 0.57, 0.5), (0.5, 0.5, 0.5), (0.58, 0.47, 0.41)], rng)
    nearest, _, owner = cellular(rng, size, 12)
    gum = (nearest < 0.09) & (rng.random(144) < 0.25)[owner]
    dirt = smoothstep(0.2, 1.4, cloudy(rng, size, 3, 6, 0.6))
    colour = _shaded(
        base, tone[block] + 0.06 * cloudy(rng, size, 24, 5, 0.7) + 0.05 * grain(rng, size) - 0.2 * dirt - 0.25 * gum
    )
    colour = mix((0.3, 0.28, 0.25), colour, solid)
    return surface(colour, solid + 0.1 * cloudy(rng, size, 64, 3), 0.85 - 0.1 * dirt, bumps=1.6)


def tiles(rng: np.random.Generator, size: int) -> Surface:
    """Polished tiles in two colours, veined (2.4 m)."""
    count = int(rng.choice([4, 6]))
    vertical, horizontal, block = _bond(size, count, count, 0.0)
    odd = ((block // count + block % count) % 2).astype(np.float32)
    light = _of([(0.86, 0.83, 0.77), (0.8, 0.78, 0.75), (0.88, 0.84, 0.74)], rng)
    dark = _of([(0.13, 0.13, 0.14), (0.32, 0.17, 0.13), (0.2, 0.24, 0.22), (0.55, 0.48, 0.4)], rng)
    warp = cloudy(rng, size, 4, 5)
    veins = smoothstep(0.1, 0.0, np.abs(warp + 0.5 * cloudy(rng, size, 6, 5, 0.6)))
    tone = rng.normal(0, 0.04, count * count).astype(np.float32)[block]
    colour = _shaded(mix(light, dark, odd), tone + 0.06 * warp + veins * (0.25 * odd - 0.14 * (1 - odd)))
    solid = smoothstep(0.0012, 0.0024, np.minimum(vertical, horizontal))
    worn = smoothstep(0.0, 1.6, cloudy(rng, size, 3, 6, 0.6))
    colour = mix((0.35, 0.33, 0.3), colour, solid)
    return surface(colour, solid, np.where(solid > 0.5, 0.3 + 0.4 * worn, 0.95).astype(np.float32), bumps=0.6)


def asphalt(rng: np.random.Generator, size: int) -> Surface:
    """A road with stones showing, patches, tar lines and cracks (4 m)."""
    fine = grain(rng, size)
    patches = smoothstep(0.25, 0.4, cloudy(rng, size, 2, 3))
    _, gap, _ = cellular(rng, size, 4)
    broken = smoothstep(0.2, 0.8, cloudy(rng, size, 3, 3))
    cracks = smoothstep(0.022, 0.006, gap + 0.03 * cloudy(rng, size, 16, 4)) * broken
    base = float(rng.uniform(0.27, 0.36))
    brightness = 0.2 * fine + 0.1 * cloudy(rng, size, 24, 5, 0.7) - 0.18 * patches + 0.07 * cloudy(rng, size, 2, 4)
    colour = _shaded((base, base, base * 1.02), brightness - 0.55 * cracks)
    return surface(colour, 0.35 * fine - 1.0 * cracks, 0.85 - 0.12 * patches, bumps=0.9)


def concrete(rng: np.random.Generator, size: int) -> Surface:
    """Cast in boards: joints, tie holes, rain streaks (2.4 m)."""
    vertical, horizontal, block = _bond(size, 2, 2, 0.0)
    joint = smoothstep(0.004, 0.0015, np.minimum(vertical, horizontal))
    hole = (np.hypot(vertical - 0.1, horizontal - 0.1) < 0.009).astype(np.float32)
    streaks = smoothstep(0.1, 1.4, cloudy(rng, size, (1, 12), 6, 0.6))
    pores = smoothstep(0.25, 0.12, cellular(rng, size, 48)[0]) * smoothstep(0.2, 0.8, cloudy(rng, size, 4, 3))
    tone = rng.normal(0, 0.04, 4).astype(np.float32)[block]
    base = _of([(0.6, 0.59, 0.56), (0.54, 0.53, 0.5), (0.66, 0.63, 0.58)], rng)
    brightness = tone + 0.08 * cloudy(rng, size, 4, 7, 0.62) - 0.16 * streaks - 0.3 * pores - 0.3 * joint - 0.55 * hole
    height = 0.15 * cloudy(rng, size, 16, 5) - 0.5 * pores - joint - 1.5 * hole
    return surface(_shaded(base, brightness), height, 0.8 + 0.1 * streaks, bumps=1.2)


def plaster(rng: np.random.Generator, size: int) -> Surface:
    """Painted render, stained from above, flaking in places (3 m)."""
    base = _of(
        [(0.82, 0.74, 0.6), (0.8, 0.62, 0.5), (0.72, 0.75, 0.72), (0.84, 0.8, 0.74), (0.62, 0.68, 0.74), (0.8, 0.68, 0.42)], rng
    )
    flaked = smoothstep(0.85, 0.95, cloudy(rng, size, 3, 7, 0.62) + 0.25 * cloudy(rng, size, 1, 2))
    stains = smoothstep(0.0, 1.6, cloudy(rng, size, (1, 10), 6, 0.6))
    face = _shaded(base, 0.05 * cloudy(rng, size, 6, 6, 0.7) + 0.035 * grain(rng, size) - 0.14 * stains)
    colour = mix(face, _shaded((0.56, 0.51, 0.45), 0.15 * cloudy(rng, size, 32, 4)), flaked)
    height = 0.3 * cloudy(rng, size, 48, 4, 0.7) - 0.8 * flaked
    return surface(colour, height, np.full_like(height, 0.9), bumps=0.9)


def planks(rng: np.random.Generator, size: int) -> Surface:
    """Boards with grain and knots, joints along u (1.2 m)."""
    vertical, _, _ = _bond(size, 8, 1, 0.0)
    row = (np.arange(size) * 8 // size)[:, None]
    along = np.broadcast_to(row, (size, size))
    shift = rng.integers(0, size, 8)
    rings = cloudy(rng, size, (24, 2), 5, 0.6)
    rings = np.take_along_axis(rings, (np.arange(size)[None] + shift[row]) % size, axis=1)
    lines = np.sin(14 * rings + rng.uniform(0, 6.3, 8).astype(np.float32)[along])
    tone = rng.normal(0, 0.12, 8).astype(np.float32)[along]
    base = _of([(0.55, 0.39, 0.25), (0.42, 0.28, 0.18), (0.63, 0.5, 0.36), (0.5, 0.46, 0.41), (0.36, 0.2, 0.13)], rng)
    gap = smoothstep(0.0012, 0.004, vertical)
    fibres = gradient_noise(rng, size, (size // 3, 12))
    colour = _shaded(base, tone + 0.09 * lines + 0.08 * fibres + 0.06 * cloudy(rng, size, 4, 5)) * gap[..., None]
    height = gap + 0.1 * lines + 0.12 * fibres
    return surface(colour, height, 0.6 + 0.15 * lines * 0.5 + 0.1 * fibres, bumps=1.0)


def bark(rng: np.random.Generator, size: int) -> Surface:
    """Ridges along v (0.8 m)."""
    ridges = np.abs(cloudy(rng, size, (3, 12), 5, 0.55))
    colour = _shaded(
        _of([(0.36, 0.29, 0.23), (0.45, 0.41, 0.36), (0.3, 0.24, 0.2)], rng), 0.9 * ridges - 0.4 + 0.1 * grain(rng, size)
    )
    moss = smoothstep(0.5, 1.3, cloudy(rng, size, 3, 5))
    return surface(mix(colour, (0.3, 0.34, 0.18), 0.5 * moss), ridges * 3, np.full_like(ridges, 0.95), bumps=2.5)


def meadow(rng: np.random.Generator, size: int) -> Surface:
    """Short grass with bare and dry places (4 m)."""
    blades = gradient_noise(rng, size, (size // 4, size // 3)) + 0.7 * gradient_noise(rng, size, (size // 8, size // 6))
    dry, bare = smoothstep(-0.2, 1.3, cloudy(rng, size, 3, 6, 0.6)), smoothstep(0.75, 1.3, cloudy(rng, size, 5, 6, 0.62))
    green = mix((0.36, 0.4, 0.18), (0.52, 0.49, 0.28), dry)
    colour = mix(_shaded(green, 0.32 * blades), _shaded((0.4, 0.31, 0.21), 0.2 * cloudy(rng, size, 40, 4, 0.7)), bare)
    return surface(colour, blades * (1 - 0.7 * bare), np.full_like(blades, 0.95), bumps=1.4)


def gravel(rng: np.random.Generator, size: int) -> Surface:
    """Small loose stones (1.2 m)."""
    nearest, gap, owner = cellular(rng, size, 32)
    tone, warm = rng.normal(0, 0.17, 1024).astype(np.float32), rng.random(1024).astype(np.float32)
    face = _shaded(mix((0.55, 0.53, 0.5), (0.6, 0.5, 0.38), warm[owner]), tone[owner] + 0.06 * grain(rng, size))
    colour = _shaded(mix((0.26, 0.23, 0.19), face, smoothstep(0.02, 0.2, gap)), 0.12 * cloudy(rng, size, 3, 5))
    return surface(colour, 1.4 - 1.6 * nearest, np.full_like(gap, 0.92), bumps=1.6)


def painted_metal(rng: np.random.Generator, size: int) -> Surface:
    """Paint with scratches and rust that has run down (2 m); white, so that the material's colour shows."""
    rust = smoothstep(0.75, 1.05, cloudy(rng, size, 4, 7, 0.62) + 0.3 * cloudy(rng, size, (1, 16), 4))
    runs = smoothstep(0.3, 1.5, cloudy(rng, size, (1, 20), 5, 0.6))
    scratches = smoothstep(0.07, 0.0, np.abs(gradient_noise(rng, size, (3, 40)))) * smoothstep(
        0.3, 0.8, cloudy(rng, size, 6, 3)
    )
    paint = _shaded((0.86, 0.86, 0.85), 0.05 * cloudy(rng, size, 3, 6, 0.6) - 0.12 * runs + 0.1 * scratches)
    colour = mix(paint, _shaded((0.4, 0.22, 0.12), 0.3 * cloudy(rng, size, 32, 5, 0.7)), rust)
    height = 0.5 * rust * cloudy(rng, size, 48, 4) - 0.2 * scratches + 0.1 * cloudy(rng, size, 5, 3)
    return surface(colour, height, (0.42 + 0.1 * runs) * (1 - rust) + 0.95 * rust, bumps=0.8)


def corrugated(rng: np.random.Generator, size: int) -> Surface:
    """Sheet metal with deep folds that run along v (2 m): containers, shutters."""
    plain = painted_metal(rng, size)
    x = (np.arange(size, dtype=np.float32) + 0.5) / size * 8
    fold = np.clip(np.abs(x % 1 - 0.5) * 5 - 0.75, 0, 1).astype(np.float32)
    height = np.broadcast_to(fold * 20, (size, size))
    shade = 0.72 + 0.28 * fold[None, :, None]
    return surface(plain.colour / np.float32(255) * shade, height, plain.roughness / np.float32(255), bumps=0.35)


def brushed(rng: np.random.Generator, size: int) -> Surface:
    """Bare metal drawn along u, with finger marks (1 m)."""
    lines = gradient_noise(rng, size, (size // 2, 4)) + 0.5 * gradient_noise(rng, size, (size // 4, 2))
    marks = smoothstep(-0.2, 1.2, cloudy(rng, size, 5, 5))
    return surface(_shaded((0.8, 0.79, 0.77), 0.05 * lines), 0.15 * lines, 0.35 + 0.15 * lines + 0.25 * marks, bumps=0.5)


def cloth(rng: np.random.Generator, size: int) -> Surface:
    """Woven stripes and checks (0.8 m)."""
    x = np.arange(size, dtype=np.float32) / size
    first = _of([(0.6, 0.14, 0.13), (0.14, 0.25, 0.45), (0.16, 0.36, 0.27), (0.72, 0.55, 0.2), (0.5, 0.2, 0.4)], rng)
    second = _of([(0.86, 0.82, 0.74), (0.2, 0.18, 0.17), (0.75, 0.68, 0.55)], rng)
    stripe = smoothstep(-0.1, 0.1, np.sin(2 * np.pi * x * int(rng.integers(3, 9))) - np.float32(rng.uniform(-0.5, 0.6)))
    amount = (stripe[None] + stripe[:, None]) / 2 if rng.random() < 0.5 else np.broadcast_to(stripe[None], (size, size))
    threads = np.sin(2 * np.pi * x * 64)
    weave = (np.maximum(threads[None], 0) * np.where(threads[:, None] > 0, 1, 0.6)).astype(np.float32)
    colour = _shaded(mix(first, second, amount), 0.25 * weave - 0.15 + 0.06 * cloudy(rng, size, 8, 4))
    return surface(colour, weave, np.full((size, size), 0.95, np.float32), bumps=1.0)


def roof(rng: np.random.Generator, size: int) -> Surface:
    """Clay tiles in courses (2 m)."""
    _, horizontal, block = _bond(size, 10, 12, 0.5)
    y = ((np.arange(size, dtype=np.float32) + 0.5) * 10 / size) % 1
    tone = rng.normal(0, 0.15, 120).astype(np.float32)[block]
    base = _of([(0.56, 0.28, 0.19), (0.48, 0.3, 0.23), (0.34, 0.34, 0.36)], rng)
    curve = np.sqrt(np.clip(horizontal * 24, 0, 1))
    lip = np.broadcast_to(smoothstep(0.0, 0.1, 1 - y)[:, None], (size, size))
    moss = smoothstep(0.6, 1.3, cloudy(rng, size, 4, 6, 0.6))
    colour = _shaded(base, tone + 0.1 * cloudy(rng, size, 32, 4) - 0.45 * (1 - lip) - 0.3 * (1 - curve))
    colour = mix(colour, (0.33, 0.36, 0.2), 0.5 * moss)
    height = curve * 2 + np.broadcast_to(y[:, None] * 4, (size, size)).astype(np.float32)
    return surface(colour, height, np.full((size, size), 0.85, np.float32), bumps=0.9)


def _of(colours: list[tuple[float, float, float]], rng: np.random.Generator) -> Plane:
    """One of some colours, not quite as given."""
    return np.asarray(np.array(colours[int(rng.integers(len(colours)))]) * rng.uniform(0.96, 1.04, 3), np.float32)
