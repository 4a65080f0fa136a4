"""Houses along a street: walls with windows set into them, shops, balconies, roofs."""

from __future__ import annotations

import numpy as np

from upframe.renderers.scene import Material, Matrix, Mesh
from upframe.renderers.scenes import drawn, textures
from upframe.renderers.scenes.geometry import box, image, joined, sheet, with_texture_size
from upframe.renderers.scenes.placement import place
from upframe.renderers.scenes.stage import Stage
from upframe.renderers.scenes.things import DARK_METAL, fence

STOREY = 3.2
REVEAL = 0.22  # how far windows lie behind the wall


def house(stage: Stage, at: Matrix, width: float, storeys: int, *, dark: bool) -> None:
    """A house whose front is along x, at y = 0, and faces -y; shops below, windows above. ``dark``: some are lit inside."""
    rng = stage.rng
    wall, stone = stage.wall(), stage.covered(textures.blocks, 1)
    columns = max(round(width / 2.4), 2)
    cell, opening = width / columns, (float(rng.uniform(1.0, 1.35)), float(rng.uniform(1.5, 1.9)))
    variants = [
        stage.covered(drawn.window, v, lit=dark and v == 2, emission=0.16 if dark and v == 2 else 0.0) for v in range(3)
    ]
    pane, sill = image(*opening), box(opening[0] + 0.3, 0.3, 0.08)
    cells: list[tuple[Mesh, Matrix]] = []
    front = _pierced(cell, STOREY, *opening, bottom=0.9)
    balconies = rng.random() < 0.45
    for storey in range(1, storeys):
        for column in range(columns):
            corner = place((column + 0.5) * cell - width / 2, 0, storey * STOREY)
            cells.append((front, corner))
            stage.add(pane, variants[int(rng.choice(3, p=(0.4, 0.3, 0.3)))], at @ corner @ place(0, REVEAL, 0.9))
            stage.add(sill, stone, at @ corner @ place(0, -0.02, 0.82))
            if balconies and storey < 4 and column % 2 == 1:
                _balcony(stage, at @ corner, cell * 0.9, stone)
    stage.add(with_texture_size(joined(cells), 2.0), wall, at)
    _ground_floor(stage, at, width, columns, stone, dark=dark)
    _top(stage, at, width, storeys * STOREY, wall, stone)


def _pierced(width: float, height: float, opening: float, tall: float, bottom: float) -> Mesh:
    """A piece of wall with an opening and its reveal; x about the origin, facing -y."""
    half, left = width / 2, opening / 2
    parts = []
    for x0, x1, z0, z1 in (
        (-half, -left, 0.0, height),
        (left, half, 0.0, height),
        (-left, left, 0.0, bottom),
        (-left, left, bottom + tall, height),
    ):
        parts.append(_rectangle((x0, 0, z0), (x1, 0, z0), (x0, 0, z1)))
    low, high = bottom, bottom + tall
    parts.append(_rectangle((-left, 0, low), (-left, REVEAL, low), (-left, 0, high)))
    parts.append(_rectangle((left, REVEAL, low), (left, 0, low), (left, REVEAL, high)))
    parts.append(_rectangle((-left, 0, low), (left, 0, low), (-left, REVEAL, low)))
    parts.append(_rectangle((-left, REVEAL, high), (left, REVEAL, high), (-left, 0, high)))
    return joined((part, np.eye(4)) for part in parts)


def _rectangle(corner: tuple[float, ...], right: tuple[float, ...], up: tuple[float, ...]) -> Mesh:
    """Three corners; the texture runs on from one piece of a wall to the next."""
    a, b, c = (np.array(point, np.float64) for point in (corner, right, up))
    points = np.array([[a, b], [c, b + c - a]])
    return sheet(points, np.stack((points[..., 0] + points[..., 1], points[..., 2] + points[..., 1]), axis=2))


def _balcony(stage: Stage, corner: Matrix, width: float, stone: Material) -> None:
    stage.add(with_texture_size(box(width, 0.9, 0.14), 1.2), stone, corner @ place(0, -0.45, 0.0))
    fence(stage, corner @ place(-width / 2, -0.86, 0.14), width)
    for x in (-width / 2, width / 2):
        fence(stage, corner @ place(x, -0.86, 0.14, turn=np.pi / 2), 0.8)


