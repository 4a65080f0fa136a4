"""One way to run every kind of exported file: tensors in by name, tensors out by name, on the CPU."""

from __future__ import annotations

import json
import os
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import torch
from torch import Tensor

from upframe.errors import CheckpointError, MissingExtra

Backend = Literal["torch", "onnxruntime", "openvino"]
Run = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
"""Tensors on the CPU by their names, in the order of the contract -> the results by theirs."""

ARCHIVED = "upframe.json"  # in a .pt2: metadata, and the names of the results
_LOADING = Lock()
_ARITHMETIC = re.compile(  # of SymPy, as torch writes it: Mul(Integer(2), Symbol('s8', positive=True, integer=True))
    r"(?:Symbol\('[suz]\d+'(?:, \w+=(?:True|False))*\)|Integer|Add|Mul|Pow|Max|Min|FloorDiv|CeilDiv|CleanDiv|PythonMod|Mod"
    r"|[suz]?\d+|[-+*/(), ])*"
)


def onnxruntime_runner(path: Path) -> tuple[Run, dict[str, str]]:
    """An ONNX file in ONNX Runtime, with as many threads as torch has; and the file's metadata.

    Raises MissingExtra, and CheckpointError for a file that cannot be read.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("onnxruntime", "export", "running an ONNX file") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # one kind for each fault, without another base
        raise _unreadable(path, error) from error
    names = [output.name for output in session.get_outputs()]

    def run(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        try:
            results = session.run(names, {name: tensor.contiguous().numpy() for name, tensor in tensors.items()})
        except Exception as error:
            if "allocate memory" in str(error):
                raise MemoryError(str(error)) from error
            raise
        return {name: torch.from_numpy(result) for name, result in zip(names, results, strict=True)}

    return run, dict(session.get_modelmeta().custom_metadata_map)


def openvino_runner(path: Path) -> tuple[Run, dict[str, str]]:
    """An OpenVINO model (.xml), or an ONNX file, in OpenVINO; and the metadata.

    Raises MissingExtra, and CheckpointError for a file that cannot be read.
    """
    try:
        import openvino
    except ImportError as error:
        raise MissingExtra("openvino", "openvino", "running a model with OpenVINO") from error
    core = openvino.Core()
    try:
        model = core.read_model(path)
    except RuntimeError as error:
        raise _unreadable(path, error) from error
    # Left to itself it computes in bfloat16 on processors that have it.
    settings = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "INFERENCE_PRECISION_HINT": "f32"}
    names = [output.get_any_name() for output in model.outputs]
    # Sizes are left open, also where they are known: with fixed ones OpenVINO 2026.4 gathers the wrong rows for FRVSR.
    request = core.compile_model(model, "CPU", settings).create_infer_request()

    def run(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        request.infer({name: tensor.contiguous().numpy() for name, tensor in tensors.items()}, share_inputs=True)
        return {name: torch.from_numpy(request.get_tensor(name).data.copy()) for name in names}

    return run, _openvino_metadata(model) if path.suffix == ".xml" else _onnx_metadata(path)


def _openvino_metadata(model: Any) -> dict[str, str]:
    if not model.has_rt_info("upframe_metadata"):
        return {}
    found = json.loads(model.get_rt_info("upframe_metadata").astype(str))
    return found if isinstance(found, dict) else {}


def _onnx_metadata(path: Path) -> dict[str, str]:
    try:
        import onnx
    except ImportError as error:
        raise MissingExtra("onnx", "export", "reading an ONNX file") from error
    return {entry.key: entry.value for entry in onnx.load(path, load_external_data=False).metadata_props}


def torch_runner(path: Path) -> tuple[Run, dict[str, str]]:
    """An archive of torch.export (.pt2); and its metadata. Nothing in it but tensors and a graph is read.

    Raises CheckpointError for an archive that cannot be read, and for one that holds objects.
    """
    files = {ARCHIVED: ""}
    try:
        _refuse_code(path)
        with _tensors_alone(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The guards repeat what the example happened to be, such as even; the contract says which sizes are right.
            module = torch.export.load(path, extra_files=files).module(check_guards=False)
        described = json.loads(files[ARCHIVED] or "{}")
    except CheckpointError:
        raise
    except Exception as error:  # a graph written by anyone: anything may be wrong with it
        raise _unreadable(path, error) from error
    names = described.get("outputs", [])

    def run(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = module(*tensors.values())
        return dict(zip(names, (found,) if isinstance(found, Tensor) else found, strict=True))

    return run, described.get("metadata", {})


def _refuse_code(path: Path) -> None:
    """Raises CheckpointError where reading an archive could run what its author wished.

    That is Python objects, and the sizes of tensors where they are no arithmetic: torch hands them to an ``eval``.
    """
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if Path(name).name.startswith(("custom_obj", "opaque_obj")):
                raise CheckpointError(f"{path}: holds a Python object ({name}), which could run anything: it is not opened")
            if name.endswith(".json"):
                for size in _sizes(json.loads(archive.read(name))):
                    if not isinstance(size, str) or not _ARITHMETIC.fullmatch(size):
                        raise CheckpointError(f"{path}: a size in it is no arithmetic: {size!r:.60}. It is not opened")


def _sizes(node: Any) -> Iterator[Any]:
    """Every symbolic size in the description of a graph."""
    if isinstance(node, dict):
        if "expr_str" in node:
            yield node["expr_str"]
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _sizes(child)


@contextmanager
def _tensors_alone() -> Iterator[None]:
    """torch.export.load unpickles tensors, and whatever else there is where that fails; torch itself can forbid the latter."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    with _LOADING:
        before = os.environ.get(name)
        os.environ[name] = "1"
        try:
            yield
        finally:
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    if not path.exists():
        return CheckpointError(f"{path}: no such file")
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return CheckpointError(f"{path}: cannot be read as an exported model: {reason}")
