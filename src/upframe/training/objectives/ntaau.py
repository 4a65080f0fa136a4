"""The objective of NTAAU: what it makes of frames one after the other, each given what came of the one before.

    mean |d|   +   mean |d of differences between neighbouring pixels|

The frames of a sample are taken a few at a time, in order: each turn is one step of the optimiser, and goes on from the past
that the turn before left, through which no gradient flows (truncated back-propagation through time).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn

from upframe.models.network import Network
from upframe.models.ntaau import NTAAU
from upframe.ops.transfer import decode_linear, encode_linear
from upframe.training.data.rendered import TARGET, RenderedFrames
from upframe.training.data.rendered_sequences import CHANGE, RenderedSequences
from upframe.training.data.sets import Batch
from upframe.training.data.settings import Positive, RenderedData, Section
from upframe.training.objectives.frvsr import Weight
from upframe.training.objectives.objective import Groups, Objective, OptimiserStep
from upframe.training.objectives.recipe import ModelSection, Recipe

FRAME = ("colour", "depth", "motion", "jitter", "reactive")


class NTAAUModel(ModelSection):
    """The keywords of :class:`upframe.models.ntaau.NTAAU`; ``start``: a name or file of weights to begin from."""

    scale: Positive = 2
    widths: tuple[Positive, Positive, Positive] = (32, 48, 64)


class NTAAULosses(Section):
    """The weight of each term. ``frames``: of a turn, through which gradients flow."""

    pixel: Weight = 1.0
    edges: Weight = 0.5
    frames: Positive = 4


def edge_loss(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of the steps between neighbouring pixels, across and down: (n, 3, H, W), both."""
    difference = output - target
    return difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()


class Recurrence:
    """Frames of a batch through a network, one after the other."""

    def __init__(self, network: NTAAU, batch: dict[str, Tensor]) -> None:
        self._network, self._batch = network, batch
        n, _, _, height, width = batch["colour"].shape
        self._kept = batch["colour"].new_zeros(n, 4, height * network.scale, width * network.scale)

    def frames(self, first: int, last: int) -> Tensor:
        """(n, last - first, 3, s*h, s*w). No gradient flows into frames of calls before."""
        self._kept = self._kept.detach()
        results = []
        for number in range(first, last):
            colour, depth, motion, jitter, reactive = (self._batch[name][:, number] for name in FRAME)
            change = self._batch[CHANGE][:, number, :, :1, :1]
            past_depth = torch.where(change > 0, self._batch["depth"][:, max(number - 1, 0)], depth)
            image, weight = torch.split(self._changed(change), [3, 1], dim=1)
            place = jitter[..., :1, :1]
            self._kept = self._network(colour, depth, motion, place, reactive, image, weight, past_depth)
            results.append(self._kept[:, :3])
        return torch.stack(results, dim=1)

    def _changed(self, change: Tensor) -> Tensor:
        """What is remembered at the exposure of the frame, nothing of another shot."""
        if bool((change == 1).all()):
            return self._kept
        image, weight = self._kept[:, :3], self._kept[:, 3:]
        with torch.no_grad():
            image = encode_linear(decode_linear(image) * change)
        return torch.cat((image, weight * (change > 0)), dim=1)


class NTAAUObjective(nn.Module):
    """Rendered frames in their order; see :class:`upframe.models.ntaau.NTAAU` for the arguments."""

    def __init__(self, network: NTAAU, losses: NTAAULosses) -> None:
        super().__init__()
        self.network, self.losses = network, losses

    def graphs(self) -> tuple[nn.Module, ...]:
        return (self.network,)

    def groups(self) -> dict[str, Groups]:
        return {"network": [{"params": list(self.network.parameters())}]}

    def prepare(self, batch: Batch) -> dict[str, Tensor]:
        return {key: batch[key] for key in (*FRAME, CHANGE, TARGET)}

    def turns(self, batch: dict[str, Tensor], step: int) -> Iterator[OptimiserStep]:
        recurrence, target = Recurrence(self.network, batch), batch[TARGET]
        for first in range(0, target.shape[1], self.losses.frames):
            wanted = target[:, first : first + self.losses.frames]
            output = recurrence.frames(first, first + wanted.shape[1]).float()
            pixel, edges = (output - wanted).abs().mean(), edge_loss(output, wanted)
            yield OptimiserStep("network", {"pixel": self.losses.pixel * pixel, "edges": self.losses.edges * edges})

    def upscale(self, network: Network, low: dict[str, Tensor]) -> Tensor:
        return Recurrence(cast(NTAAU, network), low).frames(0, low["colour"].shape[1])


class NTAAURecipe(Recipe):
    """NTAAU."""

    system: Literal["ntaau"]
    model: NTAAUModel = NTAAUModel()
    data: RenderedData
    losses: NTAAULosses = NTAAULosses()

    @property
    def scale(self) -> int:
        return self.model.scale

    def objective(self) -> Objective:
        return NTAAUObjective(NTAAU(self.model.scale, self.model.widths), self.losses)

    def rendered_frames(self, scenes: Sequence[str]) -> RenderedFrames:
        with torch.device("meta"):  # asked for what it takes alone
            network = NTAAU(self.model.scale)
        return RenderedSequences(scenes, network, self.data.frames)
