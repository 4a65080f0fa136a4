"""To ONNX, by torch's exporter."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.export import Dim, ExportedProgram

from upframe.errors import MissingExtra, ShapeError
from upframe.models.contract import Contract, ExportStep

if TYPE_CHECKING:
    import onnx

OPSET = 20  # GridSample with bilinear and nearest, LayerNormalization, Gelu
TRACED = (24, 32)  # (height, width) of the example a graph of any size is made with: unlike each other, and like nothing inside


def fitting(contract: Contract, height: int, width: int) -> tuple[int, int]:
    """The smallest size a network takes that holds this one, beyond its minimum where that is larger."""

    def side(length: int) -> int:
        length += max(contract.minimum - 16, 0)
        return length + -length % contract.multiple

    return contract.size or (side(height), side(width))


def traced(step: ExportStep, height: int, width: int) -> ExportedProgram:
    """The graph of a step, for frames of any size unless it has one of its own.

    The axes are left wholly open: with bounds torch takes the size of the example for the only one, in silence.
    """
    dynamic = None
    if step.contract.size is None:
        dynamic = tuple(dict.fromkeys(spec.dynamic, Dim.DYNAMIC) for spec in step.contract.inputs)
    with quiet():
        return torch.export.export(step.module, step.example(height, width), dynamic_shapes=dynamic)


def write_onnx(step: ExportStep, metadata: Mapping[str, str], path: Path, size: tuple[int, int]) -> None:
    """Write a step, traced at ``size``, as one ONNX file. Raises MissingExtra."""
    onnx_model = to_onnx(step, metadata, size)
    path.write_bytes(onnx_model.SerializeToString())


def to_onnx(step: ExportStep, metadata: Mapping[str, str], size: tuple[int, int]) -> onnx.ModelProto:
    """A step, traced at (height, width), as an ONNX model with names, shapes and metadata. Raises MissingExtra."""
    try:
        import onnx
        import onnxscript  # noqa: F401  # wanted by torch's exporter
    except ImportError as error:
        raise MissingExtra(error.name or "onnx", "export", "exporting to ONNX") from error
    program = traced(step, *size)
    with quiet():
        exported = torch.onnx.export(
            program,
            (),
            dynamo=True,
            opset_version=OPSET,
            input_names=[spec.name for spec in step.contract.inputs],
            output_names=[spec.name for spec in step.contract.outputs],
            custom_translation_table=_translations(),
            external_data=False,
            verbose=False,
        )
    assert exported is not None
    model: onnx.ModelProto = exported.model_proto
    _name_sizes(model, step)
    onnx.helper.set_model_props(model, dict(metadata))
    return model


def _translations() -> dict[Any, Any]:
    """What torch's own translation does wrongly."""
    from onnxscript import opset20

    op: Any = opset20

    def pixel_unshuffle(image: Any, downscale_factor: int) -> Any:
        # ONNX folds a block with the channels inside, torch keeps the blocks of each channel together; torch 2.13 translates
        # the one into the other as if they were equal. Channel by channel they are.
        channels = image.shape[1] * downscale_factor**2
        single = op.Reshape(image, op.Constant(value_ints=[-1, 1, 0, 0]))
        folded = op.SpaceToDepth(single, blocksize=downscale_factor)
        return op.Reshape(folded, op.Constant(value_ints=[-1, channels, 0, 0]))

    return {torch.ops.aten.pixel_unshuffle.default: pixel_unshuffle}


def _name_sizes(model: onnx.ModelProto, step: ExportStep) -> None:
    """The open axes by the names of the contract: ``h``, ``w``, ``4*h``. Raises ShapeError where one is closed."""
    values = {value.name: value for value in (*model.graph.input, *model.graph.output)}
    for spec in (*step.contract.inputs, *step.contract.outputs):
        dims = values[spec.name].type.tensor_type.shape.dim
        for axis in spec.dynamic:
            if not dims[axis].dim_param:
                raise ShapeError(f"{spec.name}: axis {axis} became fixed at {dims[axis].dim_value} in the export")
            dims[axis].dim_param = str(spec.shape[axis])
    del model.graph.value_info[:]  # shapes inside, in the exporter's own names


@contextmanager
def quiet() -> Iterator[None]:
    """Without the exporters' warnings about themselves."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
