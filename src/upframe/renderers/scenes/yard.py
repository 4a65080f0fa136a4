"""A yard behind a warehouse: containers, pipes, scaffolding, wire fences, crates; a crane's load, a welder's sparks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from upframe.renderers.scene import Camera, Material, Matrix, PointLight, Scene, Transform
from upframe.renderers.scenes import drawn, textures
from upframe.renderers.scenes.geometry import (
    box,
    cylinder,
    ground,
    image,
    joined,
    lathe,
    torus,
    tube,
    wire,
    with_texture_size,
)
from upframe.renderers.scenes.placement import place, still, sway, walk
from upframe.renderers.scenes.stage import Stage, daylight, finished, shots_of
from upframe.renderers.scenes.things import (
    DARK_METAL,
    barrel,
    bush,
    car,
    crate,
    driving,
    fence,
    lamp_post,
    person,
    sparks,
    wire_fence,
)

PAINTS = ((0.5, 0.1, 0.06), (0.07, 0.2, 0.38), (0.12, 0.3, 0.2), (0.6, 0.4, 0.06), (0.42, 0.42, 0.42), (0.4, 0.22, 0.12))


def yard(stage: Stage, seed: int) -> Scene:
    """The open ground is about x = 0; the camera comes from -y."""
    rng = stage.rng
    light = daylight(stage, night=0.25)
    _ground(stage)
    _containers(stage)
    _warehouse(stage, dark=light.dark)
    _scaffold(stage, place(rng.uniform(2.5, 4.0), rng.uniform(6, 9)))
    _pipes(stage)
    _goods(stage)
    _crane(stage, place(rng.uniform(-2, 1), rng.uniform(8, 11)))
    for piece in range(5):
        wire_fence(stage, place(-7.2, -5 + 4.6 * piece, turn=np.pi / 2), 4.6)
    fence(stage, place(-3.2, 2.4), 3.4)
    source = (float(rng.uniform(-2.5, 2.5)), float(rng.uniform(5, 9)), 0.9)
    sparks(stage, source, 60)
    stage.lights.append(PointLight(_flicker(source), (7.0, 5.5, 4.5), 7.0))
    vehicle = driving(place(-14, rng.uniform(11, 14), turn=0.0), rng.uniform(4, 8))
    car(stage, vehicle, PAINTS[int(rng.integers(len(PAINTS)))], lights_on=light.dark)
    for _ in range(int(rng.integers(2, 4))):
        person(stage, place(rng.uniform(-4, 3), rng.uniform(4, 10), turn=rng.uniform(0, 6)), rng.uniform(0.9, 1.5))
    for y in (1.0, 9.0):
        lamp_post(stage, place(-6.4, y), on=light.dark, height=5.5)
        if light.dark:
            stage.lights.append(PointLight(still((-5.2, y, 5.4)), (11.0, 9.0, 6.5), 15.0))
    return finished(stage, "yard", seed, light, shots_of(stage, _cameras(stage)), extent=24.0)


def _flicker(spot: tuple[float, float, float]) -> Callable[[float], tuple[float, float, float]]:
    """A welder's arc jumps about a little."""
    return lambda time: (spot[0] + 0.1 * float(np.sin(31 * time)), spot[1], spot[2] + 0.15 + 0.05 * float(np.sin(47 * time)))


def _ground(stage: Stage) -> None:
    rng = stage.rng
    maker = stage.one_of(textures.concrete, textures.asphalt, textures.gravel)
    stage.add(
        with_texture_size(ground(60, 60), 2.4 if maker is textures.concrete else 4.0), stage.covered(maker, 5), place(0, 12)
    )
    wet = stage.covered(drawn.water, 1, roughness=0.8, colour=(0.6, 0.55, 0.5))
    for _ in range(6):
        puddle = with_texture_size(lathe(((rng.uniform(0.5, 1.4), 0.0), (0.0, 0.004)), 22), 1.5)
        stage.add(
            puddle, wet, place(rng.uniform(-5, 4), rng.uniform(-2, 10), 0.006, scale=(1.0, float(rng.uniform(0.4, 0.9)), 1.0))
        )
    for _ in range(10):
        bush(stage, place(rng.choice((-7.6, -6.9)), rng.uniform(-4, 16)), rng.uniform(0.4, 0.9))


