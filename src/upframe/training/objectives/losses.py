"""The losses of the published systems, as functions of two tensors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from upframe.metrics.perceptual import LPIPS, load_lpips
from upframe.ops.convolution import channels_last


def charbonnier(result: Tensor, reference: Tensor, epsilon: float) -> Tensor:
    """Mean of ``sqrt(d**2 + epsilon)``: L1 with a rounded tip. TecoGAN's edition has 1e-6 inside the root, TTVSR 1e-12."""
    return (result - reference).square().add(epsilon).sqrt().mean()


def lpips_networks(weight: float, files: Sequence[str]) -> list[LPIPS]:
    """LPIPS as a loss: one network, or none where it has no weight or no file.

    A list, as what an objective holds in one is neither trained nor kept in checkpoints. Raises CheckpointError for files that
    do not fit.
    """
    if not weight or not files:
        return []
    return [channels_last(load_lpips(*(Path(file).expanduser() for file in files)))]


def cosine_distance(result: Tensor, reference: Tensor) -> Tensor:
    """1 less the mean cosine of the vectors along dimension 1: 0 where all point the same way."""
    return 1 - F.cosine_similarity(result, reference, dim=1).mean()


def judged(logits: Tensor, *, real: bool) -> Tensor:
    """Binary cross-entropy of a discriminator's logits when all of its inputs were ``real``, or none."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))
