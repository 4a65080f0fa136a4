"""What happens during a training, as plain data: the command line shows it, or prints it as JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class TrainingEvent:
    """Base of all; ``name`` is the ``event`` of its JSON object."""

    name: ClassVar[str] = ""

    def as_dict(self) -> dict[str, Any]:
        """For ``json.dumps``; what is no finite number becomes text."""
        values = {"event": self.name} | asdict(self)
        return {key: _plain(value) for key, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


@dataclass(frozen=True, slots=True)
class TrainingStarted(TrainingEvent):
    """Before the first step; ``step`` is more than 0 when a training is taken up. ``epoch``: steps that are one."""

    name: ClassVar[str] = "started"
    recipe: str
    output: str
    step: int
    total: int
    parameters: int
    device: str
    processes: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Stepped(TrainingEvent):
    """Means since the last one: ``losses`` by term, ``seconds`` a step, and the part of it spent waiting for data."""

    name: ClassVar[str] = "step"
    step: int
    total: int
    losses: dict[str, float]
    rate: float
    seconds: float
    data_share: float


@dataclass(frozen=True, slots=True)
class Validated(TrainingEvent):
    """Scores of a protocol."""

    name: ClassVar[str] = "validated"
    step: int
    protocol: str
    scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class Saved(TrainingEvent):
    """A checkpoint is whole."""

    name: ClassVar[str] = "saved"
    step: int
    path: str


@dataclass(frozen=True, slots=True)
class TrainingNote(TrainingEvent):
    """Something worth knowing."""

    name: ClassVar[str] = "note"
    text: str


@dataclass(frozen=True, slots=True)
class TrainingFinished(TrainingEvent):
    """The end: ``weights`` is the file to upscale with. ``interrupted``: before the last step, on the user's wish.

    ``hung_up``: that wish was that the terminal went away.
    """

    name: ClassVar[str] = "finished"
    step: int
    total: int
    weights: str
    interrupted: bool
    hung_up: bool = False


Report = Callable[[TrainingEvent], None]
