"""Optical flow by OpenCV, and what it says about temporal coherence: tOF and the warping error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from upframe.errors import MissingExtra, ShapeError
from upframe.metrics.frames import check_pair, codes_array, unit
from upframe.ops.warp import warp


def _grey(frame: Tensor) -> NDArray[Any]:
    """(3, h, w) -> (h, w) uint8, by OpenCV's weights for RGB."""
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("opencv-python-headless", "evaluate", "optical flow (tOF, warping error)") from error
    return cv2.cvtColor(codes_array(frame), cv2.COLOR_RGB2GRAY)


def farneback(first: Tensor, second: Tensor) -> Tensor:
    """The motion of each pixel from ``first`` to ``second``: two (3, h, w) -> (2, h, w) in pixels, x then y, float32.

    Farneback's method (2003) with the settings of TecoGAN's evaluation: pyramid of 3 at 0.5, window 15, 3 iterations,
    neighbourhood 5, sigma 1.2. Images are rounded to 8 bits. Raises MissingExtra without OpenCV.
    """
    before, after = _grey(first), _grey(second)
    import cv2

    start: Any = None  # OpenCV's stubs know no flow to be made
    flow = cv2.calcOpticalFlowFarneback(before, after, start, 0.5, 3, 15, 3, 5, 1.2, 0)
    return torch.from_numpy(np.asarray(flow, np.float32)).permute(2, 0, 1)


def tof(
    previous_result: Tensor,
    result: Tensor,
    previous_reference: Tensor,
    reference: Tensor,
    *,
    crop: tuple[slice, slice] | None = None,
) -> float:
    """tOF of TecoGAN (Chu et al., 2020): how far the motion of the result departs from that of the reference, pixels.

    The mean length of the difference of the two flows, over ``crop`` (rows, columns) of them; the flow is always that of whole
    frames. Frames (3, h, w), uint8 or in [0, 1]. Raises ShapeError, InputError for NaN, MissingExtra without OpenCV.
    """
    check_pair(result, reference)
    check_pair(previous_result, previous_reference)
    difference = farneback(previous_result, result) - farneback(previous_reference, reference)
    if crop is not None:
        difference = difference[:, crop[0], crop[1]]
    return difference.square().sum(dim=0).sqrt().mean().item()


def visible(flow: Tensor, backward: Tensor) -> Tensor:
    """Where a flow can be trusted: (2, h, w) and the flow the other way -> (h, w) bool.

    False where the two do not cancel (occlusion) and where the flow changes abruptly (the border of a moving object), by the
    tests of Ruder et al. (2016), and where the flow leaves the image.
    """
    back = warp(backward[None], flow[None], padding="border")[0]
    lengths = flow.square().sum(dim=0) + back.square().sum(dim=0)
    cancels = (flow + back).square().sum(dim=0) <= 0.01 * lengths + 0.5
    slopes = sum(gradient.square().sum(dim=0) for gradient in torch.gradient(flow, dim=(1, 2)))
    smooth = slopes <= 0.01 * flow.square().sum(dim=0) + 0.002
    height, width = flow.shape[-2:]
    x = torch.arange(width) + flow[0]
    y = torch.arange(height)[:, None] + flow[1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return cancels & smooth & inside


def reference_motion(previous: Tensor, current: Tensor) -> tuple[Tensor, Tensor]:
    """The flow of the reference, current -> previous, by Farneback, and where it can be trusted: (2, h, w), (h, w)."""
    flow = farneback(current, previous)
    return flow, visible(flow, farneback(previous, current))


@torch.no_grad()
def warping_error(previous: Tensor, current: Tensor, flow: Tensor, counted: Tensor | None = None) -> float:
    """How much a result flickers along the motion: mean squared difference of a frame and the warped one before it.

    previous and current (3, h, w), uint8 or in [0, 1]; ``flow`` (2, h, w) in pixels, current -> previous: a renderer's motion,
    or that of :func:`reference_motion`, which also yields ``counted`` (h, w), the pixels with a partner; nan where there is
    none. As E_warp of Lai et al. (ECCV 2018), of one pair of frames, averaged over the three channels too.
    Raises ShapeError for sizes that do not fit, InputError for NaN.
    """
    check_pair(current, previous)
    if flow.shape[-2:] != current.shape[-2:] or (counted is not None and counted.shape != current.shape[-2:]):
        raise ShapeError(f"a flow of {tuple(flow.shape)} does not fit frames of {tuple(current.shape)}")
    moved = warp(unit(previous)[None], flow.to(previous.device, torch.float32)[None], padding="border")[0]
    error = (unit(current) - moved).square().mean(dim=0)
    if counted is None:
        return error.mean().item()
    chosen = error[counted.to(error.device)]
    return chosen.mean().item() if chosen.numel() else math.nan
