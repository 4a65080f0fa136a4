"""One way to run every kind of exported file: tensors in by name, tensors out by name, on the CPU."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from upframe.errors import CheckpointError, DeviceError, MissingExtra, UpframeError
from upframe.export.archive import read_archive
from upframe.export.graph import Graph
from upframe.export.one_file import read_onnx, read_openvino

Backend = Literal["torch", "onnxruntime", "openvino", "ncnn"]
Run = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
"""Tensors on the CPU by their names, in the order of the contract -> the results by theirs."""


def onnxruntime_runner(path: Path, provider: str = "cpu") -> tuple[Run, dict[str, str]]:
    """An ONNX file in ONNX Runtime, with as many threads as torch has; and the file's metadata.

    ``provider``: what of ONNX Runtime computes, by the first part of its name: ``cpu``, ``cuda``, ``dml`` (DirectML),
    ``migraphx`` (ROCm), ``coreml``; the processor does what it cannot. Raises MissingExtra, DeviceError for one that the
    installed package does not have, and CheckpointError for a file that cannot be read or needs anything beside it.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("onnxruntime", "export", "running an ONNX file") from error
    onnxruntime.disable_telemetry_events()  # also where it was imported before Upframe was
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors
    options.add_session_config_entry("session.load_model_format", "ONNX")  # else it looks for itself what the bytes could be
    try:
        content, metadata = read_onnx(path)
        session = onnxruntime.InferenceSession(content, options, providers=_providers(provider))
        names = [output.name for output in session.get_outputs()]
    except UpframeError:
        raise
    except Exception as error:  # one kind for each fault, without another base; names and metadata may be no text
        raise _unreadable(path, error) from error

    def run(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        try:
            results = session.run(names, {name: tensor.contiguous().numpy() for name, tensor in tensors.items()})
        except Exception as error:
            if "allocate memory" in str(error):
                raise MemoryError(str(error)) from error
            raise
        return {name: torch.from_numpy(result) for name, result in zip(names, results, strict=True)}

    return run, metadata


def _providers(name: str) -> list[str]:
    """ONNX Runtime's names of a provider and of the processor."""
    import onnxruntime

    there = {
        found.removesuffix("ExecutionProvider").lower(): found
        for found in onnxruntime.get_available_providers()
        if found != "AzureExecutionProvider"  # which sends what it is given to another machine
    }
    if name not in there:
        raise DeviceError(
            f"provider {name!r} is not in the onnxruntime that is installed: it has {', '.join(sorted(there))}",
            remedy="install the onnxruntime that has it, such as onnxruntime-gpu, onnxruntime-directml or onnxruntime-migraphx",
        )
    return list(dict.fromkeys([there[name], "CPUExecutionProvider"]))


def openvino_runner(path: Path) -> tuple[Run, dict[str, str]]:
    """An OpenVINO model (.xml), or an ONNX file, in OpenVINO; and the metadata.

    Raises MissingExtra, and CheckpointError for a file that cannot be read or needs any but the .bin beside an .xml.
    """
    try:
        import openvino
    except ImportError as error:
        raise MissingExtra("openvino", "openvino", "running a model with OpenVINO") from error
    core = openvino.Core()
    metadata: dict[str, str] | None = None
    try:
        if path.suffix.lower() == ".xml":
            model = core.read_model(*read_openvino(path))
        else:
            content, metadata = read_onnx(path)
            model = core.read_model(content)
    except UpframeError:
        raise
    except Exception as error:  # of protobuf, of OpenVINO and of the system
        raise _unreadable(path, error) from error
    # Left to itself it computes in bfloat16 on processors that have it.
    settings = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "INFERENCE_PRECISION_HINT": "f32"}
    names = [output.get_any_name() for output in model.outputs]
    # Sizes are left open, also where they are known: with fixed ones OpenVINO 2026.4 gathers the wrong rows for FRVSR.
    request = core.compile_model(model, "CPU", settings).create_infer_request()

    def run(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        request.infer({name: tensor.contiguous().numpy() for name, tensor in tensors.items()}, share_inputs=True)
        return {name: torch.from_numpy(request.get_tensor(name).data.copy()) for name in names}

    return run, _openvino_metadata(model) if metadata is None else metadata


def _openvino_metadata(model: Any) -> dict[str, str]:
    if not model.has_rt_info("upframe_metadata"):
        return {}
    found = json.loads(model.get_rt_info("upframe_metadata").astype(str))
    return found if isinstance(found, dict) else {}


def torch_runner(path: Path) -> tuple[Run, dict[str, str]]:
    """An archive of torch.export (.pt2); and its metadata. Only numbers and a graph of known operations are read from it.

    Raises CheckpointError for an archive that cannot be read, and for one that holds anything else.
    """
    try:
        archive = read_archive(path)
        graph = Graph(archive)
        names = [str(name) for name in archive.description.get("outputs", [])]
        metadata = {str(key): str(value) for key, value in archive.description.get("metadata", {}).items()}
    except CheckpointError:
        raise
    except Exception as error:  # written by anyone: anything may be wrong with it
        raise _unreadable(path, error) from error

    def run(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        try:
            return dict(zip(names, graph(*tensors.values()), strict=True))
        except Exception as error:
            if isinstance(error, MemoryError) or "allocate memory" in str(error):
                raise
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise CheckpointError(f"{path}: its graph does not fit what it is given: {reason}") from error

    return run, metadata


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    if not path.exists():
        return CheckpointError(f"{path}: no such file")
    lines = [line for line in str(error).splitlines() if line.strip() and not line.startswith("Exception from ")]
    reason = lines[0] if lines else type(error).__name__
    return CheckpointError(f"{path}: cannot be read as an exported model: {reason}")
