"""A model as a file that others run: ONNX, a torch.export archive, OpenVINO, what TensorRT builds an engine from, a shader."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

import torch

from upframe.errors import DeviceError, InputError, MissingExtra
from upframe.export import mpv
from upframe.export.archive import ARCHIVED
from upframe.export.check import Checked, check
from upframe.export.mpv_run import Bordered, mpv_runner
from upframe.export.ncnn_file import ncnn_runner, write_ncnn
from upframe.export.onnx_file import TRACED, fitting, quiet, traced, write_onnx
from upframe.export.runners import onnxruntime_runner, openvino_runner, torch_runner
from upframe.export.steps import FRAMES, step_of
from upframe.export.tensorrt import write_tensorrt
from upframe.media.atomic import atomic_output
from upframe.models.catalog import Model
from upframe.models.contract import Contract, ExportStep, describe
from upframe.models.info import ModelInfo
from upframe.models.layers import Layered
from upframe.remedies import Option, either, leave_out, set_to, way

Target = Literal["onnx", "pt2", "openvino", "tensorrt", "mpv", "ncnn"]
_ENDINGS: dict[str, Target] = {".onnx": "onnx", ".pt2": "pt2", ".xml": "openvino", ".glsl": "mpv", ".param": "ncnn"}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and how it compared with PyTorch. ``files``: all of them; ``path``: the one to open.

    ``checked`` is empty for a shader where there is no OpenGL to compile it.
    """

    path: Path
    target: Target
    files: tuple[Path, ...]
    contract: Contract
    checked: tuple[Checked, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as ``--json`` prints them."""
        return {
            "path": str(self.path),
            "target": self.target,
            "files": [str(path) for path in self.files],
            "bytes": sum(path.stat().st_size for path in self.files),
            "contract": asdict(self.contract),
            "checked": [asdict(checked) for checked in self.checked],
        }


@dataclass(frozen=True, slots=True)
class _Work:
    """A step on its way to a file; ``reference`` is the same in single precision, ``size`` what it is traced with."""

    name: str
    step: ExportStep
    reference: ExportStep
    metadata: Mapping[str, str]
    size: tuple[int, int]
    out: Path
    overwrite: bool


def usual_name(model: Model, to: str | None) -> Path:
    """The name of a result that was given none: the model's. Raises InputError where it is not said what to export to."""
    if to is None:
        raise InputError("neither a name nor what to export to was given", remedy=set_to("to", get_args(Target)))
    name = Path(model.info.name).name
    return Path(
        f"{name}-tensorrt" if to == "tensorrt" else name + {kind: ending for ending, kind in _ENDINGS.items()}[_known(to)]
    )


def choose_target(out: Path, to: str | None) -> Target:
    """What to export to: what was asked for, else what the name's ending says. Raises InputError."""
    by_name = _ENDINGS.get(out.suffix.lower())
    if to is None:
        if by_name is None:
            raise InputError(
                f"{out}: does not say what to export to",
                remedy=either("name it .onnx, .pt2, .xml, .param or .glsl", way("set ", Option("to"))),
            )
        return by_name
    target = _known(to)
    if target != "tensorrt" and by_name != target:
        ending = next(ending for ending, name in _ENDINGS.items() if name == target)
        raise InputError(f"{out}: wrong ending for {target}", remedy=f"name it {Path(out.name).with_suffix(ending)}")
    if target == "tensorrt" and out.suffix:
        raise InputError(f"{out}: what TensorRT needs is a folder", remedy="give a name without an ending")
    return target


def _known(to: str) -> Target:
    if to not in get_args(Target):
        raise InputError(f"unknown target {to!r}", remedy=set_to("to", get_args(Target)))
    return cast(Target, to)


def export_model(
    model: Model,
    out: Path,
    *,
    to: str | None = None,
    size: tuple[int, int] | None = None,
    float16: bool = False,
    frames: int = FRAMES,
    overwrite: bool = False,
) -> Exported:
    """Export a model, run the result beside PyTorch, and only then give it its name.

    ``to``: one of :data:`Target`; by default what the name's ending says. ``size`` (height, width) of the frame
    makes a file for that size alone, ``float16`` one that computes in half precision. ``frames`` is for TTVSR, whose file
    takes clips of that length. Raises InputError, ShapeError, MissingExtra and OutputError.
    """
    target = choose_target(out, to)
    if target == "mpv":
        if size is not None or float16:
            raise InputError(
                f"{out}: a shader takes frames of any size, in the precision of the player", remedy=leave_out("size", "float16")
            )
        return _mpv(model, out, overwrite=overwrite)
    reference = step_of(model, frames=frames)
    if size is not None:
        reference = reference.sized(*size)
    step = reference.half() if float16 else reference
    metadata = describe(model.info, model.network.configuration, step.contract)
    work = _Work(model.info.name, step, reference, metadata, fitting(step.contract, *TRACED), out, overwrite)
    return {"onnx": _onnx, "pt2": _pt2, "openvino": _openvino, "tensorrt": _tensorrt, "ncnn": _ncnn}[target](work)


def _mpv(model: Model, out: Path, *, overwrite: bool) -> Exported:
    step = step_of(model)
    layers = model.network.layers() if isinstance(model.network, Layered) else None
    if layers is None or model.info.sampling != "centre" or not mpv.is_runnable(layers):
        raise InputError(
            f"{model.info.name}: cannot be a shader: those are made of plain convolutions for images, such as rt4ksr-x2",
            remedy=way("export it with ", Option("to", "onnx")),
        )
    text = mpv.shader(layers, model.info)
    with atomic_output(out, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")
        checked = _checked_shader(out, text, step, model.info)
    return Exported(out, "mpv", (out,), step.contract, checked)


def _checked_shader(out: Path, text: str, step: ExportStep, info: ModelInfo) -> tuple[Checked, ...]:
    """The shader in OpenGL beside the network; nothing where that cannot be used."""
    try:
        run = mpv_runner(text)
    except (MissingExtra, DeviceError):
        return ()
    bordered = replace(step, module=Bordered(step, info), contract=replace(step.contract, multiple=1))
    return check(str(out), run, bordered, bordered)


def _onnx(work: _Work) -> Exported:
    with atomic_output(work.out, overwrite=work.overwrite) as temporary:
        write_onnx(work.step, work.metadata, temporary, work.size)
        run, _ = onnxruntime_runner(temporary)
        checked = check(str(work.out), run, work.step, work.reference)
    return Exported(work.out, "onnx", (work.out,), work.step.contract, checked)


def _pt2(work: _Work) -> Exported:
    names = [spec.name for spec in work.step.contract.outputs]
    described = {ARCHIVED: json.dumps({"metadata": dict(work.metadata), "outputs": names})}
    with atomic_output(work.out, overwrite=work.overwrite) as temporary:
        program = traced(work.step, *work.size)
        with quiet():
            torch.export.save(program, temporary, extra_files=described)
        run, _ = torch_runner(temporary)
        checked = check(str(work.out), run, work.step, work.reference)
    return Exported(work.out, "pt2", (work.out,), work.step.contract, checked)


def _openvino(work: _Work) -> Exported:
    """By way of ONNX. The weights lie beside the .xml in a .bin of the same name, which gets its name first."""
    try:
        import openvino
    except ImportError as error:
        raise MissingExtra("openvino", "openvino", "exporting to OpenVINO") from error
    weights = work.out.with_suffix(".bin")
    with ExitStack() as stack:
        xml_file, bin_file = (stack.enter_context(atomic_output(p, overwrite=work.overwrite)) for p in (work.out, weights))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=xml_file.parent, prefix=".upframe-")))
        write_onnx(work.step, work.metadata, folder / "model.onnx", work.size)
        model = openvino.Core().read_model(folder / "model.onnx")
        model.set_rt_info(json.dumps(dict(work.metadata)), "upframe_metadata")
        openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)
        run, _ = openvino_runner(folder / "model.xml")
        checked = check(str(work.out), run, work.step, work.reference)
        (folder / "model.xml").replace(xml_file)
        (folder / "model.bin").replace(bin_file)
    return Exported(work.out, "openvino", (work.out, weights), work.step.contract, checked)


