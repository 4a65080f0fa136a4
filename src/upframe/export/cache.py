"""Networks exported for a backend, kept from one run to the next: an export takes longer than most images."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import upframe.export
import upframe.models
import upframe.ops
import upframe.rendered
from upframe.errors import InputError, MissingExtra
from upframe.export.exported import ExportedFile, open_exported
from upframe.export.ncnn_file import write_ncnn
from upframe.export.onnx_file import TRACED, fitting, write_onnx
from upframe.export.runners import Backend
from upframe.export.steps import step_of
from upframe.folders import cache_folder
from upframe.media.atomic import atomic_output
from upframe.models.catalog import Model
from upframe.models.contract import ExportStep, describe
from upframe.remedies import leave_out
from upframe.runtime.precision import Precision

_PACKAGES = ("upframe", "torch")


def exported_for(
    model: Model, backend: Backend, device: str = "auto", provider: str | None = None, precision: Precision = "auto"
) -> ExportedFile:
    """The model in a backend that is not torch, by way of a file in the cache: of ncnn for that, else of ONNX.

    ``device``, ``provider`` and ``precision`` as of :func:`open_exported`. Raises MissingExtra, DeviceError, OutputError, and
    InputError for networks that do not take single images or frames.
    """
    if model.info.degradation == "none":
        raise InputError(f"{model.info.name}: is not a network", remedy=leave_out("backend"))
    step = step_of(model)
    if step.contract.form not in ("image", "recurrent"):
        raise InputError(f"{model.info.name}: runs only in torch", remedy=leave_out("backend"))
    if backend == "ncnn":
        return replace(open_exported(_in_ncnn(model, step), backend, device, provider, precision), info=model.info)
    path = cache_folder("exports") / f"{_key(step, 'onnx', 'onnxscript')}.onnx"
    if not path.exists():
        metadata = describe(model.info, model.network.configuration, step.contract)
        with atomic_output(path, overwrite=True) as temporary:
            write_onnx(step, metadata, temporary, fitting(step.contract, *TRACED))
    return replace(open_exported(path, backend, device, provider, precision), info=model.info)


def _in_ncnn(model: Model, step: ExportStep) -> Path:
    """Its pair of files in the cache; of the two the .bin gets its name first."""
    if find_spec("pnnx") is None:
        raise MissingExtra("pnnx", "vulkan", "exporting to ncnn")
    param = cache_folder("exports") / f"{_key(step, 'pnnx')}.param"
    if not param.exists():
        metadata = describe(model.info, model.network.configuration, step.contract)
        with atomic_output(param, overwrite=True) as text, atomic_output(param.with_suffix(".bin"), overwrite=True) as numbers:
            write_ncnn(step, metadata, text, numbers, fitting(step.contract, *TRACED))
    return param


def _key(step: ExportStep, *writers: str) -> str:
    """Everything the file depends on: weights, contract, the code of the networks, the versions of what exports them."""
    digest = hashlib.sha256(step.contract.as_json().encode())
    for name, tensor in sorted(step.module.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    digest.update(repr(step.module).encode())
    for name in (*_PACKAGES, *writers):
        digest.update(f"{name} {version(name)}".encode())
    for package in (upframe.models, upframe.ops, upframe.rendered, upframe.export):
        for source in sorted(Path(package.__path__[0]).rglob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:32]
