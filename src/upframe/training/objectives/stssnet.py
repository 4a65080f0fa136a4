"""The objective of STSSNet (He et al., AAAI 2024), as its ``train.py`` has it.

    mean |d|   +   |d| inside the holes   +   0.01 x LPIPS

Published training adds a rectangle to the holes of every frame, so that the network learns to fill more than the data lack:
``data.extra_holes`` of the recipe.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, cast

import torch
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.models.network import Network
from upframe.models.stssnet import STSSNet
from upframe.training.data.rendered import TARGET, RenderedFrames
from upframe.training.data.rendered_clips import RenderedClips
from upframe.training.data.sets import Batch
from upframe.training.data.settings import RenderedData, Section
from upframe.training.data.stssnet_scenes import STSSNetScenes
from upframe.training.objectives.frvsr import Weight
from upframe.training.objectives.losses import lpips_networks
from upframe.training.objectives.objective import Groups, Objective, OptimiserStep
from upframe.training.objectives.recipe import ModelSection, Recipe, check_lpips

ARGUMENTS = ("colour", "features", "mask", "history")


class STSSNetModel(ModelSection):
    """``start``: a name or file of weights to begin from."""


class STSSNetLosses(Section):
    """The weight of each term; ``lpips`` 0 needs no ``lpips_files`` (see :func:`upframe.metrics.load_lpips`)."""

    pixel: Weight = 1.0
    hole: Weight = 1.0
    lpips: Weight = 0.01
    lpips_files: tuple[str, ...] = ()


def hole_loss(output: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Sum of |d| over colours and hole pixels, divided by the number of hole pixels: three times a mean, as published.

    output and target (n, 3, 2h, 2w); mask (n, 1, h, w), 0 in holes. Where its upscaling is exactly 0, there is a hole.
    """
    large = F.interpolate(mask, scale_factor=2, mode="bilinear", align_corners=False)
    hole = (large <= 0).to(output.dtype)
    return ((output - target).abs() * hole).sum() / hole.sum().clamp_min(1e-6)


class STSSNetObjective(nn.Module):
    """Rendered and warped frames; see :class:`upframe.models.stssnet.STSSNet` for the arguments."""

    def __init__(self, network: STSSNet, losses: STSSNetLosses) -> None:
        super().__init__()
        self.network, self.losses = network, losses
        self._lpips = lpips_networks(losses.lpips, losses.lpips_files)

    def graphs(self) -> tuple[nn.Module, ...]:
        return (self.network,)

    def groups(self) -> dict[str, Groups]:
        return {"network": [{"params": list(self.network.parameters())}]}

    def prepare(self, batch: Batch) -> dict[str, Tensor]:
        return {key: batch[key] for key in (*ARGUMENTS, TARGET)}

    def turns(self, batch: dict[str, Tensor], step: int) -> Iterator[OptimiserStep]:
        output, target = self.network(*(batch[key] for key in ARGUMENTS)).float(), batch[TARGET]
        terms = {
            "pixel": self.losses.pixel * (output - target).abs().mean(),
            "hole": self.losses.hole * hole_loss(output, target, batch["mask"]),
        }
        for network in self._lpips:
            terms["lpips"] = self.losses.lpips * network.to(output.device)(output, target).mean()
        yield OptimiserStep("network", terms)

    def upscale(self, network: Network, low: dict[str, Tensor]) -> Tensor:
        return cast(Tensor, network(*(low[key] for key in ARGUMENTS)))


class STSSNetRecipe(Recipe):
    """STSSNet."""

    system: Literal["stssnet"]
    model: STSSNetModel = STSSNetModel()
    data: RenderedData
    losses: STSSNetLosses = STSSNetLosses()

    @model_validator(mode="after")
    def _is_whole(self) -> STSSNetRecipe:
        check_lpips(self.losses)
        return self

    @property
    def scale(self) -> int:
        return STSSNet.scale

    def objective(self) -> Objective:
        return STSSNetObjective(STSSNet(), self.losses)

    def rendered_frames(self, scenes: Sequence[str]) -> RenderedFrames:
        if any(_is_published(scene) for scene in scenes):
            return STSSNetScenes(scenes)
        with torch.device("meta"):  # asked for its history alone
            network = STSSNet()
        return RenderedClips(scenes, network)


def _is_published(scene: str) -> bool:
    """Whether a folder is in the layout of STSSNet's data set."""
    folder = Path(scene).expanduser()
    return any(folder.glob("NPY/*.np[yz]")) or any(folder.glob("[Tt]rain*/NPY/*.np[yz]"))
