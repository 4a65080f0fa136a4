"""RT4KSR: towards real-time 4K image super-resolution (Zamfir et al., CVPR Workshops 2023), and its baseline RTSRN.

The image is folded to half its size (pixel-unshuffle), passes a few cheap convolution blocks there, and is unfolded to
``scale`` times its size. In training every 3x3 convolution of the body is a wider chain of 1x1, 3x3 and 1x1 convolutions
(structural re-parameterisation), which :meth:`RT4KSR.merge` turns into the one convolution it is equal to.

The names of the parameters are those of the published checkpoints, in both forms. Every switch the published document names
is a keyword of :class:`RT4KSR`; its defaults are the published checkpoints:

==========================  ===========================================================================================
of the document             here
==========================  ===========================================================================================
``type`` rep | base         ``design``: RT4KSR, with re-parameterisable convolutions and no long connection; or RTSRN, with
                            plain ones and the head's features added before the upsampling
``num_blocks``              ``blocks``
``feature_channels``        ``channels``
``act_type``                ``activation``: gelu, lrelu (slope 0.05), relu
``baseblock``               ``block``: what a block convolves with. ``base``: a plain 3x3; ``dconvbase``: a depthwise 3x3,
                            then a 1x1; ``repbase``: a re-parameterisable 3x3; ``simplified``: the 3x3 of the ``design``;
                            ``nafbase``: the whole block of NAFNet, which has no activation
``downscaling``             ``downscaling``: a convolution of stride 2 after the head, so that the body works at half the size
``use_hfb, use_gaussian``   ``high_frequency`` none | gaussian | pooling: what is subtracted from the image to leave the
                            details that get a branch of their own
``unshuffle``               ``unshuffle``: the side of the blocks that are folded into channels, 1 for none
``layernorm``               ``layernorm``: of every block and of the tail
``residual``                ``residual``: every block adds its input
``squeeze``, ``eca_gamma``  the same: channel attention in every block, and how narrow it is
``is_train``                ``merged``, its opposite
none                        ``skip``: adds the bilinear upscaling of the input, so that what is missing from it is learnt
==========================  ===========================================================================================

The published code holds the block ``simplified``, its attention and the high-frequency branch, which it computes and throws
away; what it does when the branch is used follows its unreachable line. RTSRN is the baseline the authors gave to the NTIRE
2023 challenge: ``RT4KSR(scale, design="base", block="base", unshuffle=1, layernorm=False)``, with ReLU there. The other
switches are in neither; they are built here from their names and from the works they are taken from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.errors import CheckpointError, ShapeError
from upframe.models import rt4ksr_fused
from upframe.models.contract import ExportStep, image_step
from upframe.models.info import ModelInfo
from upframe.models.layers import Layers
from upframe.models.network import Family
from upframe.models.rt4ksr_blocks import (
    Activation,
    Block,
    ChannelNorm,
    MergedConv,
    NAFBlock,
    RepConv,
    SeparableConv,
    activation_layer,
    attention_size,
    plain_layer,
)
from upframe.ops.convolution import shuffled_conv
from upframe.ops.triton import are_wanted

Design = Literal["rep", "base"]
BlockKind = Literal["simplified", "base", "dconvbase", "repbase", "nafbase"]
HighFrequency = Literal["none", "gaussian", "pooling"]
WORDS: dict[str, tuple[str, ...]] = {
    "design": get_args(Design),
    "block": get_args(BlockKind),
    "activation": get_args(Activation),
    "high_frequency": get_args(HighFrequency),
}


def _smoothing(kind: HighFrequency) -> Tensor:
    """The 5x5 kernel of what is not high frequency, once a colour: (3, 1, 5, 5). The Gaussian's sigma is 1."""
    line = torch.exp(-0.5 * torch.arange(-2.0, 3.0) ** 2) if kind == "gaussian" else torch.ones(5)
    line = line / line.sum()
    return torch.outer(line, line).expand(3, 1, 5, 5).contiguous()


