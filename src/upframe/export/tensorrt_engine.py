"""Build a TensorRT engine from model.onnx, which Upframe has exported. Needs the package tensorrt and an NVIDIA GPU.

python build_engine.py [--size WxH] [--smallest WxH] [--largest WxH]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

Size = tuple[int, int]  # height, width


def build(folder: Path, smallest: Size, usual: Size, largest: Size) -> None:
    """Make model.engine of a folder's model.onnx, for frames between two sizes, fastest at the usual one.

    Raises RuntimeError where TensorRT cannot.
    """
    import tensorrt

    logger = tensorrt.Logger(tensorrt.Logger.WARNING)
    builder = tensorrt.Builder(logger)
    # Strongly typed: every tensor has the type it has in the ONNX file. Versions without the flag know no other networks.
    flag = getattr(tensorrt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    network = builder.create_network(0 if flag is None else 1 << int(flag))
    parser = tensorrt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(folder / "model.onnx")):
        raise RuntimeError("; ".join(str(parser.get_error(index)) for index in range(parser.num_errors)))
    config = builder.create_builder_config()
    contract = json.loads((folder / "contract.json").read_text(encoding="utf-8"))
    if contract["size"] is None:
        profile = builder.create_optimization_profile()
        for spec in contract["inputs"]:
            profile.set_shape(spec["name"], *(_shape(spec, size, contract["multiple"]) for size in (smallest, usual, largest)))
        config.add_optimization_profile(profile)
    engine: Any = builder.build_serialized_network(network, config)
    if engine is None:
        raise RuntimeError("TensorRT could not build the engine: its messages say why")
    (folder / "model.engine").write_bytes(engine)


def _shape(spec: dict[str, Any], size: Size, multiple: int) -> tuple[int, ...]:
    """The shape of a tensor for frames that hold this size: ``h`` and ``4*h`` are sides of the frame and of the result."""
    sides = {name: side + -side % multiple for name, side in zip("hw", size, strict=True)}

    def number(length: int | str) -> int:
        if isinstance(length, int):
            return length
        factor, _, side = length.rpartition("*")
        return int(factor or 1) * sides[side]

    return tuple(map(number, spec["shape"]))


def _size(text: str) -> Size:
    width, _, height = text.partition("x")
    return int(height), int(width)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--size", type=_size, default=(540, 960), metavar="WxH", help="usual size of a frame [960x540]")
    parser.add_argument("--smallest", type=_size, metavar="WxH", help="smallest size [--size]")
    parser.add_argument("--largest", type=_size, metavar="WxH", help="largest size [--size]")
    given = parser.parse_args()
    build(Path(__file__).resolve().parent, given.smallest or given.size, given.size, given.largest or given.size)


if __name__ == "__main__":
    _main()
