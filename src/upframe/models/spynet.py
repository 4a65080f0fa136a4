"""SPyNet: optical flow by a spatial pyramid (Ranjan and Black, CVPR 2017), in the six-level form of BasicVSR and TTVSR.

From the coarsest level to the finest, one small network a level corrects the flow that the level before found (section 3.1).
The names of the parameters are those of the published checkpoints (`basic_module.<level>.basic_module.<layer>.conv`).
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.errors import ShapeError
from upframe.ops.convolution import narrow_conv
from upframe.ops.warp import warp

LEVELS = 6
MULTIPLE = 2 ** (LEVELS - 1)  # of both sides of an image, so that each level is half of the next


class Level(nn.Module):
    """The correction of one level (section 3.2): image, warped neighbour and flow, (n, 3 + 3 + 2, h, w) -> (n, 2, h, w)."""

    def __init__(self) -> None:
        super().__init__()
        layers = [
            nn.Sequential(OrderedDict(conv=nn.Conv2d(before, after, 7, padding=3)))
            for before, after in pairwise((8, 32, 64, 32, 16, 2))
        ]
        for layer in layers[:-1]:
            layer.add_module("activation", nn.ReLU(inplace=True))
        self.basic_module = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        last = cast(nn.Sequential, self.basic_module[-1])
        return narrow_conv(self.basic_module[:-1](x), cast(nn.Conv2d, last.conv))


class SPyNet(nn.Module):
    """The flow from one image to another.

    Convention: reference and neighbour (n, 3, h, w) in [0, 1] -> flow (n, 2, h, w) in pixels, x then y, such that
    ``reference(p)`` is what ``neighbour(p + flow(p))`` shows: ``warp(neighbour, flow)`` looks like ``reference``. Any size:
    computed at the next multiples of 32, reached by bilinear upscaling, and scaled back. Raises ShapeError for images
    that differ in shape.

    ``mean`` and ``std`` are the normalisation of the training (ImageNet's). A checkpoint that has them is taken at its word;
    one that leaves them out is complete.
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.basic_module = nn.ModuleList(Level() for _ in range(LEVELS))
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))
        self.register_load_state_dict_pre_hook(_complete)  # type: ignore[no-untyped-call]  # torch has no types here

    def forward(self, reference: Tensor, neighbour: Tensor) -> Tensor:
        if reference.ndim != 4 or reference.shape[1] != 3 or neighbour.shape != reference.shape:
            shapes = f"{tuple(reference.shape)} and {tuple(neighbour.shape)}"
            raise ShapeError(f"optical flow is between two images of one shape (n, 3, h, w), not {shapes}")
        height, width = reference.shape[-2:]
        size = (height + -height % MULTIPLE, width + -width % MULTIPLE)
        flow = self._pyramid_flow(_resize(reference, size), _resize(neighbour, size))
        x, y = _resize(flow, (height, width)).unbind(1)
        return torch.stack((x * (width / size[1]), y * (height / size[0])), dim=1)

    def _pyramid_flow(self, reference: Tensor, neighbour: Tensor) -> Tensor:
        """The flow of images whose sides are multiples of 32."""
        references, neighbours = self._pyramid(reference), self._pyramid(neighbour)  # the coarsest last
        n, _, height, width = references[-1].shape
        flow = reference.new_zeros(n, 2, height, width)
        for level in self.basic_module:
            image, other = references.pop(), neighbours.pop()
            if image.shape[-2:] != flow.shape[-2:]:
                flow = 2 * F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=True)
            warped = warp(other, flow, padding="border")
            flow = flow + level(torch.cat((image, warped, flow), dim=1))
        return flow

    def _pyramid(self, image: Tensor) -> list[Tensor]:
        """The normalised image, then each time half of it."""
        levels = [(image - self.mean) / self.std]
        for _ in self.basic_module[1:]:
            levels.append(F.avg_pool2d(levels[-1], 2))
        return levels


def _resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    if image.shape[-2:] == size:
        return image
    return F.interpolate(image, size, mode="bilinear", align_corners=False)


def _complete(module: SPyNet, state: dict[str, Any], prefix: str, *_: object) -> None:
    """The normalisation for checkpoints without one."""
    state.setdefault(f"{prefix}mean", module.mean)
    state.setdefault(f"{prefix}std", module.std)
