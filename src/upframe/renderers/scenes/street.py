"""A street between houses, by day or at night: shops, cars, trees, lamps, wires, people."""

from __future__ import annotations

import numpy as np

from upframe.renderers.scene import Camera, PointLight, Scene
from upframe.renderers.scenes import drawn, textures
from upframe.renderers.scenes.buildings import house
from upframe.renderers.scenes.geometry import box, cards, cylinder, ground, image, joined, lathe, wire, with_texture_size
from upframe.renderers.scenes.placement import place, still, walk
from upframe.renderers.scenes.stage import Stage, daylight, finished, shots_of
from upframe.renderers.scenes.things import bench, car, driving, falling, lamp_post, person, tree

LENGTH = 90.0
PAINTS = (
    (0.5, 0.03, 0.03),
    (0.04, 0.1, 0.3),
    (0.75, 0.75, 0.76),
    (0.03, 0.03, 0.035),
    (0.6, 0.55, 0.45),
    (0.05, 0.22, 0.14),
    (0.7, 0.45, 0.03),
)


def street(stage: Stage, seed: int) -> Scene:
    """The road runs along y, the camera along the road."""
    rng = stage.rng
    light = daylight(stage, night=0.4)
    half = float(rng.uniform(3.4, 4.6))  # of the road
    edge = half + float(rng.uniform(2.2, 3.4))  # where the houses begin
    _road(stage, half, edge, wet=light.dark or rng.random() < 0.25)
    for side in (-1, 1):
        _row_of_houses(stage, side, edge, dark=light.dark)
        _pavement(stage, side, half, edge, dark=light.dark)
    _traffic(stage, half, dark=light.dark)
    _overhead(stage, edge)
    if light.dark:
        _street_lights(stage, half)
    for _ in range(int(rng.integers(6, 11))):
        side = int(rng.choice((-1, 1)))
        start = place(
            side * rng.uniform(half + 0.5, edge - 0.5), rng.uniform(4, 30), 0.16, turn=float(rng.choice((0.5, -0.5))) * np.pi
        )
        person(stage, start, rng.uniform(1.0, 1.7))
    crossing = place(-half - 1, rng.uniform(6, 11), 0.1)
    person(stage, crossing, rng.uniform(1.4, 2.2))
    leaf = cards(rng, np.zeros((1, 3)), 0.16, np.array([[0, 0, 1.0]]))
    falling(stage, leaf, stage.covered(drawn.leaves, 1, two_sided=True), 50, (0.0, 10.0, 3.0), 8.0)
    return finished(stage, "street", seed, light, shots_of(stage, _cameras(stage, half, edge)), extent=34.0)


def _road(stage: Stage, half: float, edge: float, *, wet: bool) -> None:
    rng = stage.rng
    surface = stage.one_of(textures.asphalt, textures.asphalt, textures.cobbles)
    road = stage.covered(surface, roughness=0.35 if wet else 1.0, colour=(0.7, 0.7, 0.72) if wet else (1.0, 1.0, 1.0))
    stage.add(
        with_texture_size(ground(2 * half, LENGTH), 4.0 if surface is textures.asphalt else 1.4),
        road,
        place(0, LENGTH / 2 - 12),
    )
    paving = stage.covered(textures.pavers, roughness=0.6 if wet else 1.0)
    slab, kerb = with_texture_size(box(edge - half, LENGTH, 0.15), 2.0), with_texture_size(box(0.18, LENGTH, 0.17), 2.0)
    for side in (-1, 1):
        stage.add(slab, paving, place(side * (half + edge) / 2, LENGTH / 2 - 12))
        stage.add(kerb, stage.covered(textures.blocks, 1), place(side * half, LENGTH / 2 - 12))
    paint = stage.covered(textures.plaster, 9, colour=(0.95, 0.95, 0.92))
    dash = with_texture_size(box(0.14, 2.0, 0.012), 2.0)
    stage.add(dash, paint, *(place(0, y) for y in range(-8, 70, 5)))
    stripe = with_texture_size(box(0.45, 2.8, 0.012), 2.0)
    y = float(rng.uniform(7, 14))
    stage.add(stripe, paint, *(place(x, y) for x in np.arange(-half + 0.6, half - 0.4, 0.95)))
    stage.add(
        cylinder(0.33, 0.015, 20),
        stage.covered(textures.brushed, metallic=1.0, colour=(0.3, 0.3, 0.3)),
        *(place(rng.uniform(-2, 2), v) for v in (3, 17, 29)),
    )


def _row_of_houses(stage: Stage, side: int, edge: float, *, dark: bool) -> None:
    rng = stage.rng
    y = -14.0
    while y < 60:
        width = float(rng.uniform(7, 12))
        house(stage, place(side * edge, y + width / 2, turn=-side * np.pi / 2), width, int(rng.integers(2, 6)), dark=dark)
        y += width + (float(rng.uniform(2, 4)) if rng.random() < 0.15 else 0.0)


