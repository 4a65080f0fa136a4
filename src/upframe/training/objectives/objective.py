"""What the loop asks of an objective."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn

from upframe.models.network import Network
from upframe.training.data.sets import Batch

Groups = list[dict[str, Any]]
"""Parameter groups as ``torch.optim`` takes them; ``rate`` of a group is its learning rate relative to the recipe's."""


@dataclass(frozen=True, slots=True)
class OptimiserStep:
    """One optimiser's step: ``terms``, weighted and differentiable, are to be lowered together; ``seen`` is only logged."""

    optimiser: str
    terms: dict[str, Tensor]
    seen: dict[str, Tensor] = field(default_factory=dict)


class Objective(Protocol):
    """A module that holds the networks that are trained, and nothing that is not."""

    @property
    def network(self) -> nn.Module:
        """The one that upscales."""
        ...

    def graphs(self) -> Iterable[nn.Module]:
        """What a step calls and can be compiled: the network itself; or its parts, where a step is a loop over frames."""
        ...

    def groups(self) -> dict[str, Groups]:
        """The parameters of each optimiser, by its name; that of ``network`` is called ``network``."""
        ...

    def prepare(self, batch: Batch) -> dict[str, Tensor]:
        """The tensors of a step, on the device of the batch."""
        ...

    def turns(self, batch: dict[str, Tensor], step: int) -> Iterator[OptimiserStep]:
        """The turns of step ``step``, from 0. A turn is asked for when the optimiser of the one before has moved."""
        ...

    def upscale(self, network: Network, low: dict[str, Tensor]) -> Tensor:
        """What a network, ``network`` or its average, makes of prepared tensors: output frames (n, [t,] 3, H, W)."""
        ...