def _containers(stage: Stage) -> None:
    rng = stage.rng
    for column, y in enumerate(np.arange(-3, 18, 6.6)):
        for level in range(int(rng.integers(1, 4))):
            if level and rng.random() < 0.3:
                break
            _container(
                stage,
                place(6.0 + rng.uniform(-0.3, 0.3), y, 2.6 * level, turn=np.pi / 2 + rng.normal(0, 0.02)),
                column * 2 + level,
            )
    for x in (-3.6, -0.8):
        _container(stage, place(x - 1, 18 + rng.uniform(0, 2), turn=rng.uniform(-0.1, 0.1)), int(rng.integers(6)))


def _container(stage: Stage, at: Matrix, number: int) -> None:
    """Six metres of folded steel, corner posts, doors with rods, a name on the side."""
    paint = PAINTS[number % len(PAINTS)]
    steel = stage.covered(textures.corrugated, number % 2, colour=paint)
    frame = stage.covered(textures.painted_metal, 3, colour=paint)
    stage.add(with_texture_size(box(5.9, 2.34, 2.4), 2.0), steel, at @ place(0, 0, 0.1))
    beams = [(box(6.06, 0.12, 0.16), place(0, y, z)) for y in (-1.18, 1.18) for z in (0.0, 2.43)]
    beams += [(box(0.12, 2.4, 0.16), place(x, 0, z)) for x in (-2.98, 2.98) for z in (0.0, 2.43)]
    beams += [(box(0.16, 0.16, 2.59), place(x, y)) for x in (-2.95, 2.95) for y in (-1.14, 1.14)]
    stage.add(with_texture_size(joined(beams), 2.0), frame, at)
    rods = joined((cylinder(0.025, 2.3, 6), place(-3.02, y, 0.12)) for y in (-0.8, -0.35, 0.35, 0.8))
    stage.add(rods, stage.plain((0.5, 0.5, 0.5), 0.4, 1.0), at)
    name = stage.covered(drawn.sign, 10 + number % 3, aspect=4.0)
    stage.add(image(2.6, 0.6), name, at @ place(0.6, -1.22, 1.5), at @ place(-0.6, 1.22, 1.5, turn=np.pi))


def _warehouse(stage: Stage, *, dark: bool) -> None:
    """A long wall across the end of the yard: shutters, windows high up, a stair with railings, a roof of sheet metal."""
    rng = stage.rng
    wall = stage.covered(stage.one_of(textures.brick, textures.concrete, textures.plaster), 4)
    y = 24.0
    stage.add(with_texture_size(box(34, 0.5, 8), 2.4), wall, place(0, y))
    stage.add(with_texture_size(box(34.6, 1.4, 0.3), 2.0), stage.covered(textures.corrugated, 1), place(0, y, 8))
    for number, x in enumerate(np.arange(-14, 15, 5.6)):
        shutter = stage.covered(textures.corrugated, number % 2, colour=PAINTS[number % len(PAINTS)])
        stage.add(with_texture_size(box(3.4, 0.2, 3.4), 2.0), shutter, place(x, y - 0.22))
        pane = stage.covered(drawn.window, number % 3, lit=dark, emission=0.15 if dark else 0.0)
        stage.add(image(1.6, 1.3), pane, place(x - 1.4, y - 0.28, 5.2), place(x + 1.4, y - 0.28, 5.2))
        stage.add(image(1.5, 0.7), stage.covered(drawn.sign, 20 + number % 2, aspect=2.0), place(x, y - 0.3, 3.7))
    stage.add(
        image(6.0, 1.3),
        stage.covered(drawn.sign, 23, aspect=4.0, glowing=dark, emission=0.5 if dark else 0.0),
        place(rng.uniform(-5, 5), y - 0.3, 6.7),
    )
    wall_left = stage.covered(textures.concrete, 6)
    stage.add(with_texture_size(box(0.3, 46, 3.0), 2.4), wall_left, place(-12, 4))


