"""What the recipes of all networks have in common; each network's own stands beside its objective."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Protocol, TypeVar

from pydantic import Discriminator, Field, Tag, model_validator
from torch import nn

from upframe.errors import CheckpointError
from upframe.training.data.rendered import RenderedFrames
from upframe.training.data.settings import ClipData, FilmData, ImageData, Positive, RenderedData, Section
from upframe.training.objectives.features import FeatureSettings
from upframe.training.objectives.objective import Objective
from upframe.training.sections import Count, Optimiser, RunSection, Schedule, Validation

N = TypeVar("N", bound=nn.Module)
Data = ImageData | ClipData | FilmData | RenderedData


class ModelSection(Section):
    """The keywords of a network; ``start``: a name or file of weights to begin from."""

    start: str | None = None


class Recipe(Section):
    """What all recipes have; that of a network names it in ``system`` and says what its sections hold.

    ``batch`` is that of all devices together. ``ema``: the decay of the average of the weights.
    """

    waits: ClassVar[bool] = False  # some parameters sit out some steps

    version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
    seed: Count = 0
    iterations: Positive | None = None
    epochs: Positive | None = None
    batch: Positive
    ema: Annotated[float, Field(ge=0, lt=1)] | None = None
    licence: str = "unknown"
    optimiser: Optimiser
    schedule: Schedule = Schedule()
    validation: Validation | None = None
    run: RunSection = RunSection()
    system: str
    model: ModelSection
    data: Data
    losses: Section

    @model_validator(mode="after")
    def _has_an_end(self) -> Recipe:
        if (self.iterations is None) == (self.epochs is None):
            raise ValueError("give either iterations or epochs")
        return self

    @model_validator(mode="after")
    def _can_be_shared(self) -> Recipe:
        if self.batch % self.run.accumulate:
            raise ValueError(
                f"batch: {self.batch} samples cannot be taken in {self.run.accumulate} equal parts (run.accumulate)"
            )
        return self

    @property
    def scale(self) -> int:
        """How many times larger the output is."""
        raise NotImplementedError

    def objective(self) -> Objective:
        """The objective with its networks at their beginning, random numbers taken from torch's.

        Raises ValueError for switches that exclude each other, CheckpointError for a file that does not fit.
        """
        raise NotImplementedError

    def rendered_frames(self, scenes: Sequence[str]) -> RenderedFrames:
        """Frames as the network takes them, where it is for rendered ones. Raises InputError for scenes that do not fit."""
        raise NotImplementedError


class FeatureLosses(Protocol):
    """Losses with one of features."""

    @property
    def feature(self) -> float: ...
    @property
    def features(self) -> FeatureSettings | None: ...


class LPIPSLosses(Protocol):
    """Losses with one of LPIPS."""

    @property
    def lpips(self) -> float: ...
    @property
    def lpips_files(self) -> tuple[str, ...]: ...


def check_features(losses: FeatureLosses, network: str, file: str) -> None:
    """Raise ValueError for a feature loss without a network."""
    if losses.feature and losses.features is None:
        raise ValueError(
            f"the feature loss needs a network: losses.features.network={network} losses.features.file={file}, "
            "which torchvision publishes; or do without: losses.feature=0"
        )


def check_lpips(losses: LPIPSLosses) -> None:
    """Raise ValueError for an LPIPS loss without its weights."""
    if losses.lpips and not losses.lpips_files:
        raise ValueError("LPIPS needs its weights: losses.lpips_files=[FILE, ...]; or do without: losses.lpips=0")


def check_frames(data: ImageData | ClipData | FilmData, *, single: bool) -> None:
    """Raise ValueError for video data of one frame where clips are trained on, and the other way round."""
    if isinstance(data, FilmData) and (data.frames == 1) != single:
        raise ValueError("data.frames must be 1, as images are trained on" if single else "data.frames must be 2 or more")


def _kind_of_data(values: Any) -> str:
    """Which of the two sections: ``film`` where it says so, else the system's own."""
    kind = values.get("kind") if isinstance(values, dict) else getattr(values, "kind", None)
    return "film" if kind == "film" else "own"


ImageOrVideo = Annotated[Annotated[ImageData, Tag("own")] | Annotated[FilmData, Tag("film")], Discriminator(_kind_of_data)]
ClipOrVideo = Annotated[Annotated[ClipData, Tag("own")] | Annotated[FilmData, Tag("film")], Discriminator(_kind_of_data)]


def of_kind(kind: type[N], network: object, key: str, file: str) -> N:
    """The same network, which is to begin another. Raises CheckpointError if it is of another kind."""
    if not isinstance(network, kind):
        raise CheckpointError(f"{file}: is a {type(network).__name__}, and {key} needs an {kind.__name__}")
    return network
