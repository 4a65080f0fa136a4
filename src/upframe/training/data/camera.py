"""Clips from photographs: a camera that pans, zooms, turns and moves sideways in front of one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional as F

_REACH = 3  # pixels, of bicubic interpolation and rounding
PIXELS = 2  # of the photograph, each way, to a pixel of a frame: averaging them leaves frames sharp and free of aliasing


def video_image(image: Tensor, frames: int, size: int, random: Generator, *, speed: float = 3.0) -> Tensor:
    """A clip (frames, 3, size, size) of a photograph (3, h, w), both uint8.

    ``speed``: the deviation of the pan, in pixels of a frame from one frame to the next; zoom, rotation and parallax move
    the border about as far. What is outside the photograph mirrors it.
    """
    height, width = image.shape[-2:]
    pixels = PIXELS if min(height, width) >= 1.5 * PIXELS * size else 1
    pose = _poses(frames, size, random, speed)  # (frames, 6): x, y, log zoom, angle, sideways x, sideways y
    line = (torch.arange(size * pixels, dtype=torch.float32) + 0.5) / pixels - size / 2  # pixels of a frame, from its centre
    y, x = torch.meshgrid(line, line, indexing="ij")
    start = []
    for side in (width, height):
        margin = min(0.5, 0.6 * size * pixels / side)
        start.append(random.uniform(margin, 1 - margin) * side)
    depth = _relief(random, size)
    across, down = [], []
    for pan_x, pan_y, zoom, angle, side_x, side_y in pose:
        cosine, sine = math.cos(angle) * math.exp(zoom), math.sin(angle) * math.exp(zoom)
        seen_x, seen_y = cosine * x - sine * y + pan_x, sine * x + cosine * y + pan_y
        near = depth(seen_x, seen_y)  # bound to the photograph, as what is near in it stays near
        seen_x, seen_y = seen_x + side_x * near, seen_y + side_y * near
        across.append(seen_x * pixels + start[0])
        down.append(seen_y * pixels + start[1])
    return F.avg_pool2d(_seen(image, torch.stack(across), torch.stack(down)), pixels).round_().clamp_(0, 255).byte()


def _seen(image: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Bicubic samples (frames, 3, h, w) of an image at ``x`` and ``y`` (frames, h, w), in pixels, centres at + 0.5.

    Where all of them are inside, only the part around them is looked at: the image may be of 16 million pixels.
    """
    left, top = math.floor(x.min()) - _REACH, math.floor(y.min()) - _REACH
    right, bottom = math.ceil(x.max()) + _REACH, math.ceil(y.max()) + _REACH
    outside: Literal["zeros", "reflection"] = "reflection"
    if min(left, top) >= 0 and right <= image.shape[-1] and bottom <= image.shape[-2]:
        image, x, y = image[:, top:bottom, left:right], x - left, y - top
        outside = "zeros"  # which is never seen, and computed in half the time
    height, width = image.shape[-2:]
    grid = torch.stack((2 * x / width - 1, 2 * y / height - 1), dim=-1)
    return F.grid_sample(image[None].float().expand(len(x), -1, -1, -1), grid, "bicubic", outside, align_corners=False)


def _poses(frames: int, size: int, random: Generator, speed: float) -> list[list[float]]:
    """Random walks of a velocity that changes slowly, the middle frame at rest."""
    unit = np.array([1, 1, 2 / size, 2 / size, 0.5, 0.5]) * speed
    velocity = random.normal(0, 1, 6) * unit * random.uniform(0, 1, 6)
    steps = velocity + np.cumsum(random.normal(0, 0.15, (frames, 6)) * unit, axis=0)
    path = np.cumsum(steps, axis=0)
    poses: list[list[float]] = (path - path[frames // 2]).tolist()
    return poses


def _relief(random: Generator, size: int) -> Callable[[Tensor, Tensor], Tensor]:
    """How near each point is: a few long waves, in [-1, 1]."""
    waves = random.uniform(-1, 1, (3, 3)) * np.array([4 / size, 4 / size, math.pi])

    def depth(x: Tensor, y: Tensor) -> Tensor:
        total = torch.zeros_like(x)
        for fx, fy, phase in waves.tolist():
            total += torch.sin(fx * x + fy * y + phase)
        return total / len(waves)

    return depth