def _ground_floor(stage: Stage, at: Matrix, width: float, columns: int, stone: Material, *, dark: bool) -> None:
    """Piers, shop windows or doors between them, a name above, perhaps an awning."""
    rng = stage.rng
    cell = width / columns
    pier = with_texture_size(box(0.5, 0.35, STOREY), 2.0)
    stage.add(pier, stone, *(at @ place(column * cell - width / 2, 0.1) for column in range(columns + 1)))
    glass = image(cell - 0.5, 2.35)
    for column in range(columns):
        x = (column + 0.5) * cell - width / 2
        if rng.random() < 0.25:
            stage.add(image(cell - 0.5, 2.75), stage.covered(textures.planks, 3, colour=(0.6, 0.5, 0.45)), at @ place(x, 0.2))
        else:
            shop = stage.covered(drawn.shop_window, int(rng.integers(4)), emission=0.3 if dark else 0.1, roughness=0.5)
            stage.add(glass, shop, at @ place(x, 0.25, 0.4))
            stage.add(box(cell - 0.5, 0.1, 0.4), stone, at @ place(x, 0.2))
    name = stage.covered(drawn.sign, int(rng.integers(5)), aspect=4.0, glowing=dark, emission=0.7 if dark else 0.0)
    stage.add(with_texture_size(box(width, 0.3, 0.75), 2.0), stone, at @ place(0, 0.1, 2.75))
    stage.add(image(min(width * 0.55, 3.6), 0.62), name, at @ place(rng.uniform(-0.2, 0.2) * width, -0.06, 2.82))
    if rng.random() < 0.5:
        _awning(stage, at @ place((rng.integers(columns) + 0.5) * cell - width / 2, -0.05, 2.75), cell)
    if rng.random() < 0.5:
        _hanging_sign(stage, at @ place(width * 0.42, -0.05, 3.4), dark=dark)


def _awning(stage: Stage, at: Matrix, width: float) -> None:
    x, t = np.meshgrid(np.linspace(-width / 2, width / 2, 9), np.linspace(0, 1, 5))
    points = np.stack((x, -1.3 * t, -0.55 * t - 0.05 * np.cos(x * 9) * t), axis=2)
    cloth = sheet(points[::-1], np.stack((x, 1.4 * t), axis=2)[::-1])
    stage.add(with_texture_size(cloth, 0.8), stage.covered(textures.cloth, int(stage.rng.integers(3)), two_sided=True), at)


def _hanging_sign(stage: Stage, at: Matrix, *, dark: bool) -> None:
    """A board that sticks out over the pavement, seen from both sides."""
    board = stage.covered(drawn.sign, 6, aspect=1.0, glowing=dark, emission=0.7 if dark else 0.0)
    stage.add(image(0.8, 0.8), board, at @ place(0.04, -0.55, 0, turn=np.pi / 2), at @ place(-0.04, -0.55, 0, turn=-np.pi / 2))
    stage.add(box(0.07, 1.0, 0.84), stage.plain(DARK_METAL, 0.5, 1.0), at @ place(0, -0.5, -0.02, scale=(1, 0.84, 1)))


def _top(stage: Stage, at: Matrix, width: float, height: float, wall: Material, stone: Material) -> None:
    """Cornice, the body behind the front, and a roof."""
    depth = 8.0
    stage.add(with_texture_size(box(width, 0.5, 0.3), 2.0), stone, at @ place(0, 0.05, height))
    stage.add(with_texture_size(box(width, depth, height), 2.0), wall, at @ place(0, depth / 2 + REVEAL + 0.05))
    if stage.rng.random() < 0.6:
        rise = stage.rng.uniform(1.2, 2.4)
        points = np.array(
            [[[-width / 2, -0.25, 0], [width / 2, -0.25, 0]], [[-width / 2, depth / 2, rise], [width / 2, depth / 2, rise]]]
        )
        uvs = np.array([[[0, 0], [width, 0]], [[0, depth / 2], [width, depth / 2]]])
        slope = with_texture_size(sheet(points, uvs), 2.0)
        stage.add(slope, stage.covered(textures.roof), at @ place(0, 0.1, height + 0.25))
        stage.add(
            box(0.7, 0.6, 1.6), stage.covered(textures.brick, 2), at @ place(width * 0.3, depth * 0.3, height + rise * 0.5)
        )
    else:
        stage.add(with_texture_size(box(width, 0.25, 0.7), 2.0), wall, at @ place(0, 0.2, height + 0.3))
