"""The blocks RT4KSR is built from (Zamfir et al., CVPR Workshops 2023), and those its document names beside them.

All take and give (n, c, h, w). The names of the parameters are those of the published checkpoints, where there are any.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.models.layers import Layer, Norm
from upframe.ops.convolution import narrow_conv

Activation = Literal["gelu", "lrelu", "relu"]


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each pixel, as in NAFNet: (n, c, h, w) -> (n, c, h, w)."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        # In channels_last memory both permutations are free and the normalised axis is contiguous.
        return F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, self.eps).permute(0, 3, 1, 2)


class RepConv(nn.Module):
    """The re-parameterisable 3x3 convolution, training form: 1x1 up, 3x3 with identity, 1x1 down, identity around all.

    (n, c, h, w) -> (n, c, h, w). The expanded maps are padded with the first convolution's bias, which is what that
    convolution makes of a zero pixel: so the chain equals one zero-padded 3x3 convolution at the borders too.
    """

    def __init__(self, channels: int, ratio: int = 2) -> None:
        super().__init__()
        self.expand_conv = nn.Conv2d(channels, ratio * channels, 1)
        self.fea_conv = nn.Conv2d(ratio * channels, ratio * channels, 3)
        self.reduce_conv = nn.Conv2d(ratio * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        expanded = F.conv2d(F.pad(x, (1, 1, 1, 1)), self.expand_conv.weight, self.expand_conv.bias)  # (n, r*c, h+2, w+2)
        features = self.fea_conv(expanded) + expanded[..., 1:-1, 1:-1]  # (n, r*c, h, w)
        reduced: Tensor = self.reduce_conv(features)
        return reduced + x

    @torch.no_grad()
    def merge(self) -> MergedConv:
        """The one 3x3 convolution this chain is equal to, computed in double precision."""
        up, up_bias = _double(self.expand_conv)
        mid, mid_bias = _double(self.fea_conv)
        down, down_bias = _double(self.reduce_conv)
        mid = mid + _identity(mid)
        kernel = torch.einsum("om,mnij,nc->ocij", down[..., 0, 0], mid, up[..., 0, 0])
        bias = down[..., 0, 0] @ (torch.einsum("mnij,n->m", mid, up_bias) + mid_bias) + down_bias
        merged = MergedConv(kernel.shape[0]).to(self.expand_conv.weight.dtype)
        merged.rep_conv.weight.copy_(kernel + _identity(kernel))
        merged.rep_conv.bias.copy_(bias)  # type: ignore[union-attr]
        return merged


class MergedConv(nn.Module):
    """The re-parameterisable convolution, merged form: one 3x3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rep_conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return narrow_conv(x, self.rep_conv)


def _double(conv: nn.Conv2d) -> tuple[Tensor, Tensor]:
    assert conv.bias is not None
    return conv.weight.double(), conv.bias.double()


def _identity(kernel: Tensor) -> Tensor:
    """The 3x3 kernel that copies its input, of the shape (c, c, 3, 3) of ``kernel``."""
    identity = torch.zeros_like(kernel)
    index = torch.arange(kernel.shape[0])
    identity[index, index, 1, 1] = 1
    return identity


class SeparableConv(nn.Module):
    """A 3x3 convolution of each channel, then a 1x1 of all (MobileNet): (n, c, h, w) -> (n, c, h, w)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.pointwise = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.pointwise(self.depthwise(x))
        return result


class ChannelAttention(nn.Module):
    """Efficient channel attention (Wang et al., CVPR 2020): (n, c, h, w) -> (n, c, h, w).

    Each channel's mean sees those of its neighbours and gives the channel a weight from 0 to 1. The published block then
    multiplies by the features again, so that they come out squared and weighted; so do these.
    """

    def __init__(self, channels: int, gamma: int) -> None:
        super().__init__()
        size = attention_size(channels, gamma)
        self.conv = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.sigmoid(self.conv(x.mean(dim=(2, 3))[:, None]))  # (n, 1, c)
        return x * weight[:, 0, :, None, None] * x


def attention_size(channels: int, gamma: int) -> int:
    """How many neighbouring channels the attention sees: an odd number near (log2(channels) + 1) / gamma."""
    return int((math.log2(channels) + 1) / gamma) // 2 * 2 + 1


class Block(nn.Module):
    """The simplified NAFNet block, around any convolution: normalise, convolve, activate, attend, add the input."""

    def __init__(
        self,
        convolution: nn.Module,
        channels: int,
        activation: Activation,
        *,
        layernorm: bool,
        residual: bool,
        gamma: int | None,
    ) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels) if layernorm else None
        self.conv1 = convolution
        self.act = activation_layer(activation)
        self.ca = ChannelAttention(channels, gamma) if gamma else None
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        normalised = x if self.norm is None else self.norm(x)
        y: Tensor = self.act(self.conv1(normalised))
        if self.ca is not None:
            y = self.ca(y)
        if not self.residual:
            return y
        return y + x if y.requires_grad else y.add_(x)  # the gradient of ReLU needs what was there

    def layer(self, activation: Activation) -> Layer:
        """It as data, without attention, around a convolution that is merged."""
        return plain_layer(self.conv1, self.norm, activation=activation, added="input" if self.residual else None)


class NAFBlock(nn.Module):
    """NAFNet's block (Chen et al., ECCV 2022): gates, the product of half the channels with the other half, for activations.

    (n, c, h, w) -> (n, c, h, w). ``squeeze`` is its simplified channel attention. The learnt weights of its two branches
    begin at zero, and are there only with ``residual``: without the identity nothing would come out.
    """

    def __init__(self, channels: int, *, layernorm: bool, residual: bool, squeeze: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = (ChannelNorm(channels) if layernorm else nn.Identity() for _ in range(2))
        self.conv1 = nn.Conv2d(channels, 2 * channels, 1)
        self.conv2 = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels, 1)) if squeeze else None
        self.conv3 = nn.Conv2d(channels, channels, 1)
        self.conv4 = nn.Conv2d(channels, 2 * channels, 1)
        self.conv5 = nn.Conv2d(channels, channels, 1)
        self.residual = residual
        if residual:
            self.beta, self.gamma = (nn.Parameter(torch.zeros(1, channels, 1, 1)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        y = _gate(self.conv2(self.conv1(self.norm1(x))))
        y = self.conv3(y if self.sca is None else y * self.sca(y))
        if self.residual:
            y = x + self.beta * y
        z: Tensor = self.conv5(_gate(self.conv4(self.norm2(y))))
        return y + self.gamma * z if self.residual else z


def _gate(x: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=1)
    return first * second


def plain_layer(
    convolution: nn.Module,
    norm: nn.Module | None = None,
    *,
    activation: Activation | None = None,
    added: Literal["input", "first"] | None = None,
) -> Layer:
    """A plain or merged convolution, with what is before and after it, as data."""
    plain = convolution.rep_conv if isinstance(convolution, MergedConv) else convolution
    assert isinstance(plain, nn.Conv2d)
    assert plain.bias is not None
    normalised = Norm(norm.weight, norm.bias, norm.eps) if isinstance(norm, ChannelNorm) else None
    return Layer(plain.weight, plain.bias, normalised, activation, added)


def activation_layer(name: Activation) -> nn.Module:
    """The layer of a name; the slope of ``lrelu`` is the published one."""
    layers: dict[Activation, nn.Module] = {"gelu": nn.GELU(), "lrelu": nn.LeakyReLU(0.05), "relu": nn.ReLU()}
    return layers[name]
