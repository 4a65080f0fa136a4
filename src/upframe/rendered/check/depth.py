"""Depth held against the motion it must explain: what kind of depth, and which end of it is near.

With camera matrices every kind is carried from frame to frame (:func:`by_cameras`). Without them, what comes into sight must
lie behind what hid it (:func:`hidden_by_farther`), and a depth that keeps to [0, 1] is not one in scene units.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from upframe.rendered.check.motion import as_planes
from upframe.rendered.check.readings import Reading, as_tensor
from upframe.rendered.frame import RenderedFrame
from upframe.rendered.history import accumulate_motion

Floats = NDArray[np.float64]

PLACES = 3000  # pixels of a frame
RIGHT_ENOUGH = 0.02  # pixels of error below which the stated kind is not questioned
# A frame is not that of its cameras beyond so many pixels, so many times the usual, and this part of the motion.
STRAY, STRAY_RATIO, STRAY_PART = 0.004, 10.0, 1e-3
BETTER = 0.5  # another kind is named when it leaves less than this part of the stated kind's error
FAR_BETTER = 0.1  # though the stated kind is right enough
JUMP = 0.15  # difference of ranks among the depths of two frames; a smaller one may be a slope
BACKGROUND = 0.005  # of the pixels: 1 or 0 at more of them is a background
RANK_STEPS = 32
CENTRE = 4  # of the 3x3 pixels that _around gives
SPAN = 6  # frames at most over which things come into sight; paths go astray where they are hidden on the way
LEAST_COUNT, ONE_SIDED = 30, 0.75  # pixels that must tell near from far, and the part of them that must say "inverted"


class CameraMatrices(NamedTuple):
    """World to camera, and camera to clip coordinates, (4, 4) each, as in OpenGL, without jitter.

    The camera looks along its -z, y up; of clip coordinates y is up, depth runs from -1 to 1, and w is the distance.
    """

    view: Floats
    projection: Floats


class DepthSample(NamedTuple):
    """Some pixels of a frame."""

    frame: int
    size: tuple[int, int]
    place: Floats  # (n, 2) x, y of the samples in pixels, pixel centres at +0.5
    depth: Floats  # (n,) as stored
    motion: Floats  # (n, 2) to the frame before

    @property
    def found(self) -> Floats:
        """Where the samples were in the frame before, (n, 2)."""
        return self.place + self.motion


def sample(
    earlier: RenderedFrame, later: RenderedFrame, index: int, reading: Reading, turned: tuple[bool, bool] = (False, False)
) -> DepthSample:
    """Pixels of ``later``, its motion and jitter read as ``reading`` says; ``turned``: depth, motion upside down."""
    height, width = later.size
    step = max(int((height * width / PLACES) ** 0.5), 1)
    rows, columns = (grid.ravel() for grid in np.mgrid[step // 2 : height : step, step // 2 : width : step])
    jitter, motion = _scene_motion(earlier, later, reading)
    place = np.stack((columns + 0.5 + jitter[0], rows + 0.5 + jitter[1]), axis=1)
    in_depth, in_motion = (height - 1 - rows if turn else rows for turn in turned)
    return DepthSample(index, later.size, place, _stored_depth(later)[in_depth, columns], motion[:, in_motion, columns].T)


def _stored_depth(frame: RenderedFrame) -> Floats:
    return np.asarray(as_planes(frame.depth)[0, 0].double().numpy())


def _scene_motion(earlier: RenderedFrame, later: RenderedFrame, reading: Reading) -> tuple[Floats, Floats]:
    """The later frame's jitter (2,) and motion (2, h, w) as they should have been stored."""
    height, width = later.size
    stored = as_planes(later.motion).nan_to_num(0, 0, 0)[0].flatten(1)
    motion = reading.motion.apply(stored, later.size).double().numpy().reshape(2, height, width)
    now, before = (reading.jitter.in_pixels(as_tensor(frame.jitter), frame.size).double().numpy() for frame in (later, earlier))
    return now, motion + ((reading.jitter.times - 1) * (now - before))[:, None, None]


# With cameras

Distance: TypeAlias = Callable[[DepthSample, CameraMatrices], Floats]


