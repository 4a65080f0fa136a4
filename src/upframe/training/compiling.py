"""``run.compile``: the networks of an objective, by ``torch.compile``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from upframe.errors import DeviceError
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


@contextmanager
def compiler_errors() -> Iterator[None]:
    """A compiler that fails is a lack of the machine. Raises DeviceError."""
    from torch._dynamo.exc import TorchDynamoException  # takes a second to import

    try:
        yield
    except TorchDynamoException as error:
        words = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = words[0][:160] if words else type(error).__name__
        raise DeviceError(f"run.compile: torch cannot compile the network here ({reason}): leave run.compile out") from error
