"""Meshes from a few numbers: boxes, lathed bodies, tubes, sheets, cards. Metres, z up; texture coordinates in metres too.

A texture's size in metres is given by scaling the coordinates: :func:`with_texture_size`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from upframe.renderers.scene import Matrix, Mesh

Floats = NDArray[np.float64]


def _mesh(positions: Floats, normals: Floats, uvs: Floats, triangles: NDArray[np.int64]) -> Mesh:
    lengths = np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return Mesh(
        positions.astype(np.float32), (normals / lengths).astype(np.float32), uvs.astype(np.float32), triangles.astype(np.int32)
    )


def joined(parts: Iterable[tuple[Mesh, Matrix]]) -> Mesh:
    """One mesh of several, each moved by its matrix."""
    positions, normals, uvs, triangles, count = [], [], [], [], 0
    for mesh, matrix in parts:
        linear = matrix[:3, :3]
        positions.append(mesh.positions @ linear.T + matrix[:3, 3])
        normals.append(mesh.normals @ np.linalg.inv(linear))
        uvs.append(mesh.uvs.astype(np.float64))
        triangles.append(mesh.triangles.astype(np.int64) + count)
        count += len(mesh.positions)
    return _mesh(np.concatenate(positions), np.concatenate(normals), np.concatenate(uvs), np.concatenate(triangles))


def with_texture_size(mesh: Mesh, metres: float) -> Mesh:
    """The mesh with a texture repeated every so many metres."""
    return Mesh(mesh.positions, mesh.normals, mesh.uvs / np.float32(metres), mesh.triangles)


def _grid_triangles(rows: int, columns: int) -> NDArray[np.int64]:
    """Triangles of a grid of (rows + 1) x (columns + 1) vertices; columns to the right and rows up are anticlockwise."""
    corner = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    right, up, both = corner + 1, corner + columns + 1, corner + columns + 2
    return np.concatenate((np.stack((corner, right, both), axis=1), np.stack((corner, both, up), axis=1)))


def sheet(points: Floats, uvs: Floats, *, closed: bool = False) -> Mesh:
    """A bent rectangle through points (rows, columns, 3); smooth. uvs (rows, columns, 2).

    ``closed``: its sides meet, and its first and its last row are one point each.
    """
    rows, columns = points.shape[0] - 1, points.shape[1] - 1
    across, up = np.gradient(points, axis=1), np.gradient(points, axis=0)
    normals = np.cross(across, up)
    if closed:
        normals[:, 0] = normals[:, -1] = normals[:, 0] + normals[:, -1]
        normals[0], normals[-1] = normals[1].sum(axis=0), normals[-2].sum(axis=0)
    return _mesh(points.reshape(-1, 3), normals.reshape(-1, 3), uvs.reshape(-1, 2), _grid_triangles(rows, columns))


def ground(width: float, depth: float, heights: Floats | None = None) -> Mesh:
    """A floor about the origin that faces up; with heights (rows, columns) in metres a terrain."""
    z = np.zeros((2, 2)) if heights is None else heights
    y, x = np.meshgrid(
        np.linspace(-depth / 2, depth / 2, z.shape[0]), np.linspace(-width / 2, width / 2, z.shape[1]), indexing="ij"
    )
    return sheet(np.stack((x, y, z), axis=2), np.stack((x, y), axis=2))


def box(width: float = 1.0, depth: float = 1.0, height: float = 1.0) -> Mesh:
    """Six flat faces; x and y about the origin, z from 0 up."""
    half = np.array([width / 2, depth / 2, height / 2])
    parts = []
    for normal, across in (
        ((1, 0, 0), (0, 1, 0)),
        ((-1, 0, 0), (0, -1, 0)),
        ((0, 1, 0), (-1, 0, 0)),
        ((0, -1, 0), (1, 0, 0)),
        ((0, 0, 1), (1, 0, 0)),
        ((0, 0, -1), (-1, 0, 0)),
    ):
        up = np.cross(normal, across)
        corners = np.array([np.array(normal) + a * np.array(across) + b * up for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
        points = corners * half
        uvs = np.stack((points @ np.array(across, np.float64), points @ up), axis=1)
        parts.append(
            (_mesh(points, np.tile(np.array(normal, np.float64), (4, 1)), uvs, np.array([[0, 1, 2], [0, 2, 3]])), np.eye(4))
        )
    raised = np.eye(4)
    raised[2, 3] = height / 2
    return joined((part, raised) for part, _ in parts)


def lathe(profile: Sequence[tuple[float, float]], sides: int = 16, *, smooth: bool = False) -> Mesh:
    """A body of revolution about z through (radius, z) points, from the bottom up. Edges stay sharp unless ``smooth``."""
    angles = np.linspace(0, 2 * np.pi, sides + 1)
    circle = np.stack((np.cos(angles), np.sin(angles)), axis=1)
    outline = np.asarray(profile, np.float64)
    widest = float(outline[:, 0].max())
    parts, along = [], 0.0
    strips = [outline] if smooth else [outline[index : index + 2] for index in range(len(outline) - 1)]
    for strip in strips:
        steps = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(strip, axis=0), axis=1)))) + along
        along = float(steps[-1])
        points = np.concatenate(
            (strip[:, None, :1] * circle[None], np.broadcast_to(strip[:, None, 1:], (len(strip), sides + 1, 1))), axis=2
        )
        uvs = np.stack(np.broadcast_arrays(angles * widest, steps[:, None]), axis=2)
        slope = np.gradient(strip, axis=0)
        outward = np.concatenate(
            (slope[:, None, 1:] * circle[None], np.broadcast_to(-slope[:, None, :1], (len(strip), sides + 1, 1))), axis=2
        )
        grid = _grid_triangles(len(strip) - 1, sides)
        parts.append((_mesh(points.reshape(-1, 3), outward.reshape(-1, 3), uvs.reshape(-1, 2), grid), np.eye(4)))
    return joined(parts)


def cylinder(radius: float, height: float, sides: int = 12) -> Mesh:
    """From z = 0 up, with both ends closed."""
    return lathe(((0, 0), (radius, 0), (radius, height), (0, height)), sides)


def sphere(radius: float = 1.0, sides: int = 20) -> Mesh:
    """About the origin."""
    angles = np.linspace(-np.pi / 2, np.pi / 2, sides // 2 + 1)
    return lathe([(radius * float(np.cos(a)), radius * float(np.sin(a))) for a in angles], sides, smooth=True)


def torus(radius: float, thickness: float, sides: int = 24) -> Mesh:
    """A ring about z."""
    angles = np.linspace(-np.pi, np.pi, 13)
    return lathe([(radius - thickness * float(np.cos(a)), thickness * float(np.sin(-a))) for a in angles], sides, smooth=True)


def rock(rng: np.random.Generator, radius: float = 1.0, roughness: float = 0.25, sides: int = 18) -> Mesh:
    """A ball with dents and bumps."""
    body = sphere(1.0, sides)
    bumps = np.ones(len(body.positions))
    for _ in range(9):
        direction = rng.normal(size=3)
        frequency = rng.uniform(1.5, 5.0)
        bumps += roughness / frequency * np.sin(frequency * (body.positions @ direction) + rng.uniform(0, 6.3))
    rows = sides // 2
    points = (body.positions * bumps[:, None] * radius).reshape(rows + 1, sides + 1, 3).astype(np.float64)
    points[:, -1] = points[:, 0]
    return sheet(points, body.uvs.reshape(rows + 1, sides + 1, 2).astype(np.float64) * radius, closed=True)


def tube(points: Sequence[Sequence[float]], radius: float, sides: int = 6) -> Mesh:
    """A pipe, rail or wire through points."""
    track = np.asarray(points, np.float64)
    direction = np.gradient(track, axis=0)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    reference = np.array((0.0, 0.0, 1.0)) if np.abs(direction[:, 2]).max() < 0.9 else np.array((0.8, 0.6, 0.0))
    right = np.cross(direction, reference)
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-9)
    up = np.cross(right, direction)
    angles = np.linspace(0, 2 * np.pi, sides + 1)
    ring = right[:, None] * np.cos(angles)[None, :, None] + up[:, None] * np.sin(angles)[None, :, None]
    lengths = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(track, axis=0), axis=1))))
    uvs = np.stack(np.broadcast_arrays(angles * radius, lengths[:, None]), axis=2)
    rings = track[:, None] + radius * ring
    grid = _grid_triangles(len(track) - 1, sides)[:, ::-1]
    return _mesh(rings.reshape(-1, 3), ring.reshape(-1, 3), uvs.reshape(-1, 2), grid)


def wire(start: Sequence[float], end: Sequence[float], sag: float, radius: float = 0.012) -> Mesh:
    """A cable that hangs between two points."""
    t = np.linspace(0, 1, 13)[:, None]
    track = np.asarray(start) * (1 - t) + np.asarray(end) * t
    track[:, 2] -= sag * 4 * (t * (1 - t))[:, 0]
    return tube(track.tolist(), radius, sides=4)


def railing(length: float, height: float = 1.0, gap: float = 0.14, bar: float = 0.011) -> Mesh:
    """Upright bars between two rails, along x from 0."""
    parts = [
        (box(length, 0.05, 0.035), _moved(length / 2, 0, height - 0.035)),
        (box(length, 0.035, 0.02), _moved(length / 2, 0, 0.1)),
    ]
    upright = lathe(((bar, 0.1), (bar, height - 0.03)), sides=5)
    parts += [(upright, _moved(x, 0, 0)) for x in np.arange(gap / 2, length, gap)]
    post = box(0.05, 0.05, height)
    parts += [(post, _moved(x, 0, 0)) for x in np.linspace(0, length, max(round(length / 2) + 1, 2))]
    return joined(parts)


def cards(rng: np.random.Generator, centres: Floats, size: float, outward: Floats) -> Mesh:
    """Square leaves (n of them) about ``centres`` (n, 3), each turned at random; their normals lean towards ``outward`` (n, 3).

    The bent normals let a crown shade as one soft body, as games do it.
    """
    count = len(centres)
    frame = np.linalg.qr(rng.normal(size=(count, 3, 3)))[0]
    right, up = frame[:, :, 0] * size / 2, frame[:, :, 1] * size / 2
    corners = [centres + a * right + b * up for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    points = np.stack(corners, axis=1).reshape(-1, 3)
    normals = np.repeat(outward + 0.35 * frame[:, :, 2], 4, axis=0)
    uvs = np.tile(np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64), (count, 1))
    quads = np.arange(count)[:, None] * 4
    triangles = np.concatenate((quads + np.array([0, 1, 2]), quads + np.array([0, 2, 3])))
    return _mesh(points, normals, uvs, triangles)


def image(width: float, height: float) -> Mesh:
    """An upright rectangle that faces -y, x about the origin, z from 0 up; its texture fills it once."""
    points = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0.5, 0, 1], [-0.5, 0, 1]]) * (width, 1, height)
    normals = np.tile(np.array([0.0, -1.0, 0.0]), (4, 1))
    return _mesh(points, normals, np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64), np.array([[0, 1, 2], [0, 2, 3]]))


def arch(width: float, height: float, depth: float, opening: float, sides: int = 12) -> Mesh:
    """A wall with a round-headed opening, x about the origin, its front towards -y."""
    radius = opening / 2
    spring = height - radius - 0.35
    angles = np.linspace(0, np.pi, sides + 1)
    inner = np.stack((radius * np.cos(angles), spring + radius * np.sin(angles)), axis=1)
    inner = np.concatenate(([[radius, 0.0]], inner, [[-radius, 0.0]]))
    outer = np.stack((np.sign(inner[:, 0]) * width / 2, np.full(len(inner), height)), axis=1)
    outer[0, 1] = outer[-1, 1] = 0.0
    outer[1:-1, 0] = np.linspace(width / 2, -width / 2, len(inner) - 2)
    front = np.stack((inner, outer))  # (2, n, 2): x, z
    faces = []
    for y, order in ((-depth / 2, slice(None)), (depth / 2, slice(None, None, -1))):
        points = np.insert(front[:, order], 1, y, axis=2)
        normals = np.tile(np.array([0.0, np.sign(y), 0.0]), (points.shape[0] * points.shape[1], 1))
        triangles = _grid_triangles(1, len(inner) - 1)[:, ::-1]
        faces.append((_mesh(points.reshape(-1, 3), normals, points.reshape(-1, 3)[:, [0, 2]], triangles), np.eye(4)))
    for line, inwards in ((inner, True), (outer, False)):
        length = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))))
        strip = np.stack([np.insert(line, 1, y, axis=1) for y in (-depth / 2, depth / 2)])
        uvs = np.stack(np.broadcast_arrays(length, np.array([[0.0], [depth]])), axis=2)
        faces.append((sheet(strip if inwards else strip[:, ::-1], uvs), np.eye(4)))
    return joined(faces)


def extruded(outline: Sequence[tuple[float, float]], width: float) -> Mesh:
    """A body whose side is an outline (x, z), anticlockwise seen from -y and star-shaped about its middle; y about the origin.

    Its sides bulge a little and lean in towards the top.
    """
    corners = np.asarray(outline, np.float64)
    top, bottom = corners[:, 1].max(), corners[:, 1].min()
    lean = 1 - 0.12 * (corners[:, 1] - bottom) / (top - bottom)
    middle = np.insert(corners.mean(axis=0), 1, 0.0)
    parts = []
    for side in (-1.0, 1.0):
        rim = np.insert(corners, 1, 0, axis=1)
        rim[:, 1] = side * lean * width / 2
        hub = middle + np.array([0, side * width / 2 * 1.02, 0])
        points = np.concatenate((hub[None], rim))
        count = len(rim)
        ring = np.arange(count)
        fan = np.stack((np.zeros(count, int), 1 + ring, 1 + (ring + 1) % count), axis=1)
        normals = np.tile(np.array([0.0, side, 0.12]), (count + 1, 1))
        parts.append((_mesh(points, normals, points[:, [0, 2]], fan if side < 0 else fan[:, ::-1]), np.eye(4)))
    closed = np.concatenate((corners, corners[:1]))
    leans = np.concatenate((lean, lean[:1]))
    for index in range(len(corners)):
        strip = np.stack(
            [
                np.insert(closed[index : index + 2], 1, side * leans[index : index + 2] * width / 2, axis=1)
                for side in (1.0, -1.0)
            ]
        )
        parts.append((sheet(strip, strip[..., [0, 2]] + strip[..., 1:2]), np.eye(4)))
    return joined(parts)


def stairs(width: float, steps: int, rise: float = 0.17, run: float = 0.3) -> Mesh:
    """Solid steps that climb towards +y from the origin, x about it."""
    return joined((box(width, run, rise * (step + 1)), _moved(0, (step + 0.5) * run, 0)) for step in range(steps))


def _moved(x: float, y: float, z: float) -> Matrix:
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix
