"""The objective of TTVSR (Liu et al., CVPR 2022), as its code trains it (``configs/TTVSR_reds4.py``).

Charbonnier of all frames of a clip. The optical flow network learns at an eighth of the rate, and not at all at first.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal, cast

from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from upframe.errors import CheckpointError
from upframe.models.checkpoint import read_checkpoint
from upframe.models.network import Network
from upframe.models.ttvsr import SCALE, TTVSR, ResidualBlocks
from upframe.training.data.pairs import pair_of
from upframe.training.data.sets import Batch
from upframe.training.data.settings import Positive, Section
from upframe.training.objectives.losses import charbonnier
from upframe.training.objectives.objective import Groups, Objective, OptimiserStep
from upframe.training.objectives.recipe import ClipOrVideo, ModelSection, Recipe, check_frames

EPSILON = 1e-12


class TTVSRModel(ModelSection):
    """The keywords of :class:`upframe.models.ttvsr.TTVSR`.

    ``start``: a name or file of weights to begin from. ``flow``: a file of SPyNet's weights. ``recompute``: the features
    inside the residual blocks are computed again in the backward pass and not kept, which is most of the memory for a fifth
    of the time.
    """

    channels: Positive = 64
    blocks: Positive = 60
    token_stride: Positive = 4
    keyframe_stride: Positive = 3
    flow: str | None = None
    recompute: bool = True


class TTVSRLosses(Section):
    """``flow_rate``: SPyNet's learning rate relative to the others'. ``flow_frozen``: steps before it learns at all."""

    flow_rate: Annotated[float, Field(ge=0)] = 0.125
    flow_frozen: Annotated[int, Field(ge=0)] = 5000


class RecomputedBlocks(ResidualBlocks):
    """Residual blocks that keep their input alone, and run again in the backward pass."""

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, checkpoint(super().forward, x, use_reentrant=False))


def new_network(model: TTVSRModel) -> TTVSR:
    """A network with random weights; SPyNet's of ``model.flow``. Raises CheckpointError for a file of another network."""
    strides = {"token_stride": model.token_stride, "keyframe_stride": model.keyframe_stride}
    network = TTVSR(channels=model.channels, blocks=model.blocks, **strides)
    if model.flow is not None:
        _load_flow(network, model.flow)
    return network


def _load_flow(network: TTVSR, file: str) -> None:
    expected = network.spynet.state_dict()
    for weights in read_checkpoint(Path(file).expanduser()).sets:
        if all(name in weights.state or name in ("mean", "std") for name in expected):
            network.spynet.load_state_dict({name: weights.state[name] for name in expected if name in weights.state})
            return
    raise CheckpointError(f"{file}: holds no SPyNet (basic_module.0.basic_module.0.conv.weight and so on)")


def recompute_blocks(network: TTVSR) -> None:
    """Replace the residual blocks of both passes by ones that keep less; names and values of parameters stay."""
    blocks = RecomputedBlocks(2 * network.channels, network.channels, network.blocks)
    blocks.load_state_dict(network.resblocks.state_dict())
    network.resblocks = blocks


class TTVSRObjective(nn.Module):
    """Clips (n, t, 3, h, w)."""

    def __init__(self, network: TTVSR, losses: TTVSRLosses, degradation: Literal["BI", "BD"]) -> None:
        super().__init__()
        self.network, self.losses, self.degradation = network, losses, degradation

    def graphs(self) -> Iterator[nn.Module]:
        return self.network.children()  # a clip as one graph would take minutes to compile

    def groups(self) -> dict[str, Groups]:
        flow = list(self.network.spynet.parameters())
        others = [value for name, value in self.network.named_parameters() if not name.startswith("spynet.")]
        return {"network": [{"params": others}, {"params": flow, "rate": self.losses.flow_rate}]}

    def prepare(self, batch: Batch) -> dict[str, Tensor]:
        return pair_of(batch, self.degradation, SCALE)

    def turns(self, batch: dict[str, Tensor], step: int) -> Iterator[OptimiserStep]:
        self.network.spynet.requires_grad_(step >= self.losses.flow_frozen)
        output = self.network(batch["low"]).float()
        yield OptimiserStep("network", {"pixel": charbonnier(output, batch["high"], EPSILON)})

    def upscale(self, network: Network, low: dict[str, Tensor]) -> Tensor:
        return cast(Tensor, network(low["low"]))


class TTVSRRecipe(Recipe):
    """TTVSR."""

    waits: ClassVar[bool] = True  # SPyNet

    system: Literal["ttvsr"]
    model: TTVSRModel
    data: ClipOrVideo
    losses: TTVSRLosses = TTVSRLosses()

    @model_validator(mode="after")
    def _is_large_enough(self) -> TTVSRRecipe:
        check_frames(self.data, single=False)
        if self.data.crop < 256:
            raise ValueError(f"TTVSR takes 64x64 pixels or more: data.crop must be 256 at least, not {self.data.crop}")
        return self

    @property
    def scale(self) -> int:
        return SCALE

    def objective(self) -> Objective:
        network = new_network(self.model)
        if self.model.recompute:
            recompute_blocks(network)
        return TTVSRObjective(network, self.losses, self.data.degradation)
