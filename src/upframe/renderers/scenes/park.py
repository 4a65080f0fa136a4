"""A park: meadow with trees and bushes, a path, a pond, railings, a pavilion; leaves in the air."""

from __future__ import annotations

import numpy as np

from upframe.renderers.scene import Camera, Matrix, PointLight, Scene, Transform
from upframe.renderers.scenes import drawn, textures
from upframe.renderers.scenes.geometry import (
    Floats,
    arch,
    box,
    cards,
    cylinder,
    ground,
    image,
    lathe,
    rock,
    sheet,
    sphere,
    stairs,
    with_texture_size,
)
from upframe.renderers.scenes.noise import cloudy
from upframe.renderers.scenes.placement import place, still, walk
from upframe.renderers.scenes.stage import Stage, daylight, finished, shots_of
from upframe.renderers.scenes.things import bench, bush, falling, fence, lamp_post, person, tree, tufts

SIDE = 70.0
POND = (-7.5, 13.0, 5.0)  # x, y and radius


class _Land:
    """The height of the ground, flat along the path (x = bend of y) and under the pond."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._heights = cloudy(rng, 64, 3, 4) * 0.9 + 0.35
        self._bend, self._phase = rng.uniform(0.8, 2.2), rng.uniform(0, 6.3)

    def path(self, y: float) -> float:
        return float(self._bend * np.sin(y * 0.13 + self._phase))

    def height(self, x: float, y: float) -> float:
        row, column = int(np.clip((y + SIDE / 2) / SIDE * 63, 0, 63)), int(np.clip((x + SIDE / 2) / SIDE * 63, 0, 63))
        away = np.clip((abs(x - self.path(y)) - 1.6) / 3, 0, 1)
        dry = np.clip((np.hypot(x - POND[0], y - POND[1]) - POND[2]) / 2.5, -0.6, 1)
        return float(self._heights[row, column] * away * np.clip(dry, 0, 1) + min(dry, 0.0))

    def grid(self, count: int = 51) -> Floats:
        steps = np.linspace(-SIDE / 2, SIDE / 2, count)
        return np.array([[self.height(x, y) for x in steps] for y in steps])


def park(stage: Stage, seed: int) -> Scene:
    """The path runs along y, the camera near it."""
    rng = stage.rng
    light = daylight(stage, night=0.12)
    land = _Land(rng)
    stage.add(with_texture_size(ground(SIDE, SIDE, land.grid()), 4.0), stage.covered(textures.meadow), np.eye(4))
    _path(stage, land)
    _planting(stage, land)
    _pond(stage, land)
    _along_the_path(stage, land, dark=light.dark)
    if rng.random() < 0.7:
        _pavilion(stage, land)
    for _ in range(int(rng.integers(2, 5))):
        y = rng.uniform(3, 14)
        person(
            stage,
            place(land.path(y) + rng.uniform(-0.8, 0.8), y, 0.02, turn=float(rng.choice((0.5, -0.5))) * np.pi),
            rng.uniform(1.0, 2.6),
        )
    ball = stage.covered(textures.cloth, 4, roughness=0.5)
    stage.add(with_texture_size(sphere(0.24, 18), 0.4), ball, _bouncing(land.path(6.0) - 2.0, 6.0, rng.uniform(1.5, 3.0)))
    leaf = cards(rng, np.zeros((1, 3)), 0.18, np.array([[0, 0, 1.0]]))
    falling(stage, leaf, stage.covered(drawn.leaves, 0, two_sided=True), 90, (0.0, 7.0, 2.6), 6.0)
    return finished(stage, "park", seed, light, shots_of(stage, _cameras(stage, land)), extent=26.0)


def _path(stage: Stage, land: _Land) -> None:
    y, across = np.meshgrid(np.linspace(-SIDE / 2, SIDE / 2, 71), np.linspace(-1.25, 1.25, 5), indexing="ij")
    x = across + np.array([[land.path(v)] for v in y[:, 0]])
    points = np.stack((x, y, np.full_like(x, 0.035) + 0.03 * (1 - (across / 1.25) ** 2)), axis=2)
    maker, metres = stage.one_of((textures.gravel, 1.2), (textures.pavers, 2.0), (textures.cobbles, 1.4))
    stage.add(with_texture_size(sheet(points, np.stack((x, y), axis=2)), metres), stage.covered(maker), np.eye(4))


def _planting(stage: Stage, land: _Land) -> None:
    rng = stage.rng
    for number in range(int(rng.integers(11, 17))):
        x, y = _beside(stage, land, 2.6, 15.0, -8, 32)
        tree(stage, place(x, y, land.height(x, y) - 0.1, turn=rng.uniform(0, 6)), rng.uniform(5, 10), number % 3)
    for number in range(int(rng.integers(14, 26))):
        x, y = _beside(stage, land, 1.9, 11.0, -4, 24)
        bush(stage, place(x, y, land.height(x, y) - 0.1), rng.uniform(0.6, 1.5), 3 + number % 2)
    for kind in range(2):
        spots = [_beside(stage, land, 1.4, 6.5, -3, 17) for _ in range(80)]
        tufts(
            stage,
            [place(x, y, land.height(x, y) - 0.03, turn=rng.uniform(0, 6), scale=rng.uniform(0.5, 1.15)) for x, y in spots],
            kind,
        )
    stone = stage.covered(textures.rubble)
    for _ in range(7):
        x, y = _beside(stage, land, 1.8, 7.0, -2, 18)
        boulder = with_texture_size(rock(rng, rng.uniform(0.25, 0.8)), 1.6)
        stage.add(boulder, stone, place(x, y, land.height(x, y), turn=rng.uniform(0, 6)))


def _beside(stage: Stage, land: _Land, near: float, far: float, first: float, last: float) -> tuple[float, float]:
    """Somewhere to the left or right of the path, not in the pond."""
    while True:
        y = float(stage.rng.uniform(first, last))
        x = land.path(y) + float(stage.rng.choice((-1, 1))) * float(stage.rng.uniform(near, far))
        if np.hypot(x - POND[0], y - POND[1]) > POND[2] + 0.3:
            return x, y


def _pond(stage: Stage, land: _Land) -> None:
    """Still water with a kerb of stones and reeds."""
    rng = stage.rng
    x, y, radius = POND
    stage.add(with_texture_size(ground(2.2 * radius, 2.2 * radius), 3.0), stage.covered(drawn.water), place(x, y, -0.1))
    stone = stage.covered(textures.blocks)
    angles = np.linspace(0, 2 * np.pi, 34)[:-1]
    rim = [
        place(x + (radius + 0.15) * np.cos(a), y + (radius + 0.15) * np.sin(a), -0.12, turn=a, scale=rng.uniform(0.85, 1.1))
        for a in angles
    ]
    stage.add(with_texture_size(box(0.5, 0.9, 0.3), 2.0), stone, *rim)
    reeds = [
        place(x + radius * 0.93 * np.cos(a), y + radius * 0.93 * np.sin(a), -0.15, turn=a, scale=1.6)
        for a in rng.uniform(0, 6.3, 24)
    ]
    tufts(stage, reeds, 0)


def _along_the_path(stage: Stage, land: _Land, *, dark: bool) -> None:
    rng = stage.rng
    side = float(rng.choice((-1, 1)))
    for number, y in enumerate(np.arange(-2, 26, float(rng.uniform(4.5, 6.5)))):
        x = land.path(y) + side * 1.75
        if number % 2:
            lamp_post(stage, place(x, y, 0, turn=np.pi if side > 0 else 0.0), on=dark, height=3.6)
            if dark:
                spot = (x - side * 1.2, float(y), 3.5)
                stage.lights.append(PointLight(still(spot), (5.0, 3.6, 2.0), 11.0))
        else:
            bench(stage, place(x + side * 0.4, y, 0.05, turn=-side * np.pi / 2))
    start = float(rng.uniform(0, 4))
    for piece in range(5):
        y = start + 3 * piece
        fence(
            stage,
            place(land.path(y) - side * 1.7, y, 0.0, turn=np.pi / 2 - np.arctan2(land.path(y + 3) - land.path(y), 3)),
            3.0,
        )
    board = stage.image(0)
    x, y = land.path(4.5) + side * 1.9, 4.5
    stage.add(image(0.9, 1.1), board, place(x, y, 0.9, turn=-side * np.pi / 2 + 0.3))
    stage.add(cylinder(0.04, 2.1, 8), stage.plain((0.1, 0.1, 0.1), 0.5, 1.0), place(x + side * 0.06, y + 0.1))


def _pavilion(stage: Stage, land: _Land) -> None:
    """A ruin of three arches on steps, with an urn."""
    y = float(stage.rng.uniform(15, 20))
    x = land.path(y) + 6.5
    at = place(x, y, land.height(x, y) + 0.1, turn=stage.rng.uniform(-0.4, 0.4))
    stone = stage.covered(stage.one_of(textures.blocks, textures.rubble, textures.brick))
    stage.add(
        with_texture_size(arch(2.6, 3.6, 0.6, 1.7), 2.0), stone, *(at @ place(2.6 * column, 0, 0.5) for column in (-1, 0, 1))
    )
    stage.add(with_texture_size(stairs(7.8, 3), 2.0), stone, at @ place(0, -1.4, 0))
    urn = lathe(
        [(0.0, 0.0), (0.2, 0.0), (0.1, 0.2), (0.3, 0.5), (0.33, 0.7), (0.22, 0.85), (0.28, 0.95), (0.0, 0.9)], 18, smooth=True
    )
    stage.add(
        with_texture_size(urn, 1.0), stage.covered(textures.plaster), at @ place(0, -0.4, 0.55), at @ place(2.6, -0.4, 0.55)
    )


def _bouncing(x: float, y: float, speed: float) -> Transform:
    def transform(time: float) -> Matrix:
        hop = abs(float(np.sin(time * 3.1 + 1)))
        return place(x + speed * time - 2, y + 0.3 * time, 0.26 + 0.9 * hop, turn=time, tilt=time * speed * 3)

    return transform


def _cameras(stage: Stage, land: _Land) -> list[Camera]:
    """Strolling along the path, looking around, or low over the grass."""
    rng = stage.rng
    seconds, pace = stage.seconds, float(rng.uniform(0.9, 2.0))
    far = pace * seconds
    stroll = [(land.path(v) * 0.9, v, 1.65) for v in np.linspace(-4, -4 + far, 4)]
    ahead = walk(stroll, [(land.path(6), 8, 1.3), (land.path(9) + rng.uniform(-3, 3), 10 + far, 1.6)], seconds)
    x, y = land.path(2) + 2.2, 1.0
    around = walk(
        [(x, y, 1.8), (x - 0.4, y + 0.4 * far, 1.7)],
        [(POND[0] - 2, POND[1], 0.8), (POND[0] + 7 * rng.random(), POND[1] + 4, 1.2)],
        seconds,
    )
    low = walk(
        [(land.path(0) - 1.9, 0, 0.7), (land.path(2) - 1.5, 0.5 * far, 0.6)],
        [(land.path(8), 9, 0.7), (land.path(12) + 1, 13, 0.9)],
        seconds,
    )
    cameras = [Camera(ahead, 0.9), Camera(around, 0.95), Camera(low, 0.85)]
    return [cameras[index] for index in rng.permutation(3)]