def _ncnn(work: _Work) -> Exported:
    """A pair of files, as of OpenVINO, compared on the processor."""
    if work.step is not work.reference:
        raise InputError(f"{work.out}: a file for ncnn holds single precision", remedy=leave_out("float16"))
    weights = work.out.with_suffix(".bin")
    with ExitStack() as stack:
        param, numbers = (stack.enter_context(atomic_output(p, overwrite=work.overwrite)) for p in (work.out, weights))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=param.parent, prefix=".upframe-")))
        write_ncnn(work.step, work.metadata, folder / "model.param", folder / "model.bin", work.size)
        run, _ = ncnn_runner(folder / "model.param")
        checked = check(str(work.out), run, work.step, work.reference)
        (folder / "model.param").replace(param)
        (folder / "model.bin").replace(numbers)
    return Exported(work.out, "ncnn", (work.out, weights), work.step.contract, checked)


def _tensorrt(work: _Work) -> Exported:
    """A folder: the ONNX file, which is checked; the script that builds an engine from it; and the engine, where it can be."""
    with atomic_output(work.out, overwrite=work.overwrite, folder=True) as folder:
        write_onnx(work.step, work.metadata, folder / "model.onnx", work.size)
        run, _ = onnxruntime_runner(folder / "model.onnx")
        checked = check(str(work.out), run, work.step, work.reference)
        names = write_tensorrt(folder, work.name, work.step.contract)
    return Exported(work.out, "tensorrt", tuple(work.out / name for name in names), work.step.contract, checked)
