"""RT4KSR on CUDA, each layer with all that follows it in one kernel: the same network, computed in other steps.

A block's normalisation is done where the block before writes its result, while all channels of a pixel are at hand. What is
left to memory is one map read and one written for each 3x3 convolution.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

from torch import Tensor, nn

from upframe.models.rt4ksr_blocks import Block, ChannelNorm, MergedConv


class MergedRT4KSR(Protocol):
    """The parts of an RT4KSR that are computed here, as :class:`upframe.models.rt4ksr.RT4KSR` has them once it is merged."""

    head: nn.Sequential
    body: nn.Sequential
    tail: nn.Sequential
    upsample: nn.Sequential
    scale: int
    unshuffle: int
    fold: int


_FUSED = {
    "design": "rep",
    "block": "simplified",
    "activation": "gelu",
    "downscaling": False,
    "high_frequency": "none",
    "squeeze": False,
    "merged": True,
}


def can_be_fused(switches: Mapping[str, Any]) -> bool:
    """Whether :func:`upscale` computes networks of these keywords: the published and the shipped weights, merged.

    Not those with both normalisation and residuals, whose blocks would have to write two maps.
    """
    return all(switches[name] == value for name, value in _FUSED.items()) and not (
        switches["layernorm"] and switches["residual"]
    )


def upscale(network: MergedRT4KSR, x: Tensor) -> Tensor:
    """What the network adds to its skip: (n, 3, h, w) -> (n, 3, scale*h, scale*w), by Triton."""
    from upframe.ops.triton.convolving import convolve

    blocks = [cast(Block, block) for block in network.body]
    norms = [_norm(block.norm) for block in blocks] + [_norm(network.tail[0])]
    y = convolve(x, cast(nn.Conv2d, network.head[0]), unshuffle=network.unshuffle, norm=norms[0])  # (n, c, h/2, w/2)
    for block, norm in zip(blocks, norms[1:], strict=True):
        convolution = cast(MergedConv, block.conv1).rep_conv
        y = convolve(y, convolution, gelu=True, added=y if block.residual else None, norm=norm)
    y = convolve(y, cast(MergedConv, network.tail[1]).rep_conv)
    return convolve(y, cast(nn.Conv2d, network.upsample[0]), shuffle=network.fold * network.scale)


def _norm(layer: nn.Module | None) -> tuple[Tensor, Tensor, float] | None:
    return (layer.weight, layer.bias, layer.eps) if isinstance(layer, ChannelNorm) else None
