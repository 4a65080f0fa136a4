"""A small world whose every buffer is known exactly: textured rectangles before a wall, seen by a camera that moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upframe.rendered.check.depth import CameraMatrices
from upframe.rendered.frame import RenderedFrame
from upframe.rendered.jitter import halton

Floats = NDArray[np.float64]

NEAR, FAR = 0.5, 60.0
HEIGHT, WIDTH = 72, 112


@dataclass(frozen=True)
class Rectangle:
    """Centre, half a width and half a height, facing +z; tilted: how much nearer it is per unit of height."""

    centre: tuple[float, float, float]
    half: tuple[float, float]
    tilt: float = 0.0
    phase: float = 0.0


RECTANGLES = (
    Rectangle((0.0, 0.0, -24.0), (200.0, 9.0), tilt=0.3, phase=0.3),
    Rectangle((-2.5, 0.4, -9.0), (1.3, 2.2), phase=1.7),
    Rectangle((2.2, -0.8, -6.0), (0.9, 1.2), tilt=-0.2, phase=2.9),
    Rectangle((0.4, 1.1, -4.2), (0.5, 0.45), phase=4.1),
)


def camera(time: float) -> CameraMatrices:
    """It moves sideways and forward ever faster, and turns."""
    turn = 0.012 * time + 0.01 * np.sin(time)
    cos, sin = np.cos(turn), np.sin(turn)
    pose = np.array([[cos, 0, sin, 0], [0, 1, 0, 0], [-sin, 0, cos, 0], [0, 0, 0, 1.0]])
    pose[:3, 3] = 0.14 * time + 0.03 * time**2, 0.1 * time - 0.012 * time**2, -0.1 * time
    focal = 1.4
    projection = np.zeros((4, 4))
    projection[0, 0], projection[1, 1] = focal * HEIGHT / WIDTH, focal
    projection[2, 2:] = (FAR + NEAR) / (NEAR - FAR), 2 * FAR * NEAR / (NEAR - FAR)
    projection[3, 2] = -1
    return CameraMatrices(np.linalg.inv(pose), projection)


def _places(jitter: tuple[float, float], size: tuple[int, int]) -> Floats:
    """x, y of the samples: (h * w, 2)."""
    y, x = np.mgrid[: size[0], : size[1]].reshape(2, -1) + 0.5
    return np.stack((x + jitter[0], y + jitter[1]), axis=1)


def _to_pixels(points: Floats, at: CameraMatrices, size: tuple[int, int]) -> Floats:
    clip = points @ at.view.T @ at.projection.T
    return np.stack(((clip[:, 0] / clip[:, 3] + 1) / 2 * size[1], (1 - clip[:, 1] / clip[:, 3]) / 2 * size[0]), axis=1)


def _texture(x: Floats, y: Floats, phase: float) -> Floats:
    waves = [(2.1, 1.3), (1.2, -2.6), (3.4, 0.7)]
    base = [np.sin(a * x + b * y + phase) * np.sin(0.6 * b * x - a * y + 2 * phase) for a, b in waves]
    return np.stack([0.45 + 0.35 * wave for wave in base], axis=1)


def _seen(origin: Floats, direction: Floats) -> tuple[Floats, Floats, Floats]:
    """Depth (n,), ``inf`` where there is nothing, albedo and normal (n, 3) along rays of length 1 along the view axis."""
    depth, albedo, normal = np.full(len(direction), np.inf), np.zeros_like(direction), np.zeros_like(direction)
    for rectangle in RECTANGLES:
        facing = np.array([0.0, -rectangle.tilt, 1.0])
        distance = ((np.array(rectangle.centre) - origin) @ facing) / (direction @ facing)
        point = origin + distance[:, None] * direction - rectangle.centre
        hit = (np.abs(point[:, :2]) < rectangle.half).all(axis=1) & (distance > NEAR) & (distance < depth)
        detail = 12 / abs(rectangle.centre[2])  # no finer on the screen than a few pixels
        depth[hit] = distance[hit]
        albedo[hit] = _texture(point[hit, 0] * detail, point[hit, 1] * detail, rectangle.phase)
        normal[hit] = facing / np.linalg.norm(facing)
    return depth, albedo, normal


def render(
    time: float, jitter: tuple[float, float] = (0.0, 0.0), *, size: tuple[int, int] = (HEIGHT, WIDTH), cut: bool = False
) -> RenderedFrame:
    """A frame with all buffers; linear light up to about 2."""
    now, before = camera(time), camera(time - 1)
    place, p = _places(jitter, size), now.projection
    across, up = 2 * place[:, 0] / size[1] - 1, 1 - 2 * place[:, 1] / size[0]
    pose: Floats = np.asarray(np.linalg.inv(now.view))
    direction: Floats = np.stack((across / p[0, 0], up / p[1, 1], -np.ones(len(place))), axis=1) @ pose[:3, :3].T
    depth, albedo, normal = _seen(pose[:3, 3], direction)
    endless = ~np.isfinite(depth)
    points = np.where(endless[:, None], direction, pose[:3, 3] + direction * np.where(endless, 0, depth)[:, None])
    points = np.concatenate((points, np.where(endless, 0.0, 1.0)[:, None]), axis=1)
    sky = np.abs(np.sin(6 * direction[:, :1] / np.abs(direction[:, 2:])) * np.array([[0.3, 0.5, 0.9]]))
    colour = np.where(endless[:, None], sky, 2.2 * albedo)
    motion = _to_pixels(points, before, size) - place
    return RenderedFrame(
        colour=single(colour.reshape(*size, 3)),
        albedo=single(albedo.reshape(*size, 3)),
        depth=single(depth.reshape(size)),
        motion=single(motion.reshape(*size, 2)),
        normal=single(normal.reshape(*size, 3)),
        roughness=np.full(size, 0.5, np.float32),
        metallic=np.zeros(size, np.float32),
        jitter=jitter,
        cut=cut,
    )


def of(frame: RenderedFrame, name: str) -> NDArray[Any]:
    """A buffer as an array."""
    return np.asarray(getattr(frame, name))


def single(values: Any) -> NDArray[np.float32]:
    """Anything as an array of float32."""
    return np.asarray(values, np.float32)


def clip(frames: int = 8, first: float = 0.0) -> list[RenderedFrame]:
    """Frames in order, jittered; the first is a cut."""
    return [render(first + time, jitter, cut=time == 0) for time, jitter in enumerate(halton(frames))]


def cameras(frames: int = 8, first: float = 0.0) -> list[CameraMatrices]:
    """Of :func:`clip`."""
    return [camera(first + time) for time in range(frames)]