class RT4KSR(nn.Module):
    """The network, in training form or merged form; the table at the top of this file tells every keyword.

    (n, 3, h, w) in [0, 1], h and w multiples of ``info.multiple`` -> (n, 3, scale*h, scale*w), not clamped. Published are 24
    channels, 4 blocks, and what the defaults say. Raises ValueError for a word that is not in the table
    and for ``squeeze`` with an ``eca_gamma`` below 1.
    """

    kind: Literal["image"] = "image"

    def __init__(  # noqa: PLR0913  # one keyword for each switch of the published document
        self,
        scale: int,
        *,
        channels: int = 24,
        blocks: int = 4,
        design: Design = "rep",
        block: BlockKind = "simplified",
        activation: Activation = "gelu",
        unshuffle: int = 2,
        downscaling: bool = False,
        high_frequency: HighFrequency = "none",
        layernorm: bool = True,
        residual: bool = False,
        squeeze: bool = False,
        eca_gamma: int = 1,
        skip: bool = False,
        merged: bool = False,
    ) -> None:
        super().__init__()
        self.scale, self.channels, self.blocks, self.unshuffle = scale, channels, blocks, unshuffle
        self.design, self.high_frequency, self.skip, self.merged = design, high_frequency, skip, merged
        self.switches: dict[str, Any] = {
            "channels": channels,
            "blocks": blocks,
            "design": design,
            "block": block,
            "activation": activation,
            "unshuffle": unshuffle,
            "downscaling": downscaling,
            "high_frequency": high_frequency,
            "layernorm": layernorm,
            "residual": residual,
            "squeeze": squeeze,
            "eca_gamma": eca_gamma,
            "skip": skip,
            "merged": merged,
        }
        self._check_switches()
        self.fold = unshuffle * (2 if downscaling else 1)  # input pixels, each way, to a pixel of the body

        self.head = nn.Sequential(nn.Conv2d(3 * unshuffle**2, channels, 3, padding=1))
        self.downscale = nn.Conv2d(channels, channels, 3, stride=2, padding=1) if downscaling else None
        if high_frequency != "none":
            self.register_buffer("smoothing", _smoothing(high_frequency), persistent=False)
            self.hfb = nn.Sequential(self._convolution(design), activation_layer(activation))
            self.gamma = nn.Parameter(torch.ones(1))  # published as 0, from which the body would learn nothing at first
        self.body = nn.Sequential(*(self._block(block) for _ in range(blocks)))
        self.tail = nn.Sequential(ChannelNorm(channels) if layernorm else nn.Identity(), self._convolution(design))
        self.upsample = nn.Sequential(
            nn.Conv2d(channels, 3 * (self.fold * scale) ** 2, 3, padding=1), nn.PixelShuffle(self.fold * scale)
        )

    def _check_switches(self) -> None:
        for name, words in WORDS.items():
            if self.switches[name] not in words:
                raise ValueError(f"{name} is {self.switches[name]!r}: one of {', '.join(words)} was expected")
        if self.switches["squeeze"] and self.switches["eca_gamma"] < 1:
            raise ValueError("eca_gamma must be 1 or more; for no attention leave squeeze out")

    def _convolution(self, design: Design) -> nn.Module:
        if design == "base":
            return nn.Conv2d(self.channels, self.channels, 3, padding=1)
        return MergedConv(self.channels) if self.merged else RepConv(self.channels)

    def _block(self, kind: BlockKind) -> nn.Module:
        layernorm, residual, squeeze = (self.switches[name] for name in ("layernorm", "residual", "squeeze"))
        if kind == "nafbase":
            return NAFBlock(self.channels, layernorm=layernorm, residual=residual, squeeze=squeeze)
        if kind == "dconvbase":
            convolution: nn.Module = SeparableConv(self.channels)
        else:
            designs: dict[str, Design] = {"base": "base", "repbase": "rep", "simplified": self.design}
            convolution = self._convolution(designs[kind])
        gamma = self.switches["eca_gamma"] if squeeze else None
        return Block(
            convolution, self.channels, self.switches["activation"], layernorm=layernorm, residual=residual, gamma=gamma
        )

    def forward(self, x: Tensor) -> Tensor:
        fused = are_wanted(x) and rt4ksr_fused.can_be_fused(self.switches)
        output = rt4ksr_fused.upscale(self, x) if fused else self._upscale(x)  # (n, 3, s*h, s*w)
        if self.skip:
            output += F.interpolate(x, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return output

    def _upscale(self, x: Tensor) -> Tensor:
        features = self._features(x)  # (n, c, h/fold, w/fold)
        deep = self.body(features)  # (n, c, h/fold, w/fold)
        if self.high_frequency != "none":
            deep = self.gamma * deep + self.hfb(self._features(self._details(x)))
        deep = self.tail(deep)
        if self.design == "base":
            deep = deep + features
        return shuffled_conv(deep, cast(nn.Conv2d, self.upsample[0]), self.fold * self.scale)  # (n, 3, s*h, s*w)

    def _features(self, x: Tensor) -> Tensor:
        features: Tensor = self.head(F.pixel_unshuffle(x, self.unshuffle))  # (n, c, h/unshuffle, w/unshuffle)
        return features if self.downscale is None else self.downscale(features)

    def _details(self, x: Tensor) -> Tensor:
        """What an image loses when it is smoothed: (n, 3, h, w) -> (n, 3, h, w)."""
        if min(x.shape[-2:]) < 3:
            raise ShapeError(f"{x.shape[-1]}x{x.shape[-2]} pixels are too few: the high-frequency branch needs 3x3")
        return x - F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), self.get_buffer("smoothing"), groups=3)

    def merge(self) -> RT4KSR:
        """A copy in merged form, equal up to rounding; the network itself if it is merged already."""
        if self.merged:
            return self
        like = next(self.parameters())
        merged = RT4KSR(self.scale, **self.switches | {"merged": True}).to(like.device, like.dtype)
        state = {name: value for name, value in self.state_dict().items() if name in merged.state_dict()}
        for name, module in self.named_modules():
            if isinstance(module, RepConv):
                state |= {f"{name}.{key}": value for key, value in module.merge().state_dict().items()}
        merged.load_state_dict(state)
        return merged.train(self.training)

    def layers(self) -> Layers | None:
        """The merged network as a row of convolutions; None for the switches that are in no published checkpoint."""
        known = self.switches | {"downscaling": False, "high_frequency": "none", "squeeze": False}
        if self.switches != known or self.switches["block"] in ("dconvbase", "nafbase"):
            return None
        network = self.merge()
        head, upsample = cast(nn.Conv2d, network.head[0]), cast(nn.Conv2d, network.upsample[0])
        row = [
            plain_layer(head),
            *(cast(Block, block).layer(self.switches["activation"]) for block in network.body),
            plain_layer(network.tail[1], network.tail[0], added="first" if self.design == "base" else None),
            plain_layer(upsample),
        ]
        return Layers(self.unshuffle, tuple(row), self.fold * self.scale, self.skip)

    def example_inputs(self, height: int, width: int) -> tuple[Tensor, ...]:
        """A random image (1, 3, height, width), always the same, to profile and to export with."""
        image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
        return (image.to(next(self.parameters()).device),)

    def graphs(self) -> tuple[nn.Module, ...]:
        """What is compiled: all of it."""
        return (self,)

    def export_step(self) -> ExportStep:
        """An image."""
        return image_step(self, self.scale)

    @property
    def info(self) -> ModelInfo:
        """The card of this network, without the name, licence and degradation of a particular training."""
        convolutions = self.blocks + 3  # head, body, tail, upsample: each reaches one folded pixel further
        smoothing = 0 if self.high_frequency == "none" else 2
        return ModelInfo(
            name=f"rt4ksr-x{self.scale}",
            family="rt4ksr",
            kind=self.kind,
            scale=self.scale,
            multiple=self.fold,
            radius=None if self.switches["squeeze"] else self.fold * (convolutions + 1) + smoothing,
            border=8 if self.scale > 3 else 6,  # measured: with less, flat images change by more than 1 of 255
            parameters=sum(p.numel() for p in self.parameters()),
        )

    @property
    def configuration(self) -> dict[str, Any]:
        """The switches that a checkpoint's shapes do not tell."""
        return {name: self.switches[name] for name in ("activation", "high_frequency", "residual", "skip")}


