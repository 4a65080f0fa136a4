"""``upframe export``: a model as a file that other programs run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from upframe.cli.errors import one_line
from upframe.cli.options import AsJson, Debug, ModelName, Overwrite
from upframe.cli.printing import write_line


def export(
    model: ModelName,
    out: Annotated[
        Path | None,
        typer.Argument(
            metavar="[OUT]",
            help="NAME.onnx, NAME.pt2, NAME.xml, NAME.param, NAME.glsl, or a folder for tensorrt. By default the model's name.",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        Literal["onnx", "pt2", "openvino", "tensorrt", "mpv", "ncnn"] | None,
        typer.Option("--to", help="By default what the name's ending says.", show_default=False),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--size", metavar="WxH", help="Frames of this size alone. By default of any size.", show_default=False),
    ] = None,
    float16: Annotated[
        bool, typer.Option("--float16", help="Half precision: for GPUs. Motion stays in single precision.")
    ] = False,
    frames: Annotated[int, typer.Option("--frames", min=1, help="Frames of the clip a TTVSR file takes.")] = 7,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Write a model as ONNX, a torch.export archive, OpenVINO, ncnn, for TensorRT, or as a shader for mpv.

    What a network remembers is among the inputs and outputs. The file is run and compared with PyTorch at several sizes
    before it gets its name; a shader where there is OpenGL. docs/integration.md describes every tensor, docs/plugins.md
    the shader.
    """
    with one_line(debug=debug):
        from upframe.engine.size import parse_size
        from upframe.export.exporting import export_model, usual_name
        from upframe.models import load

        loaded = load(model)
        exported = export_model(
            loaded,
            out or usual_name(loaded, to),
            to=to,
            size=None if size is None else parse_size(size),
            float16=float16,
            frames=frames,
            overwrite=overwrite,
        )
        if as_json:
            print(json.dumps(exported.as_dict()))
            return
        for path in exported.files:
            write_line(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
        for checked in exported.checked:
            write_line(
                f"  {checked.width}x{checked.height}: differs from PyTorch by {checked.largest:.1g} at most, "
                f"{checked.rms:.1g} in the mean"
            )
        if not exported.checked:
            write_line(
                "  not compared with PyTorch: that takes OpenGL, and the package moderngl (pip install 'upframe[render]')"
            )
