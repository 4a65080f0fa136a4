"""Exported files, opened with what they say of themselves, as the networks they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeGuard

import torch
from torch import Tensor

from upframe.errors import CheckpointError, DeviceError, InputError
from upframe.export.ncnn_file import choose_card, ncnn_runner
from upframe.export.runners import Backend, Run, onnxruntime_runner, openvino_runner, torch_runner
from upframe.models.contract import Contract, described, next_inputs
from upframe.models.info import ModelInfo
from upframe.models.streams import RecurrentStream, Stream
from upframe.regular import refuse_irregular
from upframe.remedies import Option, leave_out, way
from upframe.runtime.precision import Precision

Open = Callable[[Path], tuple[Run, dict[str, str]]]
_READERS: dict[str, dict[Backend, Open]] = {  # the first of each is the one it was made for
    ".onnx": {"onnxruntime": onnxruntime_runner, "openvino": openvino_runner},
    ".xml": {"openvino": openvino_runner},
    ".pt2": {"torch": torch_runner},
    ".param": {"ncnn": ncnn_runner},
}


def is_exported(model: object) -> TypeGuard[str | Path]:
    """Whether what names a model is the name of an exported file."""
    return isinstance(model, str | Path) and Path(model).suffix.lower() in _READERS


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file that `upframe export` has written, ready to run: on the CPU, or on a ``card``, of ncnn, or provider."""

    path: Path
    info: ModelInfo
    contract: Contract
    backend: Backend
    run: Run
    card: str = ""

    def network(self) -> ExportedImage | ExportedRecurrent:
        """It as a network for images or frames. Raises InputError for what takes anything else."""
        match self.contract.form:
            case "image":
                return ExportedImage(self)
            case "recurrent":
                return ExportedRecurrent(self)
            case "clip":
                frames = self.contract.inputs[0].shape[1]
                raise InputError(
                    f"{self.path}: takes clips of exactly {frames} frames, so it cannot upscale a video",
                    remedy="upscale with the weights it was made of; docs/integration.md says what a host does with this file",
                )
        raise InputError(
            f"{self.path}: takes rendered frames, with depth and motion",
            remedy="see docs/integration.md for what a host does with it",
        )

    def typed(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Tensors on the CPU in the types of the contract, and in its order."""
        return {spec.name: tensors[spec.name].to("cpu", getattr(torch, spec.dtype)) for spec in self.contract.inputs}


def open_exported(
    path: str | Path,
    backend: Backend | None = None,
    device: str = "auto",
    provider: str | None = None,
    precision: Precision = "auto",
) -> ExportedFile:
    """Open an exported file, in the backend it was made for unless another one is named.

    ``device``: for ncnn, as :func:`choose_card` has it; ``provider``: for ONNX Runtime, as its runner has it. ``precision``:
    that of the file, or in ncnn on a card ``fp16``. Raises MissingExtra, DeviceError, InputError for a provider of what has
    none, and CheckpointError for a file that cannot be read, is not of Upframe's making, or does not run in the backend.
    """
    path = Path(path)
    readers = _READERS[path.suffix.lower()]
    chosen = backend or next(iter(readers))
    if chosen not in readers:
        raise CheckpointError(f"{path}: runs in {' or '.join(readers)}, not in {chosen}")
    refuse_irregular(path, CheckpointError)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    if provider is not None and chosen != "onnxruntime":
        raise InputError(f"{path}: {chosen} has no providers", remedy=way("compute it with ", Option("backend", "onnxruntime")))
    half = precision == "fp16" and chosen == "ncnn"
    if precision not in ("auto", "fp32") and not half:
        raise DeviceError(f"{chosen} computes a network as precisely as it was exported", remedy=leave_out("precision"))
    card = choose_card(device) if chosen == "ncnn" else None
    if chosen == "ncnn":
        run, metadata = ncnn_runner(path, card, half=half)
    elif provider is not None:
        run, metadata = onnxruntime_runner(path, provider)
    else:
        run, metadata = readers[chosen](path)
    info, contract = described(path, metadata)
    if contract.size is not None:
        info = replace(info, border=0)  # no frame of another size is taken
    return ExportedFile(path, info.with_file(name=path.stem, sha256=""), contract, chosen, run, str(card or provider or ""))


class ExportedImage:
    """An exported network without memory, in place of the module it was: (n, 3, h, w) -> (n, 3, scale*h, scale*w)."""

    kind: Literal["image"] = "image"

    def __init__(self, file: ExportedFile) -> None:
        self._file = file

    def __call__(self, images: Tensor) -> Tensor:
        """Raises ShapeError for a size the file does not take."""
        self._file.contract.check_size(str(self._file.path), *images.shape[-2:])
        results = [self._file.run(self._file.typed({"rgb": image}))["output"] for image in torch.split(images, 1)]
        return torch.cat(results).to(images)


class ExportedRecurrent:
    """An exported network that goes from frame to frame, in place of the module it was."""

    kind: Literal["video"] = "video"

    def __init__(self, file: ExportedFile) -> None:
        self._file = file

    def stream(self) -> Stream:
        """A new stream of frames, begun as the published evaluation of FRVSR begins."""
        return RecurrentStream(self)

    def step(self, frame: Tensor, state: dict[str, Tensor] | None) -> tuple[Tensor, dict[str, Tensor]]:
        """The next frame (1, 3, h, w) of a running video, and the inputs that carry the past. Raises ShapeError."""
        height, width = frame.shape[-2:]
        contract = self._file.contract
        contract.check_size(str(self._file.path), height, width)
        if state is None:
            carried = (spec for spec in contract.inputs if spec.name in contract.state)
            state = {spec.name: frame.new_zeros(spec.sizes(height, width)) for spec in carried}
        inputs = {"rgb": frame, **state}
        outputs = {name: value.to(frame) for name, value in self._file.run(self._file.typed(inputs)).items()}
        return outputs["output"], next_inputs(contract, inputs, outputs)