BRANCH_KEYS = ("gamma", "hfb.")  # in every published checkpoint; the released forward pass throws the branch away


def recognises(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict (prefixes stripped) is an RT4KSR, of any variant and either form."""
    parts = ("head.0.weight", "upsample.0.weight")
    return all(name in state for name in parts) and all(
        any(name.startswith(part) for name in state) for part in ("body.0.conv1.", "tail.1.")
    )


def build(state: Mapping[str, Tensor], configuration: Mapping[str, Any]) -> RT4KSR:
    """The network a state dict was saved from, its sizes read off the shapes.

    ``configuration`` may hold what :attr:`RT4KSR.configuration` does; what is missing from it is as published.
    Raises CheckpointError when tensors are missing, left over or of another shape.
    """
    given = {
        name: configuration[name] for name in ("activation", "high_frequency", "residual", "skip") if name in configuration
    }
    kept = dict(state)
    if given.get("high_frequency", "none") == "none":
        kept = {name: value for name, value in state.items() if not name.startswith(BRANCH_KEYS)}
    try:
        network = RT4KSR(_scale(kept), **_switches(kept), **given)
        network.load_state_dict(kept)
    except (RuntimeError, ValueError) as error:
        first = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"looks like an RT4KSR but is a variant this version does not build: {first}") from error
    return network


def choices(state: Mapping[str, Tensor]) -> dict[str, tuple[Any, ...]]:
    """The switches that no tensor of a state dict tells, with their values, the published one first."""
    values: dict[str, tuple[Any, ...]] = {"activation": WORDS["activation"], "residual": (False, True), "skip": (False, True)}
    if any(name.startswith(BRANCH_KEYS) for name in state):
        values["high_frequency"] = WORDS["high_frequency"]
    if "body.0.conv2.weight" in state:  # the block of NAFNet, which has no activation, in a network without the branch
        del values["activation"]
    return values


def _unshuffle(state: Mapping[str, Tensor]) -> int:
    return max(math.isqrt(state["head.0.weight"].shape[1] // 3), 1)


def _scale(state: Mapping[str, Tensor]) -> int:
    shuffle = math.isqrt(state["upsample.0.weight"].shape[0] // 3)
    return max(shuffle // _unshuffle(state) // (2 if "downscale.weight" in state else 1), 1)


def _switches(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The keywords of :class:`RT4KSR` that names and shapes tell."""
    channels = state["head.0.weight"].shape[0]
    design = "base" if "tail.1.weight" in state else "rep"
    blocks = {"body.0.conv2.weight": "nafbase", "body.0.conv1.depthwise.weight": "dconvbase", "body.0.conv1.weight": "base"}
    re_parameterisable = "simplified" if design == "rep" else "repbase"
    switches = {
        "channels": channels,
        "blocks": len({name.split(".")[1] for name in state if name.startswith("body.")}),
        "design": design,
        "block": next((block for name, block in blocks.items() if name in state), re_parameterisable),
        "unshuffle": _unshuffle(state),
        "downscaling": "downscale.weight" in state,
        "layernorm": "tail.0.weight" in state,
        "squeeze": "body.0.ca.conv.weight" in state or "body.0.sca.1.weight" in state,
        "merged": any(".rep_conv." in name for name in state),
    }
    if "body.0.ca.conv.weight" in state:
        size = state["body.0.ca.conv.weight"].shape[-1]
        switches["eca_gamma"] = next((gamma for gamma in range(1, 64) if attention_size(channels, gamma) == size), 1)
    return switches


FAMILY = Family(
    name="rt4ksr",
    recognises=recognises,
    build=build,
    choices=choices,
    # With the branch that the published forward pass computes and throws away: its 44,521 parameters, its multiply-adds.
    published={"rt4ksr-x2": lambda: RT4KSR(2, high_frequency="gaussian").merge()},
)
