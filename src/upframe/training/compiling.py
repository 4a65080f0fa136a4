"""``run.compile``: the networks of an objective, by ``torch.compile``."""

from __future__ import annotations

from upframe.models.frvsr import FRVSR
from upframe.models.ttvsr import TTVSR
from upframe.training.objectives.objective import Objective


def compile_networks(objective: Objective) -> None:
    """Compile in place what a step calls. Names and values of parameters stay, and what is saved."""
    network = objective.network
    if isinstance(network, FRVSR | TTVSR):  # called frame after frame: a clip as one graph would take minutes to compile
        for part in network.children():
            part.compile()
    else:
        network.compile()
