"""What TensorRT builds an engine from: an engine fits one kind of GPU and one version, so it is built where it will run."""

from __future__ import annotations

import json
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

from upframe.errors import OutputError
from upframe.export import tensorrt_engine
from upframe.models.contract import Contract

_GUIDE = """# A TensorRT engine of {name}

`model.onnx` was checked against PyTorch before it was put here. Build the engine on the machine, and with the version of
TensorRT, that will run it:

    pip install tensorrt
    python build_engine.py                        # model.engine, for frames of {first}
    python build_engine.py --size 1280x720        # for frames of another size
    python build_engine.py --smallest 320x180 --size 960x540 --largest 1920x1080

or, with TensorRT's own program:

    trtexec --onnx=model.onnx --saveEngine=model.engine --stronglyTyped {shapes}

`build_engine.py` needs nothing of Upframe. The network computes in the types of `model.onnx`: export it with `--float16` for an
engine in half precision. `contract.json` names every tensor, its shape and type, and which result is given back as which
input at the next frame.
"""


def write_tensorrt(folder: Path, name: str, contract: Contract) -> list[str]:
    """Complete a folder that holds ``model.onnx`` of the model ``name``, and build the engine where TensorRT is installed.

    Returns the names of its files. Raises OutputError where TensorRT is there and cannot build.
    """
    height, width = contract.size or (side + -side % contract.multiple for side in (540, 960))
    shapes = ",".join(f"{spec.name}:{'x'.join(map(str, spec.sizes(height, width)))}" for spec in contract.inputs)
    guide = _GUIDE.format(
        name=name,
        first=f"{width}x{height}",
        shapes="" if contract.size else f"--minShapes={shapes} --optShapes={shapes} --maxShapes={shapes}",
    )
    (folder / "README.md").write_text(guide, encoding="utf-8")
    (folder / "contract.json").write_text(json.dumps(json.loads(contract.as_json()), indent=2) + "\n", encoding="utf-8")
    script = resources.files("upframe.export") / "tensorrt_engine.py"
    (folder / "build_engine.py").write_text(script.read_text(encoding="utf-8"), encoding="utf-8")
    names = ["model.onnx", "contract.json", "build_engine.py", "README.md"]
    if find_spec("tensorrt") is not None:
        size = (height, width)
        try:
            tensorrt_engine.build(folder, size, size, size)
        except RuntimeError as error:
            raise OutputError(f"{name}: TensorRT: {error}") from error
        names.insert(0, "model.engine")
    return names
