"""Which pixels count: all, the edges of the reference, or the holes."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from upframe.errors import MissingExtra, ShapeError
from upframe.metrics.frames import codes_array

MaskMode = Literal["all", "edge", "hole"]


def edge_mask(reference: Tensor) -> Tensor:
    """(3, h, w) uint8 or in [0, 1] -> (h, w), 1 on the edges: OpenCV's Canny with thresholds 100 and 200 on grey of 8 bits.

    As STSSNet's evaluation has it. Raises MissingExtra without OpenCV.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("opencv-python-headless", "evaluate", "the edge mask") from error
    edges = cv2.Canny(cv2.cvtColor(codes_array(reference), cv2.COLOR_RGB2GRAY), 100, 200)
    return torch.from_numpy(edges).to(reference.device, torch.float32).div_(255)


def hole_mask(hole: Tensor, size: tuple[int, int]) -> Tensor:
    """A map of holes (1 = hole) at render or display size -> weights (h, w) at display size ``size``.

    From render size it is upscaled bilinearly (corners not aligned), so that pixels beside a hole count in part, as STSSNet's
    evaluation has it. Raises ShapeError unless ``hole`` is (h, w) with one scale along both axes.
    """
    hole = hole.to(torch.float32)
    if hole.ndim != 2 or 0 in hole.shape or any(n % m for n, m in zip(size, hole.shape, strict=True)):
        raise ShapeError(
            f"a hole map of {tuple(hole.shape)} does not fit a frame of {size}: neither its size nor a fraction of it"
        )
    if tuple(hole.shape) == size:
        return hole
    return F.interpolate(hole[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]
