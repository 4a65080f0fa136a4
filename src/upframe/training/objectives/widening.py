"""The large FRVSR that computes what a smaller one does.

A small network learns most of what it ever will in the time the large one needs to leave bicubic. So the large one can begin as
the small one with channels and blocks added that change nothing yet, and learn only what these add (Net2Net: Chen, Goodfellow
and Shlens, ICLR 2016; here the new channels have random weights of their own and are not heard by the old ones at first).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from upframe.errors import CheckpointError
from upframe.models.frvsr import FRVSR


@torch.no_grad()
def begin_widened(network: FRVSR, small: FRVSR) -> None:
    """Give a network the weights of a smaller one; where it is larger, it keeps its own and the old channels ignore these.

    Both then compute the same. Raises CheckpointError for another scale or degradation, and for one that is larger somewhere.
    """
    own, given = dict(network.named_modules()), dict(small.named_modules())
    alike = (network.scale, network.degradation) == (small.scale, small.degradation)
    fits = network.channels >= small.channels and network.flow_channels >= small.flow_channels
    if not (alike and fits and own.keys() >= given.keys()):
        raise CheckpointError(
            "model.widen: needs a network of the same scale and degradation, with no more channels, blocks and flow channels"
        )
    for name, layer in own.items():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            other = given.get(name)
            if isinstance(other, nn.Conv2d | nn.ConvTranspose2d):
                _take_over(layer, other)
            elif name.endswith("conv.2"):  # the end of a block that is new
                _ignore(layer, small.channels)


def _take_over(layer: nn.Conv2d | nn.ConvTranspose2d, other: nn.Conv2d | nn.ConvTranspose2d) -> None:
    old = other.out_channels
    _by_output(layer)[:old] = 0
    _by_output(layer)[:old, : other.in_channels] = _by_output(other)
    _bias(layer)[:old] = _bias(other)


def _ignore(layer: nn.Conv2d | nn.ConvTranspose2d, old: int) -> None:
    """Let the first ``old`` channels pass a block unchanged."""
    _by_output(layer)[:old] = 0
    _bias(layer)[:old] = 0


def _by_output(layer: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    """The weights (outputs, inputs, 3, 3), whichever way the layer keeps them."""
    return layer.weight.detach() if isinstance(layer, nn.Conv2d) else layer.weight.detach().transpose(0, 1)


def _bias(layer: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias.detach()
