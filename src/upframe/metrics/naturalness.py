"""NIQE: how far an image's statistics lie from those of pristine photographs, without a reference.

Source: Mittal, Soundararajan and Bovik, "Making a Completely Blind Image Quality Analyzer", IEEE Signal Processing Letters,
2013. The model of pristine images is that of their release (125 photographs, blocks of 96x96).
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from upframe.errors import ShapeError
from upframe.metrics.frames import check_frame, images
from upframe.metrics.luma import luma
from upframe.ops.resize import downscale

BLOCK = 96  # pixels; the model holds for this size only
_MODEL = Path(__file__).parent / "weights" / "niqe.safetensors"


@torch.no_grad()
def niqe(frame: Tensor) -> float:
    """NIQE, lower is better: photographs lie between 2 and 5. Of several images the mean.

    frame (..., 3, h, w), uint8 or in [0, 1], at least 192x96 or 96x192 pixels: one block has no covariance. Computed on luma
    (BT.601, limited range, rounded to whole codes), in blocks of 96x96 from the top left, at full and at half size (MATLAB's
    bicubic). Raises ShapeError for a smaller image, InputError for NaN. nan for an image that is flat
    throughout; where large areas are flat, implementations differ in the third decimal, by rounding.
    """
    check_frame(frame, "the image")
    height, width = frame.shape[-2:]
    if (height // BLOCK) * (width // BLOCK) < 2:
        raise ShapeError(f"an image of {width}x{height} is too small for NIQE: two blocks of {BLOCK}x{BLOCK} pixels are needed")
    planes = luma(images(frame)).cpu().double().mul_(255).round_()
    values = [_distance(_features(plane[0])) for plane in planes]
    return sum(values) / len(values)


def _distance(features: Tensor) -> float:
    """Between the Gaussian of an image's features (blocks, 36) and that of pristine images."""
    mean, covariance = _model()["mean"], _model()["covariance"]
    whole = features[~features.isnan().any(dim=1)]  # a block of one colour has no such statistics
    if len(whole) < 2:
        return math.nan
    away = mean - features.nanmean(dim=0)
    return float((away @ torch.linalg.pinv((covariance + torch.cov(whole.T)) / 2) @ away).sqrt())


@lru_cache(maxsize=1)
def _model() -> dict[str, Tensor]:
    """``mean`` (36,) and ``covariance`` (36, 36) of pristine images' features, ``window`` (7, 7), all float64."""
    return load_file(_MODEL)


def _features(plane: Tensor) -> Tensor:
    """(h, w) of luma codes -> (blocks, 36): 18 of each block, at two sizes."""
    height, width = (n // BLOCK * BLOCK for n in plane.shape)
    plane = plane[:height, :width]
    full = _block_features(_normalised(plane), BLOCK)
    half = _block_features(_normalised(downscale(plane / 255, 2) * 255), BLOCK // 2)
    return torch.cat((full, half), dim=1)


def _normalised(plane: Tensor) -> Tensor:
    """Local mean taken off, divided by the local deviation plus 1; both over a Gaussian window of 7x7, sigma 7/6."""
    both = F.pad(torch.stack((plane, plane.square()))[:, None], (3, 3, 3, 3), "replicate")
    # Not by rows and columns, and with the stored window: in flat areas nothing but rounding is left, and it has a say in the
    # features (a block's values below and above zero are taken apart). The published values have this one in them.
    mean, square = F.conv2d(both, _model()["window"][None, None])[:, 0].unbind()
    deviation = (square - mean.square()).abs().sqrt()
    return (plane - mean) / (deviation + 1)


def _block_features(plane: Tensor, size: int) -> Tensor:
    """(h, w) -> (blocks, 18): shape and spread of the values, and of the products with four neighbours."""
    blocks = plane.unfold(0, size, size).unfold(1, size, size).reshape(-1, size, size)
    shape, left, right = _asymmetric_gaussian(blocks)
    features = [shape, (left + right) / 2]
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        shape, left, right = _asymmetric_gaussian(blocks * blocks.roll(shift, dims=(1, 2)))
        mean = (right - left) * torch.exp(torch.lgamma(2 / shape) - torch.lgamma(1 / shape))
        features += [shape, mean, left, right]
    return torch.stack(features, dim=1)


@lru_cache(maxsize=1)
def _shapes() -> tuple[Tensor, Tensor]:
    """The shapes that are tried, and the ratio of moments that each has, which grows with it."""
    shapes = torch.arange(200, 10001, dtype=torch.float64) / 1000
    inverse = 1 / shapes
    ratios = torch.exp(2 * torch.lgamma(2 * inverse) - torch.lgamma(inverse) - torch.lgamma(3 * inverse))
    return shapes, ratios


def _asymmetric_gaussian(blocks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Shape, left and right scale of the generalised Gaussian that fits each block (n, size, size), by moments: three (n,)."""
    values = blocks.flatten(1)
    squares = values.square()
    left = (squares.where(values < 0, 0).sum(dim=1) / (values < 0).sum(dim=1)).sqrt()
    right = (squares.where(values > 0, 0).sum(dim=1) / (values > 0).sum(dim=1)).sqrt()
    skew = left / right
    ratio = values.abs().mean(dim=1).square() / squares.mean(dim=1)
    ratio = ratio * (skew**3 + 1) * (skew + 1) / (skew.square() + 1).square()
    shapes, ratios = _shapes()
    above = torch.searchsorted(ratios, ratio).clamp(1, len(ratios) - 1)
    nearest = torch.where(ratio - ratios[above - 1] <= ratios[above] - ratio, above - 1, above)
    shape = torch.where(ratio.isnan(), ratio, shapes[nearest])
    scale = torch.exp((torch.lgamma(1 / shape) - torch.lgamma(3 / shape)) / 2)
    return shape, left * scale, right * scale
