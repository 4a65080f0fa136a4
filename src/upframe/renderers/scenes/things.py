"""Things that stand about: trees, lamps, benches, cars, people, barrels. Each is put onto a stage at a place."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from upframe.renderers.scene import Material, Matrix, Mesh, Transform, Vector
from upframe.renderers.scenes import drawn, textures
from upframe.renderers.scenes.geometry import (
    box,
    cards,
    cylinder,
    extruded,
    image,
    joined,
    lathe,
    railing,
    sphere,
    tube,
    with_texture_size,
)
from upframe.renderers.scenes.placement import place, sway
from upframe.renderers.scenes.stage import Stage

DARK_METAL = (0.07, 0.075, 0.08)


def tree(stage: Stage, at: Matrix, height: float = 6.0, kind: int = 0) -> None:
    """A trunk with branches, and a crown of leaf cards in parts that sway one by one."""
    rng = stage.rng
    trunk_height = height * 0.5
    lean = rng.normal(0, 0.12, 2) * height * 0.3
    top = (float(lean[0]), float(lean[1]), trunk_height)
    bark = stage.covered(textures.bark)
    limbs = [
        (_taper(((0, 0, 0), (top[0] * 0.4, top[1] * 0.4, trunk_height * 0.6), top), 0.035 * height, 0.02 * height), np.eye(4))
    ]
    leaves = stage.covered(drawn.leaves, kind, two_sided=True)
    for number in range(6):
        angle, reach = number * 2.4 + rng.uniform(0, 0.8), height * rng.uniform(0.14, 0.24)
        end = np.array(top) + np.array([reach * np.cos(angle), reach * np.sin(angle), height * rng.uniform(0.08, 0.38)])
        limbs.append(
            (
                _taper((top, tuple((np.array(top) + end) / 2 + (0, 0, 0.1)), tuple(end)), 0.016 * height, 0.006 * height),
                np.eye(4),
            )
        )
        crown = _crown(rng, height * rng.uniform(0.17, 0.23), int(30 + 4 * height), 0.13 * height)
        hung = at @ place(*end)
        stage.add(crown, leaves, sway(hung, angle=0.05, rate=rng.uniform(1.2, 2.4), phase=rng.uniform(0, 6)))
    stage.add(with_texture_size(joined(limbs), 0.8), bark, at)


def _taper(points: tuple[tuple[float, ...], ...], thick: float, thin: float) -> Mesh:
    """A limb that grows thinner, in two pieces."""
    first, second, third = points
    return joined(((tube((first, second), thick, 7), np.eye(4)), (tube((second, third), (thick + thin) / 2, 6), np.eye(4))))


def _crown(rng: np.random.Generator, radius: float, count: int, leaf: float) -> Mesh:
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    centres = direction * radius * rng.uniform(0.3, 1.0, (count, 1)) ** 0.5 * np.array([1, 1, 0.8])
    return cards(rng, centres, leaf, direction + np.array([0, 0, 0.3]))


def bush(stage: Stage, at: Matrix, size: float = 1.0, kind: int = 1) -> None:
    """Leaves down to the ground."""
    crown = _crown(stage.rng, 0.6 * size, 46, 0.55 * size)
    rest = at @ place(0, 0, 0.42 * size)
    leaves = stage.covered(drawn.leaves, kind, two_sided=True)
    stage.add(crown, leaves, sway(rest, angle=0.03, rate=stage.rng.uniform(1.5, 2.5), phase=stage.rng.uniform(0, 6)))


def tufts(stage: Stage, places: list[Matrix], kind: int = 0) -> None:
    """Grass or flowers: three crossed cards each."""
    card = image(0.7, 0.6)
    crossed = joined((card, place(turn=angle)) for angle in (0, 2.1, 4.2))
    raised = Mesh(
        crossed.positions, (crossed.normals * 0.3 + np.array([0, 0, 0.9])).astype(np.float32), crossed.uvs, crossed.triangles
    )
    stage.add(raised, stage.covered(drawn.tuft, kind, two_sided=True), *places)


def lamp_post(
    stage: Stage, at: Matrix, *, on: bool, height: float = 5.0, colour: tuple[float, float, float] = (1.0, 0.75, 0.42)
) -> None:
    """A post with an arm over the road (towards its +x)."""
    metal = stage.plain(DARK_METAL, 0.45, 1.0)
    foot = lathe(((0.14, 0), (0.14, 0.5), (0.07, 0.6), (0.045, height)), 10)
    arm = tube([(0, 0, height - 0.05), (0.3, 0, height + 0.25), (0.9, 0, height + 0.35), (1.3, 0, height + 0.3)], 0.03)
    stage.add(joined(((foot, np.eye(4)), (arm, np.eye(4)), (box(0.6, 0.2, 0.1), place(1.4, 0, height + 0.22)))), metal, at)
    glass = stage.plain(colour, 0.3, emission=10.0 if on else 0.6)
    stage.add(box(0.5, 0.14, 0.03), glass, at @ place(1.4, 0, height + 0.19))


def bench(stage: Stage, at: Matrix) -> None:
    """Slats on two iron frames; one sits facing -y."""
    slat = with_texture_size(box(1.7, 0.09, 0.035), 0.9)
    wood = stage.covered(textures.planks, 1)
    seat = [place(0, -0.2 + 0.11 * row, 0.44) for row in range(4)]
    back = [place(0, 0.24 + 0.03 * row, 0.6 + 0.13 * row, roll=1.35) for row in range(3)]
    stage.add(joined((slat, where) for where in seat + back), wood, at)
    side = tube([(0, -0.22, 0), (0, -0.2, 0.43), (0, 0.2, 0.43), (0, 0.33, 0.95)], 0.025)
    stage.add(joined((side, place(x)) for x in (-0.7, 0.7)), stage.plain(DARK_METAL, 0.5, 1.0), at)


def fence(stage: Stage, at: Matrix, length: float) -> None:
    """Iron railing along x."""
    stage.add(_railing(round(length, 1)), stage.plain(DARK_METAL, 0.5, 1.0), at)


@lru_cache(maxsize=16)
def _railing(length: float) -> Mesh:
    return railing(length)


def wire_fence(stage: Stage, at: Matrix, length: float, height: float = 2.2) -> None:
    """Chain link between posts, along x."""
    cloth = image(length, height)
    cloth = Mesh(cloth.positions, cloth.normals, cloth.uvs * np.array([length, height], np.float32) * 2, cloth.triangles)
    stage.add(cloth, stage.covered(drawn.wire_mesh, two_sided=True), at @ place(length / 2))
    posts = joined((cylinder(0.035, height + 0.1, 8), place(x)) for x in np.linspace(0, length, max(round(length / 2.5), 2)))
    rail = tube([(0, 0, height), (length, 0, height)], 0.025)
    stage.add(joined(((posts, np.eye(4)), (rail, np.eye(4)))), stage.plain((0.5, 0.5, 0.5), 0.5, 1.0), at)


def barrel(stage: Stage, at: Matrix) -> None:
    """Steel, with two hoops."""
    outline = [
        (0.0, 0.0),
        (0.29, 0.0),
        (0.29, 0.28),
        (0.31, 0.3),
        (0.29, 0.32),
        (0.29, 0.58),
        (0.31, 0.6),
        (0.29, 0.62),
        (0.29, 0.9),
        (0.0, 0.9),
    ]
    colour = stage.one_of((0.1, 0.22, 0.5), (0.6, 0.1, 0.08), (0.65, 0.5, 0.08), (0.12, 0.34, 0.2))
    stage.add(with_texture_size(lathe(outline, 18), 1.0), stage.covered(textures.painted_metal, 1, colour=colour), at)


def crate(stage: Stage, at: Matrix, size: float = 0.8) -> None:
    """Boards inside a frame."""
    wood = stage.covered(textures.planks, int(stage.rng.integers(3)), colour=(1.0, 0.92, 0.8))
    edge = 0.09 * size
    beam = with_texture_size(box(size, edge, edge), 0.9)
    sides = [place(0, y, z) for y in (-size / 2 + edge / 2, size / 2 - edge / 2) for z in (0, size - edge)]
    others = [place(turn=np.pi / 2) @ where for where in sides]
    upright = with_texture_size(box(edge, edge, size), 0.9)
    corners = [
        place(x, y) for x in (-size / 2 + edge / 2, size / 2 - edge / 2) for y in (-size / 2 + edge / 2, size / 2 - edge / 2)
    ]
    inner = with_texture_size(box(size * 0.94, size * 0.94, size * 0.96), 0.8)
    parts = (
        [(beam, where) for where in sides + others]
        + [(upright, where) for where in corners]
        + [(inner, place(0, 0, 0.02 * size))]
    )
    stage.add(joined(parts), wood, at)


# Side views: x forward, z up.
CAR_BODY = (
    *((-2.1, 0.35), (-1.75, 0.3), (1.7, 0.3), (2.05, 0.38), (2.1, 0.62)),
    *((1.95, 0.8), (1.15, 0.92), (-1.5, 0.97), (-2.0, 0.92), (-2.12, 0.7)),
)
CAR_CABIN = ((-1.55, 0.9), (1.0, 0.88), (0.35, 1.36), (0.1, 1.43), (-0.9, 1.43), (-1.15, 1.38))


def car(stage: Stage, where: Matrix | Transform, colour: tuple[float, float, float], *, lights_on: bool = False) -> None:
    """A small car that drives towards its +x: paint, glass, wheels, lamps."""
    parts = (
        (extruded(CAR_BODY, 1.72), stage.plain(colour, 0.24), np.eye(4)),
        (extruded(CAR_CABIN, 1.46), stage.plain((0.03, 0.035, 0.04), 0.06), np.eye(4)),
        (box(1.3, 1.4, 0.05), stage.plain(colour, 0.24), place(-0.4, 0, 1.41)),
        (
            joined((box(0.07, 1.5, 0.5), place(x, 0, 0.9, tilt=t)) for x, t in ((0.7, -0.92), (-1.36, 0.62), (-0.4, 0))),
            stage.plain(colour, 0.24),
            np.eye(4),
        ),
        (
            joined((box(0.04, 0.34, 0.13), place(2.07, y, 0.58)) for y in (-0.6, 0.6)),
            stage.plain((1.0, 0.95, 0.85), 0.2, emission=14.0 if lights_on else 0.3),
            np.eye(4),
        ),
        (
            joined((box(0.04, 0.4, 0.13), place(-2.1, y, 0.68)) for y in (-0.58, 0.58)),
            stage.plain((0.7, 0.04, 0.03), 0.3, emission=4.0 if lights_on else 0.3),
            np.eye(4),
        ),
        (box(0.03, 0.52, 0.12), stage.plain((0.85, 0.85, 0.8), 0.5), place(-2.12, 0, 0.5)),
    )
    for mesh, material, local in parts:
        stage.add(mesh, material, _after(where, local))
    tyre, rim = cylinder(0.33, 0.22, 18), cylinder(0.2, 0.235, 10)
    for x in (-1.3, 1.3):
        for y in (-0.86, 0.64):
            stage.add(tyre, stage.plain((0.02, 0.02, 0.02), 0.85), _after(where, place(x, y + 0.22, 0.33, roll=np.pi / 2)))
            stage.add(rim, stage.plain((0.6, 0.6, 0.62), 0.3, 1.0), _after(where, place(x, y + 0.228, 0.33, roll=np.pi / 2)))


def _after(where: Matrix | Transform, local: Matrix) -> Matrix | Transform:
    """A place on something that may move."""
    if callable(where):
        return _riding(where, local)
    return where @ local


def _riding(where: Transform, local: Matrix) -> Transform:
    return lambda time: where(time) @ local


def driving(start: Matrix, speed: float) -> Transform:
    """Along its own +x, metres a second."""
    return lambda time: start @ place(speed * time)


def person(stage: Stage, start: Matrix, speed: float = 1.3) -> None:
    """Someone in a coat who walks towards +x: body, head, and legs and arms that swing."""
    rng = stage.rng
    phase, size = rng.uniform(0, 6), rng.uniform(0.92, 1.06)
    coat = stage.covered(
        textures.cloth,
        int(rng.integers(4)),
        colour=stage.one_of((1.0, 1.0, 1.0), (0.3, 0.32, 0.4), (0.5, 0.42, 0.36), (0.25, 0.25, 0.25)),
    )
    trousers = stage.plain(stage.one_of((0.05, 0.06, 0.1), (0.12, 0.1, 0.08), (0.2, 0.2, 0.22)), 0.9)
    skin = stage.plain(stage.one_of((0.62, 0.42, 0.32), (0.36, 0.22, 0.15), (0.75, 0.55, 0.45)), 0.55)
    hair = stage.plain(stage.one_of((0.04, 0.03, 0.02), (0.2, 0.12, 0.06), (0.35, 0.34, 0.33)), 0.8)

    def walking(time: float) -> Matrix:
        bob = 0.03 * abs(float(np.sin(time * speed * 4.2 + phase)))
        return start @ place(speed * time, 0, bob, turn=0.05 * float(np.sin(time * speed * 4.2 + phase)), scale=size)

    torso, limb, arm, head, mop = _figure()
    stage.add(torso, coat, walking)
    stage.add(head, skin, walking)
    stage.add(mop, hair, walking)
    for side in (-1, 1):
        stage.add(limb, trousers, _riding_swing(walking, place(0, 0.1 * side, 0.86), 0.5 * side, speed * 4.2, phase))
        stage.add(arm, coat, _riding_swing(walking, place(0, 0.2 * side, 1.41), -0.45 * side, speed * 4.2, phase))


@lru_cache(maxsize=1)
def _figure() -> tuple[Mesh, Mesh, Mesh, Mesh, Mesh]:
    profile = [
        (0.0, 0.72),
        (0.2, 0.74),
        (0.19, 0.95),
        (0.17, 1.08),
        (0.2, 1.3),
        (0.21, 1.4),
        (0.15, 1.47),
        (0.06, 1.5),
        (0.055, 1.58),
        (0.0, 1.58),
    ]
    torso = with_texture_size(joined([(lathe(profile, 14, smooth=True), place(scale=(0.7, 1.0, 1.0)))]), 0.6)
    limb = joined(
        [
            (lathe(((0.0, -0.86), (0.055, -0.84), (0.06, -0.45), (0.09, 0.0), (0.0, 0.04)), 9, smooth=True), np.eye(4)),
            (box(0.26, 0.1, 0.08), place(0.06, 0, -0.86)),
        ]
    )
    arm = with_texture_size(lathe(((0.0, -0.62), (0.04, -0.6), (0.05, -0.3), (0.055, 0.0), (0.0, 0.03)), 8, smooth=True), 0.6)
    head = joined([(sphere(0.115, 14), place(0.015, 0, 1.67, scale=(1.05, 0.88, 1.18)))])
    mop = joined([(sphere(0.122, 12), place(-0.025, 0, 1.71, scale=(1.0, 0.95, 1.05)))])
    return torso, limb, arm, head, mop


def _riding_swing(where: Transform, hip: Matrix, angle: float, rate: float, phase: float) -> Transform:
    return lambda time: where(time) @ hip @ place(tilt=angle * float(np.sin(time * rate + phase)))


def falling(
    stage: Stage, mesh: Mesh, material: Material, count: int, around: tuple[float, float, float], spread: float
) -> None:
    """Leaves or flakes that tumble down through a box of ``spread`` metres about a place, each on a path of its own."""
    for _ in range(count):
        start = np.array(around) + stage.rng.uniform(-1, 1, 3) * (spread, spread, spread / 3)
        stage.add(mesh, material, _tumbling(stage.rng.uniform(0, 6, 3), start, stage.rng.uniform(0.3, 1.1)))


def _tumbling(phases: Vector, start: Vector, speed: float) -> Transform:
    def transform(time: float) -> Matrix:
        a, b, c = np.sin(np.array([1.7, 1.3, 2.1]) * time + phases)
        x, y, z = start + np.array([0.5 * a + 0.3 * time, 0.5 * b, 0.1 * c - speed * time])
        return place(x, y, z, turn=time * 2 + phases[0], tilt=time * 3 * speed + phases[1], roll=b)

    return transform


def sparks(stage: Stage, source: tuple[float, float, float], count: int, life: float = 0.7) -> None:
    """Glowing grains that spray from a point again and again, and fall."""
    material = stage.plain((1.0, 0.62, 0.22), 0.5, emission=60.0)
    grain = box(0.016, 0.016, 0.05)
    for _ in range(count):
        direction = stage.rng.normal(size=3) * (1.6, 1.6, 1.0) + (0, 0, 1.8)
        stage.add(grain, material, _spraying(np.array(source), direction, stage.rng.uniform(0, life), life))


def _spraying(source: Vector, speed: Vector, delay: float, life: float) -> Transform:
    def transform(time: float) -> Matrix:
        age = (time + delay) % life
        x, y, z = source + speed * age + (0, 0, -4.9 * age * age)
        return place(x, y, max(z, 0.01), tilt=age * 9, roll=age * 7)

    return transform
