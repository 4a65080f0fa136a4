"""ncnn, which computes on graphics cards of every maker by Vulkan, and on processors: files written by pnnx, and read again.

A network is a pair of files, ``NAME.param`` (its layers, as text) and ``NAME.bin`` (their numbers). What Upframe says of it is
on a line after the last layer, where ncnn reads no further.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from upframe.errors import CheckpointError, DeviceError, InputError, MissingExtra
from upframe.export.onnx_file import fitting, quiet
from upframe.export.runners import Run
from upframe.models.contract import Contract, ExportStep, described
from upframe.regular import refuse_irregular
from upframe.remedies import Option, either, leave_out, way

_MARK = "upframe_metadata "
_MAGIC = "7767517"
_LONG = 10_000  # layers; what a network of ours has is far from it
_LARGER = (40, 56)  # (height, width) of a second example, by which pnnx sees that the size is open
_AS_ONNX = either(way("export it with ", Option("to", "onnx")), way("compute it with ", Option("backend", "onnxruntime")))
_SOFTWARE = 3  # of its types of a device: a processor that plays a card
_NO_MEMORY = -100  # what it returns where it cannot allocate
_LAYERS = frozenset(
    (
        *("Input", "MemoryData", "Noop", "Split", "Concat", "Slice", "Crop", "Padding"),
        *("Permute", "Reshape", "Squeeze", "ExpandDims", "Flatten", "Reorg", "PixelShuffle", "Interp", "GridSample"),
        *("Convolution", "ConvolutionDepthWise", "Deconvolution", "InnerProduct", "Pooling", "LayerNorm", "Scale"),
        *("GELU", "ReLU", "Sigmoid", "HardSigmoid", "TanH", "BinaryOp", "UnaryOp", "Eltwise", "CumulativeSum", "Reduction"),
    )
)


def write_ncnn(step: ExportStep, metadata: Mapping[str, str], param: Path, weights: Path, size: tuple[int, int]) -> None:
    """Write a step for images or frames as ``param`` and ``weights``.

    Raises MissingExtra, and InputError for a network that ncnn has no layers for.
    """
    try:
        import pnnx
    except ImportError as error:
        raise MissingExtra("pnnx", "vulkan", "exporting to ncnn") from error
    if step.contract.form not in ("image", "recurrent"):
        raise InputError("ncnn takes networks for images, and for video frame by frame", remedy=_AS_ONNX)
    with tempfile.TemporaryDirectory(prefix="upframe-") as folder, quiet(), torch.inference_mode():
        traced = torch.jit.trace(step.module, step.example(*size), check_trace=False)  # type: ignore[no-untyped-call]
        traced.save(f"{folder}/model.pt")
        sizes = [f"inputshape={_shapes(step.contract, size)}"]
        if step.contract.size is None:
            sizes.append(f"inputshape2={_shapes(step.contract, fitting(step.contract, *_LARGER))}")
        command = [pnnx.EXEC_PATH, "model.pt", *sizes, "fp16=0"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
        made = Path(folder, "model.ncnn.param"), Path(folder, "model.ncnn.bin")
        if done.returncode or not all(path.exists() for path in made):
            last = (done.stderr.strip() or "it gives no reason").splitlines()[-1]
            raise InputError(f"ncnn: pnnx cannot convert the network: {last:.120}", remedy=_AS_ONNX)
        text = made[0].read_text(encoding="utf-8")
        unknown = next((kind for kind in _kinds(text) if kind not in _LAYERS), None)
        if unknown is not None:
            raise InputError(f"ncnn has no layer for a part of the network ({unknown})", remedy=_AS_ONNX)
        param.write_text(text.rstrip("\n") + f"\n{_MARK}{json.dumps(dict(metadata))}\n", encoding="utf-8")
        weights.write_bytes(made[1].read_bytes())


def _shapes(contract: Contract, size: tuple[int, int]) -> str:
    return ",".join(f"[{','.join(map(str, spec.sizes(*size)))}]" for spec in contract.inputs)


def _kinds(text: str) -> list[str]:
    """The kinds of the layers of a ``.param``. Raises ValueError for a text that is none."""
    lines = text.splitlines()
    if len(lines) < 3 or lines[0].strip() != _MAGIC:
        raise ValueError("it does not begin as ncnn's files do")
    count = int(lines[1].split()[0])
    if not 0 < count <= min(_LONG, len(lines) - 2):
        raise ValueError("it ends early")
    return [line.split()[0] for line in lines[2 : 2 + count] if line.strip()]


def ncnn_runner(path: Path, card: Card | None = None, *, half: bool = False) -> tuple[Run, dict[str, str]]:
    """A ``.param`` with its ``.bin`` in ncnn, on a card or on the processor; and the metadata.

    ``half``: in half precision, where the card has it. Raises MissingExtra, CheckpointError for files that cannot be read or
    have layers of another kind, and DeviceError for half precision on the processor and of a network that warps.
    """
    try:
        import ncnn
    except ImportError as error:
        raise MissingExtra("ncnn", "vulkan", "running a network in ncnn") from error
    weights = path.with_suffix(".bin")
    refuse_irregular(weights, CheckpointError)
    try:
        text = path.read_text(encoding="utf-8")
        kinds = _kinds(text)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read as a network of ncnn: {error}") from error
    unknown = next((kind for kind in kinds if kind not in _LAYERS), None)
    if unknown is not None:
        raise CheckpointError(f"{path}: its layer {unknown!r:.80} is not of those that Upframe writes: it is not opened")
    if not weights.is_file():
        raise CheckpointError(f"{path}: {weights.name}, which holds its numbers, is not beside it")
    metadata = _metadata(text)
    contract = described(path, metadata)[1]
    if half:
        _refuse_half(card, warps=contract.form == "recurrent")
    net = _opened(ncnn, path, weights, card, half=half)

    def run(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        extractor = net.create_extractor()
        for index, tensor in enumerate(tensors.values()):
            extractor.input(f"in{index}", ncnn.Mat(tensor.contiguous().numpy(), batch_index=0).clone())
        results = {}
        for index, spec in enumerate(contract.outputs):
            code, result = extractor.extract(f"out{index}")
            if code:
                raise MemoryError("ncnn") if code == _NO_MEMORY else CheckpointError(f"{path}: ncnn cannot run it")
            results[spec.name] = torch.from_numpy(np.array(result.numpy(batch_index=0)))
        return results

    return run, metadata


def _refuse_half(card: Card | None, *, warps: bool) -> None:
    if card is None:
        reason = "ncnn computes in half precision on graphics cards alone"
    elif warps:
        reason = "half precision in ncnn cannot hold the positions to which this network warps"
    else:
        return
    raise DeviceError(reason, remedy=leave_out("precision"))


@dataclass(frozen=True, slots=True)
class Card:
    """A device of Vulkan."""

    index: int
    name: str
    software: bool

    def __str__(self) -> str:
        return f"vulkan:{self.index} ({self.name})"


def choose_card(name: str) -> Card | None:
    """A ``vulkan`` card, or ``vulkan:1``; None for the ``cpu``. ``auto``: the first that is no software, else None.

    Raises MissingExtra, and DeviceError, which lists the cards there are, for one that is not there.
    """
    if name == "cpu":
        return None
    cards = _cards()
    if name == "auto":
        return next((card for card in cards if not card.software), None)
    kind, _, number = name.partition(":")
    index = int(number) if number.isdecimal() else len(cards) if number else 0
    if kind != "vulkan" or index >= len(cards):
        there = ", ".join(map(str, cards)) or "no card with Vulkan here"
        raise DeviceError(
            f"device {name!r} cannot be used by ncnn: there is {there}", remedy=way("use ", Option("device", "cpu"))
        )
    return cards[index]


def _cards() -> list[Card]:
    try:
        import ncnn
    except ImportError as error:
        raise MissingExtra("ncnn", "vulkan", "running a network in ncnn") from error
    with _silence():  # it prints what it finds
        found = [ncnn.get_gpu_info(index) for index in range(ncnn.get_gpu_count())]
    return [Card(index, info.device_name(), info.type() == _SOFTWARE) for index, info in enumerate(found)]


@contextmanager
def _silence() -> Iterator[None]:
    """Without what a library writes to standard error."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _opened(ncnn: Any, path: Path, weights: Path, card: Card | None, *, half: bool) -> Any:
    net = ncnn.Net()
    net.opt.num_threads = torch.get_num_threads()
    net.opt.use_vulkan_compute = card is not None
    for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic"):
        setattr(net.opt, option, half)
    net.opt.use_bf16_storage = False
    if card is not None:
        net.set_vulkan_device(card.index)
    with _silence():
        failed = net.load_param(str(path)) or net.load_model(str(weights))
    if failed:
        raise CheckpointError(f"{path}: cannot be read as a network of ncnn")
    return net


def _metadata(text: str) -> dict[str, str]:
    line = next((line for line in text.splitlines() if line.startswith(_MARK)), None)
    if line is None:
        return {}
    try:
        found = json.loads(line[len(_MARK) :])
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}
