"""RT4KSR: towards real-time 4K image super-resolution (Zamfir et al., CVPR Workshops 2023).

The picture is folded to half its size (pixel-unshuffle), passes a few cheap convolution blocks there, and is unfolded to
``scale`` times its size. In training every 3x3 convolution of the body is a wider chain of 1x1, 3x3 and 1x1 convolutions
(section 3.3, structural re-parameterisation), which :meth:`RT4KSR.merge` turns into the one convolution it is equal to.

The names of the parameters are those of the published checkpoints, in both forms. The high-frequency branch (``hfb``,
``gamma``) of the released code is computed and thrown away there; here it is neither computed nor kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.errors import CheckpointError
from upframe.models.info import ModelInfo


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
        merged = MergedConv(kernel.shape[0])
        merged.rep_conv.weight.copy_(kernel + _identity(kernel))
        merged.rep_conv.bias.copy_(bias)  # type: ignore[union-attr]
        return merged


class MergedConv(nn.Module):
    """The re-parameterisable convolution, merged form: one 3x3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rep_conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.rep_conv(x)
        return result


def _double(conv: nn.Conv2d) -> tuple[Tensor, Tensor]:
    assert conv.bias is not None
    return conv.weight.double(), conv.bias.double()


def _identity(kernel: Tensor) -> Tensor:
    """The 3x3 kernel that copies its input, of the shape (c, c, 3, 3) of ``kernel``."""
    identity = torch.zeros_like(kernel)
    index = torch.arange(kernel.shape[0])
    identity[index, index, 1, 1] = 1
    return identity


class Block(nn.Module):
    """The simplified NAFNet block of the body (section 3.3): normalise, convolve, GELU, with or without the identity."""

    def __init__(self, channels: int, *, merged: bool, layernorm: bool, residual: bool) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels) if layernorm else None
        self.conv1: nn.Module = MergedConv(channels) if merged else RepConv(channels)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.norm is None else self.norm(x)
        y = F.gelu(self.conv1(y))
        return y.add_(x) if self.residual else y  # in place: neither gradient needs what was there


class RT4KSR(nn.Module):
    """The network, in training form or merged form.

    (n, 3, h, w) in [0, 1], h and w even -> (n, 3, scale*h, scale*w), not clamped. Published: 24 channels, 4 blocks,
    ``layernorm`` and neither ``residual`` nor ``skip``. ``skip`` adds the bilinear enlargement of the input, so that the
    network learns what is missing from it; the published checkpoints have none.
    """

    def __init__(
        self,
        scale: int,
        *,
        channels: int = 24,
        blocks: int = 4,
        unshuffle: int = 2,
        layernorm: bool = True,
        residual: bool = False,
        skip: bool = False,
        merged: bool = False,
    ) -> None:
        super().__init__()
        self.scale, self.channels, self.blocks = scale, channels, blocks
        self.unshuffle, self.layernorm, self.residual, self.skip, self.merged = (
            unshuffle,
            layernorm,
            residual,
            skip,
            merged,
        )
        self.head = nn.Sequential(nn.Conv2d(3 * unshuffle**2, channels, 3, padding=1))
        self.body = nn.Sequential(
            *(Block(channels, merged=merged, layernorm=layernorm, residual=residual) for _ in range(blocks))
        )
        self.tail = nn.Sequential(
            ChannelNorm(channels) if layernorm else nn.Identity(), MergedConv(channels) if merged else RepConv(channels)
        )
        self.upsample = nn.Sequential(
            nn.Conv2d(channels, 3 * (unshuffle * scale) ** 2, 3, padding=1), nn.PixelShuffle(unshuffle * scale)
        )

    def forward(self, x: Tensor) -> Tensor:
        features = self.head(F.pixel_unshuffle(x, self.unshuffle))  # (n, c, h/2, w/2)
        features = self.tail(self.body(features))  # (n, c, h/2, w/2)
        output: Tensor = self.upsample(features)  # (n, 3, s*h, s*w)
        if self.skip:
            output += F.interpolate(x, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return output

    def merge(self) -> RT4KSR:
        """A copy in merged form, equal up to rounding; the network itself if it is merged already."""
        if self.merged:
            return self
        merged = RT4KSR(
            self.scale,
            channels=self.channels,
            blocks=self.blocks,
            unshuffle=self.unshuffle,
            layernorm=self.layernorm,
            residual=self.residual,
            skip=self.skip,
            merged=True,
        )
        state = {name: value for name, value in self.state_dict().items() if name in merged.state_dict()}
        for name, module in self.named_modules():
            if isinstance(module, RepConv):
                state |= {f"{name}.{key}": value for key, value in module.merge().state_dict().items()}
        merged.load_state_dict(state)
        return merged.to(next(self.parameters()).device).train(self.training)

    @property
    def info(self) -> ModelInfo:
        """The card of this network, without the name, licence and degradation of a particular training."""
        convolutions = self.blocks + 3  # head, body, tail, upsample: each reaches one folded pixel further
        return ModelInfo(
            name=f"rt4ksr-x{self.scale}",
            family="rt4ksr",
            kind="image",
            scale=self.scale,
            multiple=self.unshuffle,
            radius=self.unshuffle * (convolutions + 1),
            parameters=sum(p.numel() for p in self.parameters()),
        )

    @property
    def configuration(self) -> dict[str, bool]:
        """The switches that a checkpoint's shapes do not tell."""
        return {"residual": self.residual, "skip": self.skip}


UNUSED_KEYS = ("gamma", "hfb.")  # the branch the released forward pass throws away


def recognises(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict (prefixes stripped) is an RT4KSR, of either form."""
    body = "body.0.conv1.rep_conv.weight" in state or "body.0.conv1.expand_conv.weight" in state
    return body and "head.0.weight" in state and "upsample.0.weight" in state


def build(state: Mapping[str, Tensor], configuration: Mapping[str, Any]) -> RT4KSR:
    """The network a state dict was saved from, its sizes read off the shapes.

    ``configuration`` may hold ``residual`` and ``skip``; without them the published defaults (neither) are taken.
    Raises CheckpointError when tensors are missing, left over or of another shape.
    """
    kept = {name: value for name, value in state.items() if not name.startswith(UNUSED_KEYS)}
    channels = kept["head.0.weight"].shape[0]
    unshuffle = math.isqrt(kept["head.0.weight"].shape[1] // 3)
    scale = math.isqrt(kept["upsample.0.weight"].shape[0] // 3) // max(unshuffle, 1)
    network = RT4KSR(
        scale,
        channels=channels,
        blocks=1 + max(int(name.split(".")[1]) for name in kept if name.startswith("body.")),
        unshuffle=unshuffle,
        layernorm="body.0.norm.weight" in kept,
        residual=bool(configuration.get("residual", False)),
        skip=bool(configuration.get("skip", False)),
        merged="body.0.conv1.rep_conv.weight" in kept,
    )
    try:
        network.load_state_dict(kept)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"looks like an RT4KSR but is a variant this version does not build: {first}") from error
    return network
