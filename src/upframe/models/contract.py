"""What an exported network takes and gives: names, shapes, types, and what its host has to carry from frame to frame.

It travels in the file's metadata beside the ModelInfo, so that a host needs no other description (docs/integration.md).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from upframe.errors import CheckpointError, ShapeError
from upframe.models.info import ModelInfo, from_metadata, to_metadata
from upframe.ops.sampling import Sampling
from upframe.remedies import Option, Task, way

CONTRACT_KEY = "upframe_contract"  # of a file's metadata, beside the ModelInfo
Form = Literal["image", "recurrent", "clip", "rendered"]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor. ``shape``: numbers, and ``h``, ``w``, ``4*h``, ``4*w`` for what follows the size of the frame."""

    name: str
    shape: tuple[int | str, ...]
    holds: str
    dtype: Literal["float32", "float16"] = "float32"

    def sizes(self, height: int, width: int) -> tuple[int, ...]:
        """The shape for a frame of this size."""
        return tuple(_length(length, height, width) for length in self.shape)

    @property
    def dynamic(self) -> tuple[int, ...]:
        """The axes that follow the size of the frame."""
        return tuple(axis for axis, length in enumerate(self.shape) if isinstance(length, str))


def _length(length: int | str, height: int, width: int) -> int:
    if isinstance(length, int):
        return length
    factor, _, side = length.rpartition("*")
    return int(factor or 1) * {"h": height, "w": width}[side]


@dataclass(frozen=True, slots=True)
class Contract:
    """All tensors of a file, in order.

    ``state``: inputs that carry the past, each with the name of the tensor, an input or an output, whose value of this step
    it is given at the next. ``begin``: what they hold for the first frame of a shot. ``multiple``, ``minimum``: of the sides
    of a frame. ``sampling``: where the network has its samples (:mod:`upframe.ops.sampling`); where that is the ``corner`` its
    host moves the results of ordinary frames. ``size``: the only (height, width) the file takes, None where it takes any.
    """

    form: Form
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    state: Mapping[str, str] = field(default_factory=dict)
    begin: str = ""
    multiple: int = 1
    minimum: int = 1
    sampling: Sampling = "centre"
    size: tuple[int, int] | None = None

    def check_size(self, name: str, height: int, width: int) -> None:
        """Raises ShapeError, naming the file, for a frame it does not take."""
        if self.size is not None and self.size != (height, width):
            only = f"{self.size[1]}x{self.size[0]}"
            raise ShapeError(
                f"{name}: was exported for frames of {only} alone, not {width}x{height}",
                remedy=way("export it again without ", Option("size"), ", for any size"),
            )
        if height % self.multiple or width % self.multiple or min(height, width) < self.minimum:
            raise ShapeError(
                f"{name}: takes sides of at least {self.minimum} that are multiples of {self.multiple}, not {width}x{height}"
            )

    def as_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises LookupError, TypeError or ValueError for what is no contract."""
        values = json.loads(text)
        tensors = {
            side: tuple(TensorSpec(**spec | {"shape": tuple(spec["shape"])}) for spec in values[side])
            for side in ("inputs", "outputs")
        }
        size = values["size"]
        return cls(**values | tensors | {"size": None if size is None else (int(size[0]), int(size[1]))})


@dataclass(frozen=True, slots=True)
class ExportStep:
    """A module whose arguments and results are the tensors of the contract, in order.

    ``positions``: the names of those that say where something is. In half precision they stay in single.
    """

    module: nn.Module
    contract: Contract
    positions: frozenset[str] = frozenset()

    def example(self, height: int, width: int, *, seed: int = 0) -> tuple[Tensor, ...]:
        """Random arguments for a frame of this size, always the same ones: motion within two pixels, the rest in [0, 1]."""
        generator = torch.Generator().manual_seed(seed)
        found = []
        for spec in self.contract.inputs:
            values = torch.rand(spec.sizes(height, width), generator=generator)
            found.append((4 * values - 2 if spec.name in self.positions else values).to(getattr(torch, spec.dtype)))
        return tuple(found)

    def run(self, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        """The results by their names."""
        with torch.inference_mode():
            found = self.module(*inputs)
        results = (found,) if isinstance(found, Tensor) else found
        return {spec.name: value for spec, value in zip(self.contract.outputs, results, strict=True)}

    def half(self) -> ExportStep:
        """The same step in half precision; positions stay in single."""

        def halved(specs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
            return tuple(spec if spec.name in self.positions else replace(spec, dtype="float16") for spec in specs)

        contract = replace(self.contract, inputs=halved(self.contract.inputs), outputs=halved(self.contract.outputs))
        return replace(self, module=copy.deepcopy(self.module).half(), contract=contract)

    def sized(self, height: int, width: int) -> ExportStep:
        """The same step for frames of one size alone. Raises ShapeError for one the network does not take."""
        contract = replace(self.contract, size=(height, width))
        contract.check_size("--size", height, width)

        def fixed(specs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
            return tuple(replace(spec, shape=spec.sizes(height, width)) for spec in specs)

        return replace(self, contract=replace(contract, inputs=fixed(contract.inputs), outputs=fixed(contract.outputs)))


def image_step(network: nn.Module, scale: int) -> ExportStep:
    """What is exported of a network for images: it as it is."""
    rgb = TensorSpec("rgb", (1, 3, "h", "w"), "the image, display-referred RGB, black 0, white 1")
    output = TensorSpec("output", large(scale), "the larger image, not clamped")
    return ExportStep(network, Contract("image", (rgb,), (output,)))


def large(scale: int) -> tuple[int | str, ...]:
    """The shape of a result."""
    return (1, 3, f"{scale}*h", f"{scale}*w")


def next_inputs(contract: Contract, inputs: dict[str, Tensor], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state for the step after this one."""
    tensors = inputs | outputs
    return {name: tensors[source] for name, source in contract.state.items()}


def describe(info: ModelInfo, configuration: Mapping[str, Any], contract: Contract) -> dict[str, str]:
    """The metadata of an exported file."""
    return to_metadata(info, configuration) | {CONTRACT_KEY: contract.as_json()}


def described(path: Path, metadata: Mapping[str, str]) -> tuple[ModelInfo, Contract]:
    """The inverse of :func:`describe`. Raises CheckpointError for a file that Upframe has not exported."""
    info, _ = from_metadata(metadata)
    if info is None or CONTRACT_KEY not in metadata:
        raise CheckpointError(
            f"{path}: was not exported by Upframe: it does not say what it takes", remedy=way(Task.EXPORT_AGAIN)
        )
    try:
        return info, Contract.from_json(metadata[CONTRACT_KEY])
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: its description is damaged or of another version", remedy=way(Task.EXPORT_AGAIN)
        ) from error
