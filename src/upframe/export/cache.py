"""Networks exported for a backend, kept from one run to the next: an export takes longer than most images."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import upframe.export
import upframe.models
import upframe.ops
import upframe.rendered
from upframe.errors import InputError
from upframe.export.exported import ExportedFile, open_exported
from upframe.export.onnx_file import TRACED, fitting, write_onnx
from upframe.export.runners import Backend
from upframe.export.steps import step_of
from upframe.folders import cache_folder
from upframe.media.atomic import atomic_output
from upframe.models.catalog import Model
from upframe.models.contract import ExportStep, describe
from upframe.remedies import leave_out

_PACKAGES = ("upframe", "torch", "onnx", "onnxscript")


def exported_for(model: Model, backend: Backend) -> ExportedFile:
    """The model in a backend that is not torch, by way of an ONNX file in the cache.

    Raises MissingExtra, OutputError, and InputError for networks that do not take single images or frames.
    """
    if model.info.degradation == "none":
        raise InputError(f"{model.info.name}: is not a network", remedy=leave_out("backend"))
    step = step_of(model)
    if step.contract.form not in ("image", "recurrent"):
        raise InputError(f"{model.info.name}: runs only in torch", remedy=leave_out("backend"))
    path = cache_folder("exports") / f"{_key(step)}.onnx"
    if not path.exists():
        metadata = describe(model.info, model.network.configuration, step.contract)
        with atomic_output(path, overwrite=True) as temporary:
            write_onnx(step, metadata, temporary, fitting(step.contract, *TRACED))
    return open_exported(path, backend)


def _key(step: ExportStep) -> str:
    """Everything the file depends on: weights, contract, the code of the networks, the versions of what exports them."""
    digest = hashlib.sha256(step.contract.as_json().encode())
    for name, tensor in sorted(step.module.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    digest.update(repr(step.module).encode())
    for name in _PACKAGES:
        digest.update(f"{name} {version(name)}".encode())
    for package in (upframe.models, upframe.ops, upframe.rendered, upframe.export):
        for source in sorted(Path(package.__path__[0]).rglob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:32]
