"""The objective of FRVSR (Sajjadi et al., CVPR 2018), as TecoGAN's PyTorch edition trains it (its ``vsr_model.py``).

The output of every frame, and the previous frame moved along the estimated flow, are to look like what they should be:

    Charbonnier(output, high resolution)  +  Charbonnier(warp(previous frame, flow), current frame)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal, cast

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from upframe.models.catalog import load
from upframe.models.frvsr import FRVSR, ClipResult, FRVSRState, ResidualBlock
from upframe.models.network import Network
from upframe.ops.warp import warp
from upframe.training.data.pairs import pair_of
from upframe.training.data.sets import Batch
from upframe.training.data.settings import Positive, Section
from upframe.training.objectives.losses import charbonnier, lpips_networks
from upframe.training.objectives.objective import Groups, Objective, OptimiserStep
from upframe.training.objectives.recipe import ClipOrVideo, ModelSection, Recipe, check_frames, check_lpips, of_kind
from upframe.training.objectives.widening import begin_widened

EPSILON = 1e-6

Weight = Annotated[float, Field(ge=0)]


class FRVSRModel(ModelSection):
    """The keywords of :class:`upframe.models.frvsr.FRVSR`; ``start``: a name or file of weights to begin from.

    ``initial``: ``default`` random weights, as published, or those of :func:`begin_interpolating`. ``widen``: a name or file of
    a smaller FRVSR that the network is to compute at first (:mod:`upframe.training.objectives.widening`).
    """

    scale: Literal[2, 4] = 4
    channels: Positive = 64
    blocks: Positive = 10
    flow_channels: Positive = 32
    initial: Literal["default", "interpolating"] = "default"
    widen: str | None = None


class FRVSRLosses(Section):
    """The weight of each term; ``lpips`` needs ``lpips_files`` (see :func:`upframe.metrics.load_lpips`)."""

    pixel: Weight = 1.0
    warping: Weight = 1.0
    lpips: Weight = 0.0
    lpips_files: tuple[str, ...] = ()


def new_network(model: FRVSRModel, degradation: Literal["BI", "BD"]) -> FRVSR:
    """A network with random weights."""
    sizes = {"channels": model.channels, "blocks": model.blocks, "flow_channels": model.flow_channels}
    network = FRVSR(model.scale, degradation=degradation, **sizes)
    if model.initial == "interpolating":
        begin_interpolating(network)
    return network


@torch.no_grad()
def begin_interpolating(network: FRVSR) -> None:
    """Random weights whose transposed convolutions interpolate.

    Random transposed convolutions make features that differ between the phases of the large image. The last convolution
    has the same weights for all of them: its gradients nearly cancel, and the training stays at bicubic's level for hundreds of
    steps (see docs/training.md). Features that begin as bilinear upscalings of random mixtures do not.
    """
    layers = network.srnet
    for layer in layers.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(cast(Tensor, layer.bias))
        elif isinstance(layer, nn.ConvTranspose2d):
            triangle = torch.tensor([0.5, 1.0, 0.5])
            mixture = torch.randn(*layer.weight.shape[:2], 1, 1) * math.sqrt(2 / layer.in_channels)
            layer.weight.copy_(mixture * triangle[:, None] * triangle)
            nn.init.zeros_(cast(Tensor, layer.bias))
    for block in layers.resblocks:
        cast(nn.Conv2d, cast(ResidualBlock, block).conv[2]).weight.mul_(0.1)  # blocks begin near the identity
    layers.conv_out.weight.mul_(0.1)


def pixel_loss(output: Tensor, high: Tensor) -> Tensor:
    """(n, t, 3, H, W), both."""
    return charbonnier(output, high, EPSILON)


def warping_loss(result: ClipResult) -> Tensor:
    """How far the previous small frame, moved along the flow, is from the current one."""
    return charbonnier(warp(result.previous, result.flow, padding="border"), result.current, EPSILON)


class FRVSRObjective(nn.Module):
    """Clips (n, t, 3, h, w) all at once, the state running through them."""

    def __init__(self, network: FRVSR, losses: FRVSRLosses) -> None:
        super().__init__()
        self.network, self.losses = network, losses
        self._lpips = lpips_networks(losses.lpips, losses.lpips_files)

    def graphs(self) -> Iterator[nn.Module]:
        return self.network.children()  # a clip as one graph would take minutes to compile

    def groups(self) -> dict[str, Groups]:
        return {"network": [{"params": list(self.network.parameters())}]}

    def prepare(self, batch: Batch) -> dict[str, Tensor]:
        return pair_of(batch, self.network.degradation, self.network.scale)

    def turns(self, batch: dict[str, Tensor], step: int) -> Iterator[OptimiserStep]:
        result = self.network.clip(batch["low"])
        yield OptimiserStep("network", self.terms(result, batch["high"]))

    def terms(self, result: ClipResult, high: Tensor) -> dict[str, Tensor]:
        """The weighted terms of a clip's outputs."""
        terms = {
            "pixel": self.losses.pixel * pixel_loss(result.output, high),
            "warping": self.losses.warping * warping_loss(result),
        }
        for network in self._lpips:
            distance = network.to(high.device)(result.output.flatten(0, 1).float(), high.flatten(0, 1))
            terms["lpips"] = self.losses.lpips * distance.mean()
        return terms

    def upscale(self, network: Network, low: dict[str, Tensor]) -> Tensor:
        return run_clip(cast(FRVSR, network), low["low"])


def run_clip(network: FRVSR, frames: Tensor) -> Tensor:
    """A clip frame after frame, as a video is upscaled: (n, t, 3, h, w) -> (n, t, 3, s*h, s*w)."""
    outputs: list[Tensor] = []
    state: FRVSRState | None = None
    for frame in frames.unbind(1):
        output, state = network.step(frame, state)
        outputs.append(output)
    return torch.stack(outputs, dim=1)


class FRVSRRecipe(Recipe):
    """FRVSR."""

    system: Literal["frvsr"]
    model: FRVSRModel
    data: ClipOrVideo
    losses: FRVSRLosses = FRVSRLosses()

    @model_validator(mode="after")
    def _is_whole(self) -> FRVSRRecipe:
        check_lpips(self.losses)
        check_frames(self.data, single=False)
        return self

    @property
    def scale(self) -> int:
        return self.model.scale

    def objective(self) -> Objective:
        return FRVSRObjective(first_network(self.model, self.data.degradation), self.losses)


def first_network(model: FRVSRModel, degradation: Literal["BI", "BD"]) -> FRVSR:
    """The network at its beginning. Raises CheckpointError for a file that does not fit."""
    network = new_network(model, degradation)
    if model.widen is not None:
        begin_widened(network, of_kind(FRVSR, load(model.widen).network, "model.widen", model.widen))
    return network
