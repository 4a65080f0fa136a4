"""The objective of RT4KSR and RTSRN (Zamfir et al., CVPR Workshops 2023): one image, one distance.

The published code has no training; its paper names L1. The shipped weights were trained with L2, for PSNR. A second loss, of
the differences between neighbouring pixels, can be added.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, cast

import torch
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.models.catalog import load_file
from upframe.models.network import Network
from upframe.models.rt4ksr import RT4KSR, BlockKind, Design, HighFrequency
from upframe.models.rt4ksr_blocks import Activation
from upframe.training.data.pairs import pair_of
from upframe.training.data.sets import Batch
from upframe.training.data.settings import Positive, Section
from upframe.training.objectives.frvsr import Weight
from upframe.training.objectives.losses import charbonnier, lpips_networks
from upframe.training.objectives.objective import Groups, Objective, OptimiserStep
from upframe.training.objectives.recipe import ImageOrVideo, ModelSection, Recipe, check_frames, check_lpips, of_kind
from upframe.training.objectives.unfolding import begin_unfolded

Distance = Literal["l1", "l2", "charbonnier"]


class RT4KSRModel(ModelSection):
    """The keywords of :class:`upframe.models.rt4ksr.RT4KSR`.

    ``start``: a name or file of weights to begin from. ``unfold``: a file of a network at full resolution, of a quarter of the
    channels, to begin from: the folded network that computes the same. ``first_gain``: the first layer's initial weights are
    multiplied, the last one's divided by it, so that features are large enough for the activation to bend.
    """

    scale: Positive = 2
    channels: Positive = 24
    blocks: Positive = 4
    design: Design = "rep"
    block: BlockKind = "simplified"
    activation: Activation = "gelu"
    unshuffle: Positive = 2
    downscaling: bool = False
    high_frequency: HighFrequency = "none"
    layernorm: bool = True
    residual: bool = False
    squeeze: bool = False
    eca_gamma: Positive = 1
    skip: bool = False
    merged: bool = False
    unfold: str | None = None
    first_gain: float = 1.0


class RT4KSRLosses(Section):
    """``pixel``: the distance. The weights of what is added to it: ``gradient``, the L1 distance of the differences between
    neighbours; ``lpips``, which needs ``lpips_files`` (see :func:`upframe.metrics.load_lpips`).
    """

    pixel: Distance = "l1"
    gradient: Weight = 0.0
    lpips: Weight = 0.0
    lpips_files: tuple[str, ...] = ()


def new_network(model: RT4KSRModel) -> RT4KSR:
    """A network with random weights, or those of an unfolded one. Raises ValueError for switches that exclude each other."""
    network = RT4KSR(**model.model_dump(exclude={"start", "unfold", "first_gain"}))
    first, last = cast(nn.Conv2d, network.head[0]), cast(nn.Conv2d, network.upsample[0])
    with torch.no_grad():
        first.weight.mul_(model.first_gain)
        last.weight.div_(model.first_gain)
    return network


def pixel_loss(output: Tensor, high: Tensor, kind: Distance) -> Tensor:
    """(n, 3, H, W), both."""
    if kind == "charbonnier":
        return charbonnier(output, high, 1e-6)
    return F.l1_loss(output, high) if kind == "l1" else F.mse_loss(output, high)


def gradient_loss(output: Tensor, high: Tensor) -> Tensor:
    """L1 of the differences between neighbours, down and across."""
    return torch.stack([F.l1_loss(output.diff(dim=dim), high.diff(dim=dim)) for dim in (-2, -1)]).sum()


class RT4KSRObjective(nn.Module):
    """Images (n, 3, h, w)."""

    def __init__(self, network: RT4KSR, losses: RT4KSRLosses, degradation: Literal["BI", "BD"]) -> None:
        super().__init__()
        self.network, self.losses, self.degradation = network, losses, degradation
        self._lpips = lpips_networks(losses.lpips, losses.lpips_files)

    def graphs(self) -> tuple[nn.Module, ...]:
        return (self.network,)

    def groups(self) -> dict[str, Groups]:
        return {"network": [{"params": list(self.network.parameters())}]}

    def prepare(self, batch: Batch) -> dict[str, Tensor]:
        return pair_of(batch, self.degradation, self.network.scale)

    def turns(self, batch: dict[str, Tensor], step: int) -> Iterator[OptimiserStep]:
        output = self.network(batch["low"]).float()
        terms = {"pixel": pixel_loss(output, batch["high"], self.losses.pixel)}
        if self.losses.gradient:
            terms["gradient"] = self.losses.gradient * gradient_loss(output, batch["high"])
        for network in self._lpips:
            terms["lpips"] = self.losses.lpips * network.to(output.device)(output, batch["high"]).mean()
        yield OptimiserStep("network", terms)

    def upscale(self, network: Network, low: dict[str, Tensor]) -> Tensor:
        return cast(Tensor, network(low["low"]))


class RT4KSRRecipe(Recipe):
    """RT4KSR and RTSRN."""

    system: Literal["rt4ksr"]
    model: RT4KSRModel
    data: ImageOrVideo
    losses: RT4KSRLosses = RT4KSRLosses()

    @model_validator(mode="after")
    def _is_whole(self) -> RT4KSRRecipe:
        check_lpips(self.losses)
        check_frames(self.data, single=True)
        return self

    @property
    def scale(self) -> int:
        return self.model.scale

    def objective(self) -> Objective:
        network = new_network(self.model)
        if self.model.unfold is not None:
            begin_unfolded(network, _narrow(self.model.unfold))
        return RT4KSRObjective(network, self.losses, self.data.degradation)


def _narrow(file: str) -> RT4KSR:
    network = load_file(Path(file).expanduser(), merge=False).network
    return of_kind(RT4KSR, network, "model.unfold", file)
