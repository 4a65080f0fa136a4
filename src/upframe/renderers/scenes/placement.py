"""Matrices that put things into the world, and paths they move along: see the conventions of ``scene.py``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from upframe.renderers.scene import Matrix, Transform, Vector


def place(
    x: float = 0.0,
    y: float = 0.0,
    z: float = 0.0,
    *,
    turn: float = 0.0,
    tilt: float = 0.0,
    roll: float = 0.0,
    scale: float | tuple[float, float, float] = 1.0,
) -> Matrix:
    """Object to world: scaled, then rolled about x, tilted about y, turned about z (radians), then moved."""
    wide, deep, high = (scale, scale, scale) if isinstance(scale, (int, float)) else scale
    a, b, c = math.cos(turn), math.cos(tilt), math.cos(roll)
    d, e, f = math.sin(turn), math.sin(tilt), math.sin(roll)
    return np.array(
        [
            [wide * a * b, deep * (a * e * f - d * c), high * (a * e * c + d * f), x],
            [wide * d * b, deep * (d * e * f + a * c), high * (d * e * c - a * f), y],
            [wide * -e, deep * b * f, high * b * c, z],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )


def look_at(eye: Sequence[float] | Vector, target: Sequence[float] | Vector, roll: float = 0.0) -> Matrix:
    """Camera to world: at ``eye``, its -z towards ``target``, z of the world up, turned by ``roll`` about the view axis."""
    position = np.asarray(eye, np.float64)
    back = position - np.asarray(target, np.float64)
    back /= np.linalg.norm(back)
    right = np.cross((0.0, 0.0, 1.0), back)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack((right, np.cross(back, right), back), axis=1) @ place(turn=roll)[:3, :3]
    pose[:3, 3] = position
    return pose


def along(points: Sequence[Sequence[float]], seconds: float, time: float) -> Vector:
    """Where a thing is that goes through ``points`` (n, 3) in ``seconds``, smoothly (Catmull-Rom), and straight on beyond."""
    track = np.asarray(points, np.float64)
    spans = len(track) - 1
    progress = time / seconds * spans
    if progress <= 0:
        return np.asarray(track[0] + progress * (track[1] - track[0]))
    if progress >= spans:
        return np.asarray(track[-1] + (progress - spans) * (track[-1] - track[-2]))
    first = int(progress)
    t = progress - first
    before = track[first - 1] if first else 2 * track[0] - track[1]
    after = track[first + 2] if first + 2 <= spans else 2 * track[-1] - track[-2]
    start, end = track[first], track[first + 1]
    straight, bend, twist = end - before, 2 * before - 5 * start + 4 * end - after, 3 * (start - end) + after - before
    return np.asarray(0.5 * (2 * start + straight * t + bend * t**2 + twist * t**3))


def walk(
    eyes: Sequence[Sequence[float]],
    targets: Sequence[Sequence[float]],
    seconds: float,
    *,
    unrest: float = 0.01,
    phase: float = 0.0,
) -> Transform:
    """A camera that goes through ``eyes`` while it looks along ``targets``, held by a hand with some ``unrest`` (metres)."""

    def pose(time: float) -> Matrix:
        a, b, c = (np.sin(time * rate + phase * (index + 1)) for index, rate in enumerate((5.1, 7.3, 3.7)))
        shake = unrest * np.array([a, b, c])
        return look_at(
            along(eyes, seconds, time) + shake, along(targets, seconds, time) - 2 * shake[::-1], roll=0.5 * unrest * b
        )

    return pose


def sway(rest: Matrix, *, angle: float, rate: float, phase: float) -> Transform:
    """A thing that rocks about its own origin: branches, signs, lamps."""

    def transform(time: float) -> Matrix:
        swing = place(
            tilt=angle * float(np.sin(rate * time + phase)), roll=0.7 * angle * float(np.sin(1.3 * rate * time + 2 * phase))
        )
        return rest @ swing

    return transform


def still(spot: tuple[float, float, float]) -> Callable[[float], tuple[float, float, float]]:
    """A light that stays where it is."""
    return lambda time: spot
