"""What the rest of the package asks of a network: its family before there is one, and the network itself when it runs.

A :class:`Family` says how checkpoints are recognised and built; all of them stand in :mod:`upframe.models.families`. What it
builds is a :data:`Network`: a plain ``torch.nn.Module`` that also offers the members of one of the three protocols below, of
images, of video or of rendered frames. Upscaling, exporting, profiling, evaluating and training ask these and never the class.

=====================================  =============================================================================
asked by                               is
=====================================  =============================================================================
everything                             ``kind``, ``info``, ``configuration``
loading a file                         ``Family.recognises``, ``.build``, ``.choices``
profiling                              ``example_inputs``, ``Family.published``
compiling, recording                   ``graphs``
exporting                              ``export_step``
upscaling images                       calling it
upscaling video                        ``stream``
upscaling and training on rendered     ``new_history``, ``optional``, ``colours``, ``positions``, ``fills_in``,
                                       ``unit_range``, ``undoes_jitter``
=====================================  =============================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self, runtime_checkable

from torch import Tensor, nn

from upframe.models.contract import ExportStep
from upframe.models.info import ModelInfo
from upframe.models.streams import Stream

State = Mapping[str, Tensor]
"""The tensors of a checkpoint by their names, prefixes stripped."""
Configuration = Mapping[str, Any]
"""The switches of a network that no tensor tells, by the names of its ``configuration``."""


class BaseNetwork(Protocol):
    """What all kinds of networks offer. The second part is what callers use of ``torch.nn.Module``."""

    @property
    def info(self) -> ModelInfo:
        """The card of this network, without the name, licence and degradation of a particular training."""

    @property
    def configuration(self) -> Configuration:
        """The switches that a checkpoint's shapes do not tell. It is kept in files, and given back to ``Family.build``."""

    def example_inputs(self, height: int, width: int) -> tuple[Tensor, ...]:
        """Random arguments of ``forward`` for a frame of this size on the network's device, the same at every call."""

    def graphs(self) -> Iterable[nn.Module]:
        """What is compiled: the network itself; or its parts, where a call of it is a loop over frames.

        A network of parts is not recorded either: what it remembers grows with the clip.
        """

    training: bool

    def __call__(self, *inputs: Tensor) -> Any: ...
    def to(self, *args: Any, **kwargs: Any) -> Self: ...
    def eval(self) -> Self: ...
    def train(self, mode: bool = True) -> Self: ...
    def requires_grad_(self, requires_grad: bool = True) -> Self: ...
    def named_modules(self) -> Iterator[tuple[str, nn.Module]]: ...
    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]: ...
    def buffers(self, recurse: bool = True) -> Iterator[Tensor]: ...
    def state_dict(self) -> dict[str, Any]: ...


class ImageNetwork(BaseNetwork, Protocol):
    """(n, 3, h, w) RGB in [0, 1] -> (n, 3, scale*h, scale*w), not clamped; sides multiples of ``info.multiple``."""

    @property
    def kind(self) -> Literal["image"]: ...

    def export_step(self) -> ExportStep | None:
        """What is exported: usually :func:`upframe.models.contract.image_step`. None: there is nothing to export."""


class VideoNetwork(BaseNetwork, Protocol):
    """Frames in their order -> larger ones, each from what is remembered of others."""

    @property
    def kind(self) -> Literal["video"]: ...

    def stream(self) -> Stream:
        """A new stream through this network: of :mod:`upframe.models.streams`, or one of its own."""

    def export_step(self, *, frames: int) -> ExportStep | None:
        """What is exported: a frame and its state, or a clip of so many ``frames``."""


class RenderedNetwork(BaseNetwork, Protocol):
    """A rendered frame with its past, as its history makes it, -> (n, 3 or more, scale*h, scale*w).

    The first three channels are the image; the whole is given back to the history. ``optional``: buffers of a frame that it
    takes where there are any, beside those of ``info.inputs``. ``colours`` and ``positions``: those of its arguments that hold
    colours, which are at least 0 and may be brighter than 1, and those that say where something is, which half precision would
    move by a part of a pixel. ``fills_in``: it makes
    frames that have no colour of their own. ``unit_range``: its result is within [0, 1]. ``undoes_jitter``: it is given the
    ``jitter``, (1, 2, 1, 1), beside a frame's buffers and motion without it, and its result is where the pixels are; of the
    others it is where the samples are.
    """

    @property
    def kind(self) -> Literal["rendered"]: ...
    @property
    def optional(self) -> tuple[str, ...]: ...
    @property
    def colours(self) -> tuple[str, ...]: ...
    @property
    def positions(self) -> tuple[str, ...]: ...
    @property
    def fills_in(self) -> bool: ...
    @property
    def unit_range(self) -> bool: ...
    @property
    def undoes_jitter(self) -> bool: ...

    def new_history(self, *, far: float | None = None) -> History:
        """The past of one running image. ``far``: the depth, in scene units, that is the largest it tells apart, where it
        takes depth in such a range; None where that is the farthest of each frame.
        """

    def export_step(self) -> ExportStep | None:
        """What is exported: what the history keeps on the device, or what it hands to the network, named."""


Network = ImageNetwork | VideoNetwork | RenderedNetwork


@dataclass(frozen=True, slots=True)
class RenderedInputs:
    """``arguments``: what ``forward`` takes for one frame, by name and in order. ``newest`` (1, 3, h, w): its latest colour."""

    arguments: Mapping[str, Tensor]
    newest: Tensor


class History(Protocol):
    """The past of one running image of rendered frames, kept on the device of its frames."""

    def clear(self) -> None:
        """Forget all frames: after a cut."""

    def recolour(self, change: Callable[[Tensor], Tensor]) -> None:
        """Replace the remembered colours, (k, 3, h, w), for instance by what they are at another exposure."""

    def resize(self, size: tuple[int, int]) -> None:
        """Bring what is remembered to another size (height, width) of frames, as of dynamic resolution."""

    def inputs(self, frame: Mapping[str, Tensor]) -> RenderedInputs:
        """The next frame with its past. ``frame``: its buffers by the names of ``info.inputs``, (1, c, h, w) float32, colour
        as a display has it. Where the network ``fills_in``, colour may be missing, which raises InputError for a first frame.
        """

    def remember(self, result: Tensor) -> None:
        """What the network made of it, (1, 3 or more, scale*h, scale*w) float32."""


@runtime_checkable
class Mergeable(Protocol):
    """A network whose training form has a smaller equal."""

    def merge(self) -> Network: ...


def merged(network: Network) -> Network:
    """The network in merged form; itself where there is none."""
    return network.merge() if isinstance(network, Mergeable) else network


def _no_choices(_: State) -> Mapping[str, tuple[Any, ...]]:
    return {}


@dataclass(frozen=True, slots=True)
class Family:
    """All networks of one architecture.

    * ``name``: as ``ModelInfo.family`` has it.
    * ``recognises``: whether tensors, by their names, are of this family.
    * ``build``: the network they were saved from, all sizes read off the shapes; of its configuration what no tensor tells,
      missing entries being as published. Raises CheckpointError where tensors are missing, left over or of another shape.
    * ``choices``: of each switch that no tensor of a file tells, its values, the published one first. What an image looks
      like settles them (:mod:`upframe.models.switches`).
    * ``published``: the configurations of the paper by name, with random weights: to profile without a file.
    """

    name: str
    recognises: Callable[[State], bool]
    build: Callable[[State, Configuration], Network]
    choices: Callable[[State], Mapping[str, tuple[Any, ...]]] = _no_choices
    published: Mapping[str, Callable[[], Network]] = field(default_factory=dict)