def _from_clip_depth(offset: float, factor: float) -> Distance:
    """Stored depth whose clip depth z / w is offset + factor * stored."""

    def distance(pixels: DepthSample, camera: CameraMatrices) -> Floats:
        a, b = camera.projection[2, 2], camera.projection[2, 3]  # z / w = b / distance - a
        return np.asarray(b / (offset + factor * pixels.depth + a))

    return distance


def _from_ray(pixels: DepthSample, camera: CameraMatrices) -> Floats:
    return np.asarray(pixels.depth / np.linalg.norm(_rays(pixels, camera), axis=1))


def _far(camera: CameraMatrices) -> float:
    a, b = camera.projection[2, 2], camera.projection[2, 3]
    return float(b / (1 + a)) if a != -1 else float("inf")


def _times(factor: float) -> Distance:
    return lambda pixels, camera: pixels.depth * factor


KINDS: dict[str, Distance] = {
    "depth is the distance along the view axis": _times(1),
    "depth looks inverted: reverse z, device depth that is 1 near and 0 far": _from_clip_depth(1, -2),
    "depth looks non-linear: device depth, 0 near and 1 far": _from_clip_depth(-1, 2),
    "depth looks non-linear: clip depth, -1 near and 1 far": _from_clip_depth(0, 1),
    "depth looks inverted: 1 / distance": lambda pixels, camera: 1 / pixels.depth,
    "depth looks inverted: 1 - distance / far plane": lambda pixels, camera: (1 - pixels.depth) * _far(camera),
    "depth looks inverted: far plane - distance": lambda pixels, camera: _far(camera) - pixels.depth,
    "depth looks divided by the far plane": lambda pixels, camera: pixels.depth * _far(camera),
    "depth looks like the distance along the ray, not along the view axis": _from_ray,
    **{f"depth looks {factor:g} times too small for the camera": _times(factor) for factor in (10, 100, 1000)},
    **{f"depth looks {factor:g} times too large for the camera": _times(1 / factor) for factor in (10, 100, 1000)},
}
"""What stored depth may be, the contract's first, and the distance along the view axis that it then means."""


def _rays(pixels: DepthSample, camera: CameraMatrices) -> Floats:
    """(n, 3) in camera space, at distance 1 along the view axis."""
    height, width = pixels.size
    across = 2 * pixels.place[:, 0] / width - 1
    up = 1 - 2 * pixels.place[:, 1] / height
    p = camera.projection
    return np.stack(((across + p[0, 2]) / p[0, 0], (up + p[1, 2]) / p[1, 1], -np.ones_like(up)), axis=1)


def _carried(pixels: DepthSample, distance: Floats, now: CameraMatrices, before: CameraMatrices) -> Floats:
    """Where points that stand still were in the frame before, in pixels: (n, 2)."""
    rays = _rays(pixels, now)
    endless = ~np.isfinite(distance)
    points = np.concatenate(
        (np.where(endless[:, None], rays, rays * distance[:, None]), np.where(endless, 0, 1)[:, None]), axis=1
    )
    clip = points @ np.linalg.inv(now.view).T @ before.view.T @ before.projection.T
    height, width = pixels.size
    return np.stack((clip[:, 0] / clip[:, 3] + 1, 1 - clip[:, 1] / clip[:, 3]), axis=1) * (width / 2, height / 2)


class CameraMistake(NamedTuple):
    """What is wrong, with which buffer, and what to store instead."""

    about: Literal["depth", "motion", "buffers"]
    words: str
    remedy: str = ""


_STATED = CameraMistake("depth", "depth is the distance along the view axis")
_TOP_DOWN = "store rows from the top to the bottom"
_TURNED: dict[tuple[bool, bool], CameraMistake] = {  # whether depth is upside down, and motion
    (True, False): CameraMistake("depth", "depth is upside down", _TOP_DOWN),
    (False, True): CameraMistake("motion", "motion is upside down", _TOP_DOWN),
    (True, True): CameraMistake("buffers", "depth and motion are upside down", _TOP_DOWN),
}
_SIGNS = {(1, -1): "motion y looks inverted", (-1, 1): "motion x looks inverted", (-1, -1): "motion looks flipped in sign"}


