"""How near a camera comes to things, and a way for it that keeps its distance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from upframe.renderers.scene import Instance, Matrix, Transform, Vector

CLEARANCE = 0.5  # metres from every surface
STEP = 0.05  # seconds from one place of a camera that is looked at to the next

Triangles = NDArray[np.float64]


class Surroundings:
    """The triangles of a scene, (n, 3, 3) in world space, to be asked for those near a place."""

    def __init__(self, instances: Sequence[Instance]) -> None:
        self._moving = [instance for instance in instances if instance.moves]
        self._still = np.concatenate(
            [np.empty((0, 3, 3)), *(_triangles(instance, instance.at(0.0)) for instance in instances if not instance.moves)]
        )
        self._low, self._high = self._still.min(axis=1), self._still.max(axis=1)

    def near(self, place: Vector, reach: float, seconds: float) -> Triangles:
        """All that come within ``reach`` of a place (3,), and some that do not."""
        inside = ((self._low < place + reach) & (self._high > place - reach)).all(axis=1)
        found = [self._still[inside]]
        for instance in self._moving:
            matrix = instance.at(seconds)
            radius = instance.mesh.radius * np.linalg.norm(matrix[:3, :3], axis=0).max()
            if np.linalg.norm(matrix[:3, 3] - place) < reach + radius:
                found.append(_triangles(instance, matrix))
        return np.concatenate(found)

    def distance(self, place: Vector, seconds: float, reach: float = 10.0) -> float:
        """From a place to the nearest surface, in metres; at most ``reach``."""
        return min(float(_distances(place[None], self.near(place, reach, seconds))[0]), reach)


def kept_clear(around: Surroundings, pose: Transform, start: float, end: float) -> Transform:
    """The camera's way from ``start`` to ``end``, in seconds, moved aside as little as keeps it ``CLEARANCE`` from everything.

    It looks the same way as before. Where no way is clear, it is moved to where it has the most room.
    """
    times = [float(seconds) for seconds in np.linspace(start, end, max(round((end - start) / STEP), 1) + 1)]
    if all(around.distance(pose(seconds)[:3, 3], seconds, CLEARANCE) >= CLEARANCE for seconds in times):
        return pose
    offsets = _offsets()
    room = np.full(len(offsets), np.inf)
    for seconds in times:
        eye = pose(seconds)[:3, 3]
        near = around.near(eye, CLEARANCE + float(np.linalg.norm(offsets[-1])), seconds)
        open_ones = np.flatnonzero(room >= min(CLEARANCE, float(room.max())))  # the others are lost already
        room[open_ones] = np.minimum(room[open_ones], _distances(eye + offsets[open_ones], near))
    clear = np.flatnonzero(room >= CLEARANCE)
    return _moved(pose, offsets[clear[0] if len(clear) else int(room.argmax())])


def _offsets() -> Vector:
    """Ways aside, (n, 3) in metres, from none to far."""
    aside = [(np.cos(angle), np.sin(angle)) for angle in np.linspace(0, 2 * np.pi, 9)[:-1]]
    found = [(0.0, 0.0, 0.0)] + [
        (length * x, length * y, up) for length in np.linspace(0.15, 1.8, 12) for x, y in aside for up in (0.0, 0.2, -0.2)
    ]
    found += [(0.0, 0.0, up) for up in (0.1, 0.2, 0.3, 0.45, 0.6)]
    return np.array(sorted(found, key=lambda offset: float(np.linalg.norm(offset))))


def _moved(pose: Transform, offset: Vector) -> Transform:
    def transform(seconds: float) -> Matrix:
        moved = pose(seconds).copy()
        moved[:3, 3] += offset
        return moved

    return transform


def _triangles(instance: Instance, matrix: Matrix) -> Triangles:
    mesh = instance.mesh
    corners = mesh.positions.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    return np.asarray(corners[mesh.triangles])


def _distances(places: Vector, triangles: Triangles) -> Vector:
    """From each of (m, 3) places to the nearest point of (n, 3, 3) triangles: (m,)."""
    nearest = np.full(len(places), np.inf)
    across = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    area = np.linalg.norm(across, axis=1)
    normal = across / np.maximum(area, 1e-12)[:, None]
    for index, place in enumerate(places):
        squares, above = np.full(len(triangles), np.inf), area > 1e-9
        for corner in range(3):
            start = triangles[:, corner]
            edge, way = triangles[:, (corner + 1) % 3] - start, place - start
            part = np.clip((way * edge).sum(axis=1) / np.maximum((edge * edge).sum(axis=1), 1e-12), 0, 1)
            squares = np.minimum(squares, ((way - part[:, None] * edge) ** 2).sum(axis=1))
            above &= (np.cross(edge, way) * normal).sum(axis=1) >= 0
        heights = ((place - triangles[:, 0]) * normal).sum(axis=1) ** 2
        nearest[index] = np.sqrt(np.where(above, heights, squares).min(initial=np.inf))
    return nearest