def _scaffold(stage: Stage, at: Matrix) -> None:
    """Tubes, boards, diagonals, a net of railings."""
    steel, wood = stage.plain((0.55, 0.55, 0.55), 0.4, 1.0), stage.covered(textures.planks, 1)
    parts = []
    for x in (0.0, 2.2, 4.4):
        parts += [(cylinder(0.03, 6.4, 7), place(x, y)) for y in (0.0, 1.1)]
        parts += [(tube([(x, 0, z), (x, 1.1, z)], 0.025), np.eye(4)) for z in (2.0, 4.0, 6.0)]
    for z in (2.0, 2.9, 4.0, 4.9, 6.0):
        parts += [(tube([(0, y, z), (4.4, y, z)], 0.025), np.eye(4)) for y in (0.0, 1.1)]
    for z in (0.1, 2.0, 4.0):
        parts.append((tube([(0, -0.03, z), (2.2, -0.03, z + 1.9)], 0.022), np.eye(4)))
        parts.append((tube([(4.4, -0.03, z), (2.2, -0.03, z + 1.9)], 0.022), np.eye(4)))
    stage.add(joined(parts), steel, at)
    board = with_texture_size(box(4.6, 0.26, 0.05), 1.2)
    stage.add(board, wood, *(at @ place(2.2, 0.15 + 0.28 * row, z) for z in (2.03, 4.03) for row in range(4)))
    ladder = [(tube([(x, 0, 0), (x, 0.7, 4.2)], 0.02), np.eye(4)) for x in (0.0, 0.42)]
    ladder += [
        (tube([(0, 0.7 * t, 4.2 * t), (0.42, 0.7 * t, 4.2 * t)], 0.014, 5), np.eye(4)) for t in np.linspace(0.05, 0.98, 14)
    ]
    stage.add(joined(ladder), stage.plain((0.6, 0.45, 0.1), 0.5), at @ place(0.4, -0.8))


def _pipes(stage: Stage) -> None:
    """Along the left, with flanges and a valve."""
    rng = stage.rng
    for row, radius in enumerate((0.24, 0.13, 0.08)):
        x, z = -6.1 + 0.5 * row, 0.55 + 0.5 * row
        bend = [
            (x, -6, z),
            (x, 2, z),
            (x, 9, z),
            (x, 13, z),
            (x + 0.2, 13.6, z + 0.1),
            (x + 0.8, 14, z + 0.9),
            (x + 1.0, 14.2, z + 4.5),
        ]
        paint = stage.covered(textures.painted_metal, row, colour=PAINTS[int(rng.integers(len(PAINTS)))])
        stage.add(with_texture_size(tube(bend, radius, 12), 2.0), paint, np.eye(4))
        flange = cylinder(radius * 1.4, 0.09, 14)
        stage.add(flange, paint, *(place(x, y, z, roll=-np.pi / 2) for y in np.arange(-4, 13, 3.1)))
    stage.add(torus(0.22, 0.025), stage.plain((0.6, 0.05, 0.04), 0.4), place(-6.1, 3.2, 1.1, roll=0.4))
    frame = joined(
        ((box(0.08, 0.08, 1.9), place(-6.6)), (box(0.08, 0.08, 1.9), place(-4.6)), (box(2.1, 0.08, 0.08), place(-5.6, 0, 1.86)))
    )
    stage.add(frame, stage.plain(DARK_METAL, 0.6, 1.0), *(place(0, y) for y in np.arange(-5, 14, 3.0)))


def _goods(stage: Stage) -> None:
    """Stacks of crates, barrels, a pallet, cones, cable drums."""
    rng = stage.rng
    for _ in range(3):
        x, y = rng.uniform(-4, 3), rng.uniform(2.5, 12)
        for level in range(int(rng.integers(1, 4))):
            for column in range(3 - level):
                size = 0.8
                crate(
                    stage,
                    place(x + 0.84 * column + 0.42 * level, y + rng.normal(0, 0.04), size * level, turn=rng.normal(0, 0.08)),
                    size,
                )
    for _ in range(9):
        barrel(stage, place(rng.uniform(-5, 4), rng.uniform(1.5, 13), turn=rng.uniform(0, 6)))
    cone = lathe(((0.2, 0.0), (0.2, 0.03), (0.14, 0.04), (0.03, 0.55), (0.0, 0.56)), 16)
    stage.add(cone, stage.plain((0.8, 0.2, 0.03), 0.6), *(place(rng.uniform(-4, 4), rng.uniform(0, 9)) for _ in range(7)))
    drum = joined(
        (
            (cylinder(0.7, 0.1, 20), np.eye(4)),
            (cylinder(0.35, 0.8, 16), place(0, 0, 0.1)),
            (cylinder(0.7, 0.1, 20), place(0, 0, 0.9)),
        )
    )
    wood: Material = stage.covered(textures.planks, 2)
    stage.add(
        with_texture_size(drum, 1.0),
        wood,
        place(rng.uniform(-3, 3), rng.uniform(10, 14)),
        place(3.4, 1.0, 0.7, roll=np.pi / 2, turn=0.4),
    )


def _crane(stage: Stage, at: Matrix) -> None:
    """A gantry, and a load that swings on four wires."""
    yellow = stage.covered(textures.painted_metal, 2, colour=(0.75, 0.5, 0.04))
    gantry = [(box(0.35, 0.35, 6.8), place(x)) for x in (-4.0, 4.5)] + [
        (box(9.2, 0.5, 0.6), place(0.25, 0, 6.8)),
        (box(0.8, 0.9, 0.4), place(0, 0, 6.4)),
    ]
    stage.add(with_texture_size(joined(gantry), 2.0), yellow, at)
    hung = _swinging(at @ place(0, 0, 6.4), stage.rng.uniform(0.1, 0.2))
    ropes = joined(
        (wire((0.1 * np.sign(x), 0.1 * np.sign(y), 0), (x, y, -3.6), 0.0), np.eye(4)) for x in (-0.9, 0.9) for y in (-0.5, 0.5)
    )
    stage.add(ropes, stage.plain(DARK_METAL, 0.6, 1.0), hung)
    load = with_texture_size(box(2.0, 1.2, 1.1), 1.2)
    stage.add(load, stage.covered(textures.planks), _below(hung, place(0, 0, -4.7)))
    poster = stage.image(2)
    stage.add(image(0.9, 0.9), poster, _below(hung, place(0, -0.61, -4.6)))
    stage.add(torus(0.16, 0.04), stage.plain(DARK_METAL, 0.4, 1.0), _below(hung, place(0, 0, -0.3, roll=1.57)))


def _swinging(rest: Matrix, angle: float) -> Transform:
    return sway(rest, angle=angle, rate=1.5, phase=0.5)


def _below(where: Transform, local: Matrix) -> Transform:
    return lambda time: where(time) @ local


def _cameras(stage: Stage) -> list[Camera]:
    """Walking in, circling what hangs from the crane, or along the fence."""
    rng = stage.rng
    seconds, pace = stage.seconds, float(rng.uniform(0.9, 2.0))
    far = pace * seconds
    walking = walk(
        [(0.5, -6, 1.7), (-0.5, -6 + far, 1.7)], [(rng.uniform(-2, 2), 6, 1.6), (rng.uniform(-3, 3), 9 + far, 2.0)], seconds
    )
    circling = walk([(-4, -1, 2.4), (-1.5, -2, 2.2), (1.5, -2, 1.8)], [(0, 8, 2.0), (0.5, 9, 2.0)], 2 * seconds)
    along = walk([(-8.4, -3, 1.7), (-8.3, -3 + far, 1.7)], [(0, 7, 1.4), (0, 9 + far, 1.4)], seconds)
    cameras = [Camera(walking, 0.95), Camera(circling, 0.9), Camera(along, 0.9)]
    return [cameras[index] for index in rng.permutation(3)]
