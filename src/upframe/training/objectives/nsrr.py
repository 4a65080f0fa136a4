"""The objective of NSRR (Xiao et al., SIGGRAPH 2020, section 4.3), as the open re-implementation by timmh trains it.

mean of (1 - SSIM) / 2   +   0.1 x mean over four layers of VGG16 of the squared difference of features
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, cast

import torch
from pydantic import model_validator
from torch import Tensor, nn

from upframe.metrics.structural import SSIMWindow, ssim_map
from upframe.models.network import Network
from upframe.models.nsrr import NSRR
from upframe.training.data.rendered import TARGET, RenderedFrames
from upframe.training.data.rendered_clips import RenderedClips
from upframe.training.data.sets import Batch
from upframe.training.data.settings import Positive, RenderedData, Section
from upframe.training.objectives.features import FeatureSettings, FrozenFeatures
from upframe.training.objectives.frvsr import Weight
from upframe.training.objectives.objective import Groups, Objective, OptimiserStep
from upframe.training.objectives.recipe import ModelSection, Recipe, check_features

WINDOW = SSIMWindow("nsrr", size=9, padding="reflect")  # kornia's SSIMLoss of window 9, sigma 1.5
VGG16_TAPS = (3, 8, 15, 22)  # relu1_2, relu2_2, relu3_3, relu4_3
ARGUMENTS = ("colour", "depth", "motion")


FILLING: dict[int, tuple[tuple[float, float, float], ...]] = {
    2: ((1, 1, 0), (0, 1, 0), (0, 1, 0), (0.25, 0.5, 0.25)),
    3: ((1, 1, 1), (1, 0, 0), (1 / 3, 1 / 3, 1 / 3), (0, 1, 0)),
    4: ((1, 1, 0), (1, 0, 1), (1, 0, 0), (0.25, 0.5, 0.25)),
}
"""For each scale, what four convolutions weigh their three rows, and columns, by to fill a zero-upsampled frame.

The sample of a pixel is at the first of the rows and columns it covers, and belongs in their middle. At x2 and x3 the four make
the bilinear upscaling; at x4 four convolutions do not reach far enough, and it is the nearest pixel, smoothed.
"""


class NSRRModel(ModelSection):
    """The keywords of :class:`upframe.models.nsrr.NSRR`; ``start``: a name or file of weights to begin from.

    ``initial``: ``default`` random weights, as published, or those of :func:`begin_interpolating`.
    """

    scale: Positive = 4
    history: Positive = 5
    initial: Literal["default", "interpolating"] = "default"

    @model_validator(mode="after")
    def _can_interpolate(self) -> NSRRModel:
        if self.initial == "interpolating" and self.scale not in FILLING:
            raise ValueError("initial: interpolating is for scales 2, 3 and 4")
        return self


class NSRRLosses(Section):
    """The weight of each term; ``feature`` 0 needs no ``features``. ``pixel``, the mean absolute difference, is ours."""

    structure: Weight = 1.0
    pixel: Weight = 0.0
    feature: Weight = 0.1
    features: FeatureSettings | None = None


def new_network(model: NSRRModel) -> NSRR:
    """A network with random weights."""
    network = NSRR(model.scale, model.history)
    if model.initial == "interpolating":
        begin_interpolating(network)
    return network


@torch.no_grad()
def begin_interpolating(network: NSRR) -> None:
    """Random weights, but for a path that upscales the current frame.

    NSRR has no connection from its input to its output: from random weights it learns for thousands of steps to show the frame
    at all. The first three channels of the U-Net's upper level begin as an upscaling of the current frame (``FILLING``), and
    what the other channels add begins small.
    """
    layers = network.reconstruction
    blocks = (layers.block1, layers.block2, layers.block9, layers.block10)
    for block, taps in zip(blocks, FILLING[network.scale], strict=True):
        layer = cast(nn.Conv2d, block[0])
        first = layer.in_channels - 12 if block is layers.block1 else 0  # YCbCr of the current frame; what the one before made
        if block is layers.block10:
            layer.weight.mul_(0.1)
        else:
            layer.weight[:3] = 0
        cast(Tensor, layer.bias)[:3] = 0
        along = torch.tensor(taps)
        for channel in range(3):
            layer.weight[channel, first : first + 3] = 0
            layer.weight[channel, first + channel] = along[:, None] * along


def structure_loss(output: Tensor, target: Tensor) -> Tensor:
    """Mean of (1 - SSIM) / 2, each pixel's within [0, 1]: (n, 3, H, W), both."""
    return ((1 - ssim_map(output, target, window=WINDOW)) / 2).clamp(0, 1).mean()


def feature_loss(features: FrozenFeatures, output: Tensor, target: Tensor) -> Tensor:
    """Mean over the layers of the mean squared difference."""
    with torch.no_grad():
        wanted = features(target)
    pairs = zip(features(output), wanted, strict=True)
    return torch.stack([(own - other).square().mean() for own, other in pairs]).mean()


class NSRRObjective(nn.Module):
    """Rendered frames and their history; see :class:`upframe.models.nsrr.NSRR` for the arguments."""

    def __init__(self, network: NSRR, losses: NSRRLosses) -> None:
        super().__init__()
        self.network, self.losses = network, losses
        self.features: FrozenFeatures | None = None
        if losses.features is not None and losses.feature:
            taps = VGG16_TAPS if losses.features.network == "vgg16" else None
            self.features = FrozenFeatures(losses.features, taps, normalised=False)  # as published

    def graphs(self) -> tuple[nn.Module, ...]:
        return (self.network,)

    def groups(self) -> dict[str, Groups]:
        return {"network": [{"params": list(self.network.parameters())}]}

    def prepare(self, batch: Batch) -> dict[str, Tensor]:
        return {key: batch[key] for key in (*ARGUMENTS, TARGET)}

    def turns(self, batch: dict[str, Tensor], step: int) -> Iterator[OptimiserStep]:
        output = self.network(*(batch[key] for key in ARGUMENTS)).float()
        terms = {"structure": self.losses.structure * structure_loss(output, batch[TARGET])}
        if self.losses.pixel:
            terms["pixel"] = self.losses.pixel * (output - batch[TARGET]).abs().mean()
        if self.features is not None:
            terms["feature"] = self.losses.feature * feature_loss(self.features, output, batch[TARGET])
        yield OptimiserStep("network", terms)

    def upscale(self, network: Network, low: dict[str, Tensor]) -> Tensor:
        return cast(Tensor, network(*(low[key] for key in ARGUMENTS)))


class NSRRRecipe(Recipe):
    """NSRR."""

    system: Literal["nsrr"]
    model: NSRRModel
    data: RenderedData
    losses: NSRRLosses = NSRRLosses()

    @model_validator(mode="after")
    def _is_whole(self) -> NSRRRecipe:
        check_features(self.losses, "vgg16", "vgg16-397923af.pth")
        return self

    @property
    def scale(self) -> int:
        return self.model.scale

    def objective(self) -> Objective:
        return NSRRObjective(new_network(self.model), self.losses)

    def rendered_frames(self, scenes: Sequence[str]) -> RenderedFrames:
        with torch.device("meta"):  # asked for its history alone
            network = NSRR(self.model.scale, self.model.history)
        return RenderedClips(scenes, network)