class DepthVerdict(NamedTuple):
    """What is wrong, and how many pixels depth and motion are off, as a median, under that reading and under the stated."""

    mistake: CameraMistake
    error: float
    stated: float

    @property
    def is_right(self) -> bool:
        """Whether the stated reading fits, and no other fits far better."""
        return self.stated < STRAY or (self.stated < RIGHT_ENOUGH and self.error > FAR_BETTER * self.stated)


class CameraPair(NamedTuple):
    """Pixels of a frame, with its buffers as they are and upside down (depth, motion), and the cameras of it and before it."""

    samples: Mapping[tuple[bool, bool], DepthSample]
    now: CameraMatrices
    before: CameraMatrices


def camera_pair(
    earlier: RenderedFrame, later: RenderedFrame, index: int, reading: Reading, cameras: Sequence[CameraMatrices]
) -> CameraPair:
    """Of a frame and the one before it."""
    ways = ((False, False), *_TURNED)
    samples = {turned: sample(earlier, later, index, reading, turned) for turned in ways}
    return CameraPair(samples, cameras[index], cameras[index - 1])


def by_cameras(pairs: Sequence[CameraPair]) -> DepthVerdict:
    """Each kind of depth carried to the frame before by the cameras, against the motion, in each way that is mistaken."""
    errors: dict[CameraMistake, float] = {}
    with np.errstate(all="ignore"):
        for words, distance in KINDS.items():
            errors[CameraMistake("depth", words)] = _median_error(pairs, (False, False), (1, 1), distance)
        stated = errors[_STATED]
        if stated >= STRAY:
            distance = KINDS[_STATED.words]
            for which, mistake in _TURNED.items():
                errors[mistake] = _median_error(pairs, which, (1, 1), distance)
            for signs, words in _SIGNS.items():
                errors[CameraMistake("motion", words)] = _median_error(pairs, (False, False), signs, distance)
                if signs == (1, -1):
                    both = "depth and motion are upside down, and motion y looks inverted"
                    errors[CameraMistake("buffers", both, _TOP_DOWN)] = _median_error(pairs, (True, True), signs, distance)
    mistake = min(errors, key=lambda kind: errors[kind])
    return DepthVerdict(mistake, errors[mistake], stated)


def _median_error(pairs: Sequence[CameraPair], which: tuple[bool, bool], signs: tuple[int, int], distance: Distance) -> float:
    errors = []
    for pair in pairs:
        pixels = pair.samples[which]
        errors.append(_camera_error(pixels._replace(motion=pixels.motion * signs), distance, pair.now, pair.before))
    return float(np.median(errors))


def _camera_error(
    pixels: DepthSample, distance: Distance, now: CameraMatrices, before: CameraMatrices, part: float = 0.5
) -> float:
    """In pixels; ``part`` of them are off by less."""
    along = distance(pixels, now)
    off = np.linalg.norm(_carried(pixels, along, now, before) - pixels.found, axis=1)
    valid = np.isfinite(off) & (along > 0)
    return float(np.quantile(np.where(valid, off, np.inf), part, method="lower"))


def stray_error(pixels: DepthSample, now: CameraMatrices, before: CameraMatrices) -> tuple[float, float]:
    """By how many pixels the best quarter of a frame is off from where its cameras carry it, and how far it moves."""
    with np.errstate(all="ignore"):
        off = _camera_error(pixels, KINDS[_STATED.words], now, before, 0.25)
    return off, float(np.median(np.linalg.norm(np.nan_to_num(pixels.motion), axis=1)))


def strays(errors: Mapping[int, tuple[float, float]]) -> list[int]:
    """The frames that are not of their cameras, though the others are; ``errors``: of each, as of :func:`stray_error`."""
    usual = float(np.median([off for off, _ in errors.values()])) if errors else np.inf
    if usual >= RIGHT_ENOUGH:
        return []
    return [frame for frame, (off, moved) in errors.items() if off > max(STRAY, STRAY_RATIO * usual, STRAY_PART * moved)]


