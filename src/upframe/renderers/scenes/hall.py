"""A hall or cloister: columns and arches, a polished floor, images, statues, lamps that move; sun comes in from one side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from upframe.renderers.environment import mean_radiance
from upframe.renderers.scene import Camera, Material, Matrix, Mesh, PointLight, Scene, Sun, Transform, Vector
from upframe.renderers.scenes import drawn, textures
from upframe.renderers.scenes.geometry import (
    arch,
    box,
    ground,
    image,
    joined,
    lathe,
    railing,
    rock,
    sphere,
    stairs,
    torus,
    tube,
    with_texture_size,
)
from upframe.renderers.scenes.placement import place, still, sway, walk
from upframe.renderers.scenes.skies import room
from upframe.renderers.scenes.stage import Daylight, Stage, finished, shots_of
from upframe.renderers.scenes.things import person, tree

WIDTH, LENGTH, HEIGHT, BAY = 10.0, 36.0, 6.2, 3.6
BRASS = (0.72, 0.53, 0.24)


def hall(stage: Stage, seed: int) -> Scene:
    """The hall runs along y; its open arches are to the side of +x, where the sun stands."""
    rng = stage.rng
    light = _light(stage)
    stone = stage.covered(stage.one_of(textures.blocks, textures.plaster, textures.concrete, textures.brick))
    trim = stage.covered(textures.blocks, 2)
    _floor(stage)
    _walls(stage, stone, trim)
    _ceiling(stage, trim)
    _exhibits(stage)
    _lamps(stage)
    for _ in range(int(rng.integers(2, 5))):
        start = place(rng.uniform(-2.5, 2.5), rng.uniform(4, 14), 0.0, turn=float(rng.choice((0.5, -0.5, 0.0))) * np.pi)
        person(stage, start, rng.uniform(0.8, 1.5))
    mote = sphere(0.012, 6)
    dust = stage.plain((0.9, 0.85, 0.7), 0.9, emission=0.6)
    for _ in range(70):
        stage.add(mote, dust, _drifting(rng.uniform((-4, -1, 0.3), (4, 14, 3.5)), rng.uniform(0, 6, 3)))
    return finished(stage, "hall", seed, light, shots_of(stage, _cameras(stage)), extent=24.0)


def _light(stage: Stage) -> Daylight:
    rng = stage.rng
    sky = room(rng)
    elevation, azimuth = rng.uniform(0.35, 0.75), rng.uniform(-0.7, 0.7)
    direction = (
        float(np.cos(elevation) * np.cos(azimuth)),
        float(np.cos(elevation) * np.sin(azimuth)),
        float(np.sin(elevation)),
    )
    strength = float(rng.uniform(3.0, 8.0)) if rng.random() < 0.75 else 0.0
    dim = np.float32(rng.uniform(0.35, 0.9))
    sun = Sun(direction, (strength, strength * 0.9, strength * 0.74)) if strength else None
    return Daylight(np.asarray(sky * dim, np.float32), sun, 0.7 / (0.045 * strength + 1.2 * mean_radiance(sky) * float(dim)))


def _floor(stage: Stage) -> None:
    rng = stage.rng
    maker, metres = stage.one_of((textures.tiles, 2.4), (textures.tiles, 2.4), (textures.planks, 1.2), (textures.pavers, 2.0))
    gloss = float(rng.uniform(0.25, 0.6))
    stage.add(with_texture_size(ground(WIDTH, LENGTH), metres), stage.covered(maker, roughness=gloss), place(0, LENGTH / 2 - 8))
    if rng.random() < 0.7:
        runner = with_texture_size(box(1.8, 16, 0.015), 0.8)
        stage.add(runner, stage.covered(textures.cloth), place(rng.uniform(-1, 1), 7))
    stage.add(with_texture_size(ground(30, 60), 4.0), stage.covered(textures.meadow), place(WIDTH / 2 + 15.6, 8, -0.25))


def _walls(stage: Stage, stone: Material, trim: Material) -> None:
    """Closed with images to the left, arches to the right, a gate at the end, columns on both sides."""
    rng = stage.rng
    stage.add(with_texture_size(box(0.4, LENGTH, HEIGHT), 2.4), stone, place(-WIDTH / 2 - 0.2, LENGTH / 2 - 8))
    bays = int(LENGTH / BAY)
    opening = arch(BAY, 5.2, 0.5, 2.6)
    stage.add(
        with_texture_size(opening, 2.4),
        stone,
        *(place(WIDTH / 2 + 0.25, BAY * bay - 8 + BAY / 2, turn=-np.pi / 2) for bay in range(bays)),
    )
    stage.add(with_texture_size(box(0.5, LENGTH, HEIGHT - 5.2), 2.4), stone, place(WIDTH / 2 + 0.25, LENGTH / 2 - 8, 5.2))
    end = LENGTH - 8
    stage.add(with_texture_size(arch(WIDTH, HEIGHT, 0.6, 4.0), 2.4), stone, place(0, end))
    stage.add(with_texture_size(stairs(4.0, 6), 2.0), trim, place(0, end - 1.9))
    stage.add(with_texture_size(box(WIDTH, 0.4, HEIGHT), 2.4), stone, place(0, -8.2), place(0, end + 6, turn=np.pi))
    column = _column(rng)
    stage.add(column, trim, *(place(side * (WIDTH / 2 - 0.9), BAY * bay - 8) for side in (-1, 1) for bay in range(bays + 1)))
    skirting = with_texture_size(box(0.06, LENGTH, 0.3), 2.0)
    stage.add(skirting, trim, place(-WIDTH / 2 + 0.03, LENGTH / 2 - 8))
    for bay in range(1, bays, 2):
        barrier = railing(2.6, 1.0)
        stage.add(barrier, stage.plain(BRASS, 0.3, 1.0), place(WIDTH / 2, BAY * bay - 8 + BAY / 2 - 1.3, turn=np.pi / 2))
    for bay in range(bays - 2):
        _image(stage, place(-WIDTH / 2 + 0.06, BAY * (bay + 0.5) - 8, rng.uniform(1.3, 1.7), turn=np.pi / 2), bay)
    for y in (2.0, 9.0, 17.0):
        tree(stage, place(WIDTH / 2 + rng.uniform(3, 7), y, -0.2), rng.uniform(5, 8), int(rng.integers(2)))


def _column(rng: np.random.Generator) -> Mesh:
    """Base, shaft and capital."""
    r, top = float(rng.uniform(0.24, 0.34)), HEIGHT - 0.4
    profile = [
        (1.5, 0),
        (1.5, 0.18),
        (1.3, 0.22),
        (1.35, 0.3),
        (1.05, 0.4),
        (1.0, 0.5),
        (0.88, top - 0.6),
        (1.0, top - 0.5),
        (1.0, top - 0.42),
        (1.45, top - 0.12),
        (1.45, top),
    ]
    return with_texture_size(joined([(lathe([(r * width, z) for width, z in profile], 18), np.eye(4))]), 2.4)


def _ceiling(stage: Stage, trim: Material) -> None:
    """Beams over the columns, boards between them, skylights left open."""
    beam = with_texture_size(box(WIDTH, 0.4, 0.4), 2.0)
    stage.add(beam, trim, *(place(0, BAY * bay - 8, HEIGHT - 0.4) for bay in range(int(LENGTH / BAY) + 1)))
    wood = stage.covered(textures.planks, 2)
    for side in (-1, 1):
        stage.add(
            with_texture_size(box(WIDTH * 0.37, LENGTH, 0.1), 1.2), wood, place(side * WIDTH * 0.315, LENGTH / 2 - 8, HEIGHT)
        )
    for x in (-1.2, 1.2):
        stage.add(with_texture_size(box(0.25, LENGTH, 0.3), 1.2), wood, place(x, LENGTH / 2 - 8, HEIGHT - 0.35))


def _image(stage: Stage, at: Matrix, number: int) -> None:
    """In a gilded frame."""
    width, height = stage.rng.uniform(1.0, 2.0), stage.rng.uniform(0.9, 1.7)
    stage.add(image(width, height), stage.image(number, drawn.painting if number % 3 else drawn.poster), at @ place(0, -0.05))
    gilt = stage.plain(BRASS, 0.35, 1.0)
    bars = [(box(width + 0.2, 0.08, 0.1), place(0, -0.05, z)) for z in (-0.1, height)]
    bars += [(box(0.1, 0.08, height + 0.02), place(x, -0.05, -0.01)) for x in (-width / 2 - 0.05, width / 2 + 0.05)]
    stage.add(joined(bars), gilt, at)


def _exhibits(stage: Stage) -> None:
    """Plinths with something on them: some of it turns."""
    rng = stage.rng
    marble = stage.plain((0.62, 0.6, 0.57), 0.35)
    plinth = with_texture_size(
        joined(
            (
                (box(0.8, 0.8, 0.9), place(0, 0, 0.05)),
                (box(0.95, 0.95, 0.12), np.eye(4)),
                (box(0.92, 0.92, 0.08), place(0, 0, 0.92)),
            )
        ),
        2.0,
    )
    metals = (
        stage.plain(BRASS, 0.18, 1.0),
        stage.plain((0.7, 0.7, 0.72), 0.12, 1.0),
        stage.plain((0.36, 0.2, 0.12), 0.38, 1.0),
    )
    for number, y in enumerate(np.arange(0.5, 18, 3.6)):
        x = (-1) ** number * rng.uniform(2.1, 2.9)
        stage.add(plinth, marble, place(x, y))
        material = stage.one_of(*metals, marble, stage.plain((0.05, 0.2, 0.16), 0.2), stage.covered(textures.rubble))
        for mesh, local in _sculpture(rng):
            stage.add(
                mesh,
                material,
                _turning(place(x, y, 1.0), local, rng.uniform(0.2, 0.8)) if number % 2 else place(x, y, 1.0) @ local,
            )
    post = lathe([(0.0, 0.0), (0.16, 0.0), (0.15, 0.03), (0.03, 0.06), (0.025, 0.9), (0.05, 0.95), (0.0, 1.0)], 14)
    brass = metals[0]
    for side in (-1, 1):
        stage.add(post, brass, *(place(side * 1.6, y) for y in np.arange(1, 14, 2.0)))
        for y in np.arange(1, 12, 2.0):
            rope = tube([(side * 1.6, y + 2 * t, 0.88 - 1.0 * t * (1 - t)) for t in np.linspace(0, 1, 9)], 0.02)
            stage.add(rope, stage.plain((0.4, 0.03, 0.05), 0.8), np.eye(4))


def _sculpture(rng: np.random.Generator) -> list[tuple[Mesh, Matrix]]:
    kind = int(rng.integers(4))
    if kind == 0:
        return [(torus(0.42, 0.13), place(0, 0, 0.55, roll=1.4)), (torus(0.26, 0.09), place(0, 0, 0.55, tilt=1.0))]
    if kind == 1:
        return [(with_texture_size(rock(rng, 0.45, 0.5, 24), 1.2), place(0, 0, 0.42, scale=(0.8, 0.8, 1.2)))]
    if kind == 2:
        vase = [
            (0.0, 0.0),
            (0.2, 0.0),
            (0.14, 0.08),
            (0.33, 0.4),
            (0.3, 0.65),
            (0.12, 0.8),
            (0.11, 0.95),
            (0.2, 1.05),
            (0.17, 1.05),
            (0.0, 0.7),
        ]
        return [(with_texture_size(lathe(vase, 24, smooth=True), 1.0), np.eye(4))]
    return [
        (sphere(0.34, 24), place(0, 0, 0.34)),
        (sphere(0.2, 20), place(0, 0, 0.86)),
        (box(0.5, 0.5, 0.05), place(0, 0, 1.05, turn=0.5)),
    ]


def _turning(at: Matrix, local: Matrix, rate: float) -> Transform:
    return lambda time: at @ place(turn=rate * time) @ local


def _lamps(stage: Stage) -> None:
    """Ring lamps that hang on wires and swing, and two lights that fly about."""
    rng = stage.rng
    warm = (1.0, 0.76, 0.45)
    brass, glow = stage.plain(BRASS, 0.25, 1.0), stage.plain(warm, 0.4, emission=7.0)
    bulbs = [(sphere(0.06, 10), place(0.6 * np.cos(a), 0.6 * np.sin(a), 0.07)) for a in np.linspace(0, 2 * np.pi, 9)[:-1]]
    for number, y in enumerate((3.0, 10.2, 17.4)):
        hung = sway(place(0, y, HEIGHT - 0.4), angle=0.05, rate=1.4, phase=float(number))
        frame = joined(
            (
                (torus(0.6, 0.03), place(0, 0, -2.0)),
                *((tube([(0, 0, 0), (0.6 * np.cos(a), 0.6 * np.sin(a), -2.0)], 0.008, 4), np.eye(4)) for a in (0, 2.1, 4.2)),
            )
        )
        stage.add(frame, brass, hung)
        stage.add(joined((mesh, place(0, 0, -2.0) @ where) for mesh, where in bulbs), glow, hung)
        stage.lights.append(PointLight(still((0.0, y, HEIGHT - 2.5)), (4.5, 3.3, 2.0), 10.0))
    for _ in range(2):
        colour = rng.uniform(0.3, 1.0, 3) ** 2
        red, green, blue = (float(v) for v in colour / colour.max())
        flight = _flying(rng.uniform((-2, 3, 1.2), (2, 9, 2.4)), rng.uniform(0, 6, 3))
        stage.lights.append(PointLight(_place_of(flight), (5 * red, 5 * green, 5 * blue), 6.5))
        stage.add(sphere(0.09, 12), stage.plain((red, green, blue), 0.4, emission=12.0), flight)


def _flying(middle: Vector, phases: Vector) -> Transform:
    def transform(time: float) -> Matrix:
        a, b, c = np.sin(np.array([1.1, 0.8, 1.7]) * time * 1.5 + phases)
        return place(middle[0] + 2.0 * a, middle[1] + 2.5 * b, middle[2] + 0.5 * c)

    return transform


def _place_of(path: Transform) -> Callable[[float], tuple[float, float, float]]:
    def position(time: float) -> tuple[float, float, float]:
        x, y, z = path(time)[:3, 3]
        return float(x), float(y), float(z)

    return position


def _drifting(start: Vector, phases: Vector) -> Transform:
    def transform(time: float) -> Matrix:
        a, b, c = 0.15 * np.sin(0.9 * time + phases)
        return place(start[0] + a, start[1] + b, start[2] + c + 0.05 * time)

    return transform


def _cameras(stage: Stage) -> list[Camera]:
    """Down the middle, past the columns, or low over the floor."""
    rng = stage.rng
    seconds, pace = stage.seconds, float(rng.uniform(0.9, 2.0))
    far = pace * seconds
    middle = walk(
        [(0.6, -4, 1.65), (0.1, -4 + far, 1.65)], [(rng.uniform(-2, 1), 5, 1.5), (rng.uniform(-1, 2), 9 + far, 1.7)], seconds
    )
    x = -3.0  # between the columns and what is shown
    past = walk([(x, -2, 1.7), (x + 0.3, -2 + far, 1.7)], [(WIDTH / 2, 7, 1.6), (WIDTH / 2 - 1, 9 + far, 1.8)], seconds)
    low = walk([(0.9, -2, 0.55), (0.5, -2 + 0.7 * far, 0.7)], [(-2.5, 7, 1.2), (-1.0, 12, 1.5)], seconds)
    cameras = [Camera(middle, 0.95), Camera(past, 0.95), Camera(low, 0.9)]
    return [cameras[index] for index in rng.permutation(3)]