def _pavement(stage: Stage, side: int, half: float, edge: float, *, dark: bool) -> None:
    """Trees or lamps by turns, and between them what stands on a pavement."""
    rng = stage.rng
    x = side * (half + 0.55)
    kind = int(rng.integers(3))
    for number, y in enumerate(np.arange(-6, 48, float(rng.uniform(5, 7)))):
        if number % 2:
            lamp_post(stage, place(x, y, 0.15, turn=0 if side < 0 else np.pi), on=dark)
        elif rng.random() < 0.7:
            tree(stage, place(x, y, 0.1), rng.uniform(4.5, 7.0), kind)
        if rng.random() < 0.5:
            bench(stage, place(side * (edge - 0.7), y + 1.5, 0.15, turn=-side * np.pi / 2))
    bollard = lathe(((0.09, 0), (0.09, 0.1), (0.06, 0.15), (0.06, 0.75), (0.075, 0.78), (0.05, 0.86), (0.0, 0.88)), 10)
    stage.add(
        bollard,
        stage.plain((0.05, 0.06, 0.06), 0.4, 1.0),
        *(place(side * (half + 0.28), y, 0.15) for y in np.arange(-4, 30, 2.1)),
    )
    column = joined(((cylinder(0.55, 2.6, 20), np.eye(4)), (lathe(((0.68, 2.6), (0.6, 2.8), (0.0, 3.1)), 20), np.eye(4))))
    stage.add(column, stage.covered(textures.painted_metal, colour=(0.1, 0.22, 0.16)), place(x, 12.5, 0.15))
    for number, angle in enumerate((0.0, 1.6, 3.1, 4.7)):
        poster = stage.image(number)
        stage.add(image(0.75, 1.3), poster, place(x, 12.5, 0.7, turn=angle) @ place(0, -0.57))


def _traffic(stage: Stage, half: float, *, dark: bool) -> None:
    rng = stage.rng
    for side in (-1, 1):
        for y in np.arange(-2, 44, 5.4):
            if rng.random() < 0.5:
                parked = place(side * (half - 1.05), y + rng.uniform(-0.3, 0.3), turn=-side * np.pi / 2)
                car(stage, parked, PAINTS[int(rng.integers(len(PAINTS)))])
    for side, start in ((1, rng.uniform(-6, 4)), (-1, rng.uniform(14, 26))):
        moving = driving(place(side * 1.25, start, turn=side * np.pi / 2), rng.uniform(5, 10))
        car(stage, moving, PAINTS[int(rng.integers(len(PAINTS)))], lights_on=dark)


def _overhead(stage: Stage, edge: float) -> None:
    """Wires across and along the street, with lamps or flags on some."""
    rng = stage.rng
    black = stage.plain((0.02, 0.02, 0.02), 0.6)
    for y in np.arange(4, 44, float(rng.uniform(5, 9))):
        stage.add(
            wire((-edge, y, rng.uniform(5.5, 7)), (edge, y + rng.uniform(-3, 3), rng.uniform(5.5, 7)), 0.35), black, np.eye(4)
        )
    for x in (-0.4, 0.4):
        stage.add(wire((x, -12, 5.9), (x, 30, 5.9), 0.3), black, np.eye(4))
        stage.add(wire((x, 30, 5.9), (x, 70, 5.9), 0.3), black, np.eye(4))


def _street_lights(stage: Stage, half: float) -> None:
    """Light below the first lamps and from signs; the car that comes has lamps of its own."""
    rng = stage.rng
    for number in range(6):
        side = -1 if number % 2 else 1
        x, y, z = side * (half - 0.8), 2.5 + 5.5 * number, 5.0
        stage.lights.append(PointLight(still((x, y, z)), (9.0, 6.0, 3.0), 13.0))
    red, green, blue = (float(value) for value in rng.permutation([2.4, 0.5, 1.6]))
    stage.lights.append(PointLight(still((-half - 1.5, float(rng.uniform(6, 14)), 2.8)), (red, green, blue), 7.0))


def _cameras(stage: Stage, half: float, edge: float) -> list[Camera]:
    """Walking on the pavement, driving down the road, or turning at a corner."""
    rng = stage.rng
    seconds, pace = stage.seconds, float(rng.uniform(1.0, 2.2))
    side = int(rng.choice((-1, 1)))
    x = side * rng.uniform(half + 0.6, edge - 0.8)
    far = pace * seconds
    walking = walk(
        [(x, -1, 1.7), (x * 0.98, -1 + far / 2, 1.7), (x, -1 + far, 1.7)],
        [(-x * 0.6, 12, 2.0), (x * 0.2, 15 + far, 2.4)],
        seconds,
    )
    drive = float(rng.uniform(4, 8)) * seconds
    driven = walk(
        [(side * 1.3, -4, 1.3), (side * 1.3, -4 + drive, 1.3)],
        [(0, 14, 2.2), (side * 3, 16 + drive, 2.0)],
        seconds,
        unrest=0.004,
    )
    turning = walk(
        [(side * (half - 0.5), 1, 2.2), (side * (half - 0.9), 2, 1.6)], [(-edge, 5, 2.0), (-edge * 0.3, 14, 2.5)], seconds
    )
    cameras = [Camera(walking, 0.95), Camera(driven, 0.9), Camera(turning, 0.85)]
    return [cameras[index] for index in rng.permutation(3)]
