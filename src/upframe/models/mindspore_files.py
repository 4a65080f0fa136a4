"""What MindSpore's ``save_checkpoint`` wrote (``.ckpt``), read as tensors without MindSpore.

The file is a protocol buffer (proto2, ``checkpoint.proto`` of MindSpore)::

    Checkpoint  { repeated Value value = 1 }
    Value       { string tag = 1; TensorProto tensor = 2 }
    TensorProto { repeated int64 dims = 1; string tensor_type = 2; bytes tensor_content = 3 }

A parameter of more than 512 MiB comes in several values of one tag, each with the dims of the whole. Since version 2.4 a file
may end in ``crc_num`` and ten bytes, the CRC-32 of all before them. The wire format is that of Protocol Buffers, "Encoding".
"""

from __future__ import annotations

import math
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from upframe.models.pickles import Record

TYPES = {
    "Float16": torch.float16,
    "Float32": torch.float32,
    "Float64": torch.float64,
    "BFloat16": torch.bfloat16,
    "Int8": torch.int8,
    "Int16": torch.int16,
    "Int32": torch.int32,
    "Int64": torch.int64,
    "UInt8": torch.uint8,
    "Bool": torch.bool,
}
_VALUE = 0x0A  # the first byte of a file, and of every value in it: field 1, of counted length
_NAMES = (
    ({"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}, {"gamma", "beta"}),
    ({"embedding_table": "weight"}, {"embedding_table"}),
)
"""MindSpore's names of a layer's parameters as PyTorch has them, and those that tell that the names are MindSpore's."""
_CHECK = b"crc_num"


@dataclass(slots=True)
class _Parameter:
    """One parameter, in as many pieces as the file has."""

    kind: str
    dims: tuple[int, ...]
    content: bytearray = field(default_factory=bytearray)


def is_mindspore(head: bytes) -> bool:
    """Whether a file that begins so is one: a value that begins with its tag, a name in plain letters."""
    try:
        first, place = _number(head, 1)
        length, start = _number(head, place + 1)
    except ValueError:
        return False
    name = head[start : start + length]
    return head[0] == head[place] == _VALUE and 0 < length < first and name.isascii() and name.decode("latin-1").isprintable()


def read_mindspore(path: Path) -> dict[str, Any]:
    """The parameters of a file by name, under the names PyTorch gives such layers.

    What an optimiser keeps under the names of the weights (``moment1.conv.weight``) is in a dictionary under its prefix,
    single numbers of the training under ``counters``. Raises ValueError and EOFError for a damaged file.
    """
    parameters: dict[str, _Parameter] = {}
    with path.open("rb") as file:
        left = path.stat().st_size - _check(file, path.stat().st_size)
        file.seek(0)
        while left > 0:
            body, taken = _next_value(file, left)
            left -= taken
            _collect(body, parameters)
    tensors = {name: _tensor(name, parameter) for name, parameter in parameters.items()}
    return _sorted_out(_renamed(tensors))


def _check(file: IO[bytes], size: int) -> int:
    """The bytes at the end that are a checksum: 17 or none. Raises ValueError where it is another than the file's."""
    if size < 17:
        return 0
    file.seek(size - 17)
    end = file.read(17)
    if not end.startswith(_CHECK):
        return 0
    file.seek(0)
    found, left = 0, size - 17
    while piece := file.read(min(left, 2**20)):
        found, left = zlib.crc32(piece, found), left - len(piece)
    if found != int.from_bytes(end[7:], "big"):
        raise ValueError("its checksum is another: the file is damaged")
    return 17


def _next_value(file: IO[bytes], left: int) -> tuple[memoryview, int]:
    """The body of the next value, and how many bytes it took with its head."""
    start = file.tell()
    head = file.read(11)
    if head[:1] != bytes((_VALUE,)):
        raise ValueError("something else than a parameter stands between the parameters")
    length, place = _number(head, 1)
    if place + length > left:
        raise EOFError("a part of the file is missing")
    file.seek(start + place)
    return memoryview(file.read(length)), place + length


def _number(data: bytes | memoryview, place: int) -> tuple[int, int]:
    """A number of the wire format, seven bits a byte, and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise ValueError("a number is cut off")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("a number has no end")


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message: their numbers, and a number or bytes each."""
    place = 0
    while place < len(data):
        key, place = _number(data, place)
        kind = key & 7
        if kind == 0:
            value, place = _number(data, place)
            yield key >> 3, value
            continue
        length = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            length, place = _number(data, place)
        if length is None or place + length > len(data):
            raise ValueError("a field is cut off, or of a kind that there is not")
        yield key >> 3, data[place : place + length]
        place += length


def _collect(body: memoryview, parameters: dict[str, _Parameter]) -> None:
    """Add a value, or a further piece of one, to the parameters."""
    parts = {number: value for number, value in _fields(body) if isinstance(value, memoryview)}
    if 1 not in parts or 2 not in parts:
        parts = {1: parts.get(1, memoryview(b"")), 2: memoryview(b"")}  # a table, which no network here has
    name = str(parts[1], "utf-8")
    dims: list[int] = []
    kind, content = "", memoryview(b"")
    for number, value in _fields(parts[2]):
        if number == 1:
            dims += [value] if isinstance(value, int) else _packed(value)
        elif number == 2 and isinstance(value, memoryview):
            kind = str(value, "utf-8")
        elif number == 3 and isinstance(value, memoryview):
            content = value
    parameter = parameters.setdefault(name, _Parameter(kind, tuple(dims)))
    if (parameter.kind, parameter.dims) != (kind, tuple(dims)):
        raise ValueError("a parameter is there twice, with two sizes")
    parameter.content += content


def _packed(data: memoryview) -> list[int]:
    numbers, place = [], 0
    while place < len(data):
        number, place = _number(data, place)
        numbers.append(number)
    return numbers


def _tensor(name: str, parameter: _Parameter) -> Tensor | Record:
    """A parameter as a tensor; what is no array of numbers (text, the state of a random generator) as a record."""
    dtype = TYPES.get(parameter.kind)
    if dtype is None:
        return Record(parameter.kind)
    dims = () if parameter.dims == (0,) and len(parameter.content) == dtype.itemsize else parameter.dims
    if math.prod(dims) * dtype.itemsize != len(parameter.content) or len(dims) > 16:
        raise ValueError(f"{name} has another size than it says")
    if not parameter.content:
        return torch.empty(dims, dtype=dtype)
    values = torch.frombuffer(parameter.content, dtype=dtype)
    if sys.byteorder == "big":
        values.untyped_storage().byteswap(dtype)  # type: ignore[no-untyped-call]  # of torch
    return values.reshape(dims)


def _renamed(tensors: dict[str, Tensor | Record]) -> dict[str, Tensor | Record]:
    layers: dict[str, set[str]] = {}
    for name in tensors:
        layer, _, last = name.rpartition(".")
        layers.setdefault(layer, set()).add(last)
    renamed = {}
    for name, value in tensors.items():
        layer, dot, last = name.rpartition(".")
        for names, needed in _NAMES:
            if dot and needed <= layers[layer] and not {*names.values()} & layers[layer]:
                last = names.get(last, last)
        renamed[f"{layer}{dot}{last}"] = value
    return renamed


def _sorted_out(tensors: dict[str, Tensor | Record]) -> dict[str, Any]:
    """The weights; beside them, by their prefix, what is kept once more under the weights' names; and single numbers."""
    copies = _copies(tensors)
    content: dict[str, Any] = {}
    for name, value in tensors.items():
        first, _, rest = name.partition(".")
        if first in copies:
            content.setdefault(first, {})[rest] = value
        elif not rest and isinstance(value, Tensor) and value.numel() == 1:
            content.setdefault("counters", {})[name] = value
        else:
            content[name] = value
    return content


def _copies(tensors: dict[str, Tensor | Record]) -> set[str]:
    """The prefixes under which most of the other tensors are there again, name by name and shape by shape."""
    shapes = {name: value.shape for name, value in tensors.items() if isinstance(value, Tensor)}
    again = Counter(
        first for first, rest in map(_parts, shapes) if rest in shapes and shapes[rest] == shapes[f"{first}.{rest}"]
    )
    plain = sum(_parts(name)[0] not in again for name in shapes)
    return {first for first, count in again.items() if 2 * count >= plain}


def _parts(name: str) -> tuple[str, str]:
    first, _, rest = name.partition(".")
    return first, rest