def parallax(pixels: DepthSample, now: CameraMatrices, before: CameraMatrices) -> float:
    """By how many pixels, as a median, points would come from elsewhere if they were twice as far."""
    with np.errstate(all="ignore"):
        near, far = (_carried(pixels, pixels.depth * factor, now, before) for factor in (1.0, 2.0))
    return float(np.median(np.nan_to_num(np.linalg.norm(near - far, axis=1))))


# Without


def bounded_kind(frames: Sequence[RenderedFrame]) -> str:
    """What a depth that never leaves [0, 1] looks like, if its background or its middle shows that it is no distance."""
    depths = np.concatenate([_stored_depth(frame).ravel() for frame in frames])
    depths = depths[np.isfinite(depths)]
    if not depths.size or depths.min() < 0 or depths.max() > 1:
        return ""
    if (depths == 0).mean() > BACKGROUND:
        return "depth looks inverted, with its background at 0: reverse z, or 1 / distance"
    if (depths == 1).mean() > BACKGROUND or np.median(depths) > 0.9:
        return "depth looks non-linear, with its background at 1: device depth, or distance divided by the far plane"
    return ""


def hidden_by_farther(frames: Sequence[RenderedFrame], reading: Reading) -> tuple[int, int]:
    """Of the last frame's pixels that the first shows something else for: for how many a nearer thing, for how many a farther.

    What has come into sight was behind something: of a right depth all are nearer, of an inverted one all are farther. Frames
    in order, without a cut between them. Thin things, which single samples hit
    and miss, do not count.
    """
    first, last = frames[0], frames[-1]
    height, width = last.size
    now, before = _ranks(last, first)
    motions = [torch.from_numpy(_scene_motion(*pair, reading)[1]).float() for pair in pairwise(frames)]
    steps = [torch.zeros(2, height, width), *motions]
    change = reading.jitter.in_pixels(as_tensor(last.jitter) - as_tensor(first.jitter), last.size)
    shift = (accumulate_motion(torch.stack(steps)[None])[0, 0] + change[:, None, None]).numpy()
    rows, columns = np.mgrid[:height, :width]
    x, y = np.rint(columns + shift[0]), np.rint(rows + shift[1])
    inside = (x >= 1) & (x < width - 1) & (y >= 1) & (y < height - 1)
    inside[[0, -1]] = inside[:, [0, -1]] = False
    here = _around(now, rows[inside], columns[inside])
    there = _around(before, y[inside].astype(int), x[inside].astype(int))
    expected = _usual_before(here[CENTRE], there[CENTRE])
    nearer = there.max(axis=0) < expected(here.min(axis=0)) - JUMP
    farther = there.min(axis=0) > expected(here.max(axis=0)) + JUMP
    return int(nearer.sum()), int(farther.sum())


def _usual_before(now: Floats, before: Floats) -> Callable[[Floats], Floats]:
    """What rank a rank of now had before, most often: it changes as the camera comes nearer. From pixels, (n,) each."""
    edges = np.linspace(0, 1, RANK_STEPS + 1)[1:-1]
    steps = np.digitize(now, edges)
    centres = (np.arange(RANK_STEPS) + 0.5) / RANK_STEPS
    known = [step for step in range(RANK_STEPS) if (steps == step).any()]
    medians = [float(np.median(before[steps == step])) for step in known]
    return lambda rank: np.interp(rank, centres[known], medians) if known else rank


def _around(image: Floats, rows: NDArray[np.int_], columns: NDArray[np.int_]) -> Floats:
    """3x3 pixels about each place: (9, n)."""
    return np.stack([image[rows + down, columns + right] for down in (-1, 0, 1) for right in (-1, 0, 1)])


def _ranks(first: RenderedFrame, second: RenderedFrame) -> tuple[Floats, Floats]:
    """The depths of two frames as their ranks among all, in [0, 1]: the same for every rising kind of depth."""
    depths = [_stored_depth(frame) for frame in (first, second)]
    order = np.sort(np.nan_to_num(np.concatenate([depth.ravel() for depth in depths])[::7], posinf=np.finfo(np.float64).max))
    ranked = [np.searchsorted(order, np.nan_to_num(depth, posinf=np.finfo(np.float64).max)) / len(order) for depth in depths]
    return ranked[0], ranked[1]
