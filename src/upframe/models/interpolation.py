"""Bicubic and Lanczos upscaling as models, so that every command and comparison can use them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from upframe.models.cards import formula
from upframe.ops.resize import Kernel, upscale


class Interpolation(nn.Module):
    """(n, 3, h, w) -> (n, 3, scale*h, scale*w) by MATLAB-style interpolation, not clamped. Scale 1 changes nothing."""

    kind: Literal["image"] = "image"

    def __init__(self, kernel: Kernel, scale: int) -> None:
        super().__init__()
        self.kernel, self.scale = kernel, scale
        self.info = formula(kernel, scale)
        self.configuration: dict[str, str] = {}

    def forward(self, x: Tensor) -> Tensor:
        return upscale(x, self.scale, kernel=self.kernel)

    def example_inputs(self, height: int, width: int) -> tuple[Tensor, ...]:
        """A random image (1, 3, height, width), always the same, to profile with."""
        return (torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0)),)

    def graphs(self) -> tuple[nn.Module, ...]:
        """What is compiled: all of it."""
        return (self,)

    def export_step(self) -> None:
        """Nothing: other programs interpolate too."""
