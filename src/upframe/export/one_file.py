"""Reading ONNX files and OpenVINO models so that a runtime is only ever given bytes that were looked at.

A tensor of an ONNX file may lie in any other file of the machine, an operator may ask for a library, and a runtime that is
given a path finds out by itself what kind of file it is. So files are read and checked here, and runtimes open none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from upframe.errors import CheckpointError, MissingExtra
from upframe.regular import refuse_irregular

if TYPE_CHECKING:
    import onnx

_LARGEST = 2**31 - 1  # bytes; what a file of ONNX, and a message of protobuf, can have
_STANDARD = ("", "ai.onnx")  # two spellings of the domain of ONNX's own operators


def read_onnx(path: Path) -> tuple[bytes, dict[str, str]]:
    """An ONNX model that needs no other file and no operators but ONNX's own, and its metadata.

    Raises MissingExtra, CheckpointError for a model that needs more, OSError, and ValueError or protobuf's DecodeError for what
    is damaged.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtra("onnx", "export", "reading an ONNX file") from error
    _check_size(path)
    model = onnx.ModelProto.FromString(path.read_bytes())
    model.DiscardUnknownFields()  # in which another reader could find something else
    own = {(function.domain, function.name) for function in model.functions}
    for message in _messages(model):
        if isinstance(message, onnx.TensorProto):
            _check_tensor(path, message, onnx.TensorProto.EXTERNAL)
        elif isinstance(message, onnx.NodeProto) and (message.domain, message.op_type) not in own:
            _check_operator(path, message.op_type, message.domain, "ONNX", known=message.domain in _STANDARD)
    return model.SerializeToString(), {entry.key: entry.value for entry in model.metadata_props}


def _messages(model: onnx.ModelProto) -> Iterator[Any]:
    """A model and every message in it, however deep: initialisers, attributes, subgraphs, functions, sparse tensors."""
    waiting: list[Any] = [model]
    while waiting:
        message = waiting.pop()
        yield message
        for field, value in message.ListFields():
            if field.message_type is not None:
                waiting.extend([value] if hasattr(value, "ListFields") else value)


def _check_tensor(path: Path, tensor: onnx.TensorProto, external: int) -> None:
    if tensor.data_location == external or tensor.external_data:
        place = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
        raise CheckpointError(
            f"{path}: the numbers of {tensor.name!r:.80} are in another file, {place!r:.80}: it is not opened",
            remedy="save the model as one file, without external data",
        )


def _check_operator(path: Path, kind: str, domain: str, owner: str, *, known: bool) -> None:
    if not known:
        raise CheckpointError(f"{path}: its operator {kind!r:.80} is of {domain!r:.80}, not of {owner}: it is not opened")


def read_openvino(path: Path) -> tuple[bytes, bytes]:
    """The .xml of an OpenVINO model of OpenVINO's own operators, and the .bin of the same name beside it.

    Raises CheckpointError for a file of another kind, for other operators and for a .bin that is no file, and OSError.
    """
    weights = path.with_suffix(".bin")
    refuse_irregular(weights, CheckpointError)
    _check_size(path)
    text = path.read_bytes()
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise CheckpointError(f"{path}: cannot be read as an exported model: not XML ({error})") from error
    if root.tag != "net":
        raise CheckpointError(f"{path}: cannot be read as an exported model: it is XML, but not of OpenVINO")
    for layer in root.iter("layer"):
        version = layer.get("version", "")
        _check_operator(path, layer.get("type", ""), version, "OpenVINO", known=bool(re.fullmatch(r"opset\d+", version)))
    return text, weights.read_bytes() if weights.exists() else b""


def _check_size(path: Path) -> None:
    if path.stat().st_size > _LARGEST:
        raise CheckpointError(f"{path}: is larger than 2 GB, which no model of this kind is: it is not opened")
