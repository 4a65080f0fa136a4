"""A clip that is not in any file: made again for each test, the same each time."""

from __future__ import annotations

import torch
from torch import Tensor


def moving_square(count: int = 4, *, height: int = 64, width: int = 96, noise: float = 0.0) -> list[Tensor]:
    """A textured ground over which a bright square goes two pixels to the right a frame; (3, h, w) float in [0, 1]."""
    generator = torch.Generator().manual_seed(5)
    coarse = torch.rand(1, 3, height // 8, width // 8, generator=generator)
    ground = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")[0].clamp(0.1, 0.7)
    frames = []
    for index in range(count):
        frame = ground.clone()
        frame[:, 20:40, 10 + 2 * index : 30 + 2 * index] = 0.9
        frame += noise * torch.randn(frame.shape, generator=generator)
        frames.append(frame.clamp(0, 1))
    return frames
