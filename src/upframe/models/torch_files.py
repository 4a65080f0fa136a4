"""What ``torch.save`` wrote, read as tensors: the archives of today, the pickles before version 1.6, and plain pickles.

Nothing but the standard library's archives and our own :mod:`upframe.models.pickles` looks at the file, so that nothing a file
names is imported, and no memory is taken for what it merely claims to hold.
"""

from __future__ import annotations

import io
import math
import os
import struct
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from upframe.models.numpy_values import array_of
from upframe.models.pickles import Name, Record, read_pickle

SLACK = 2**20  # bytes a tensor may claim beyond what is stored: a small constant may be one number repeated
MAGIC = 0x1950A86A20F9469CFC6C  # what a file from before the archives begins with
FORMAT = 1001  # and the version that follows it
_TYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
    "UntypedStorage": torch.uint8,
}
_DTYPES = {
    name: value for name in dir(torch) if isinstance(value := getattr(torch, name), torch.dtype) and value.itemsize <= 16
}


@dataclass(slots=True, eq=False)
class Storage:
    """A row of stored values; None of a kind that is not read here (quantised and the like)."""

    values: Tensor | None


def read_zip(path: Path) -> Any:
    """The content of an archive. Raises RunsCodeError, and the errors of damaged pickles and archives."""
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        pickles = [name for name in archive.namelist() if name == "data.pkl" or name.endswith("/data.pkl")]
        folder = min(pickles, key=len).removesuffix("data.pkl")
        names = {entry.filename: entry for entry in archive.infolist()}
        big = f"{folder}byteorder" in names and _content(archive, file, names[f"{folder}byteorder"]) == b"big"
        loaded: dict[str, Storage] = {}

        def stored(identity: Any) -> Any:
            if not isinstance(identity, tuple) or len(identity) < 5 or identity[0] != "storage":
                raise ValueError("it refers to something outside the file")
            key = str(identity[2])
            if key not in loaded:
                content = _content(archive, file, names[f"{folder}data/{key}"])
                loaded[key] = _storage(content, identity[1], swapped=big != (sys.byteorder == "big"))
            return loaded[key]

        content = _content(archive, file, names[f"{folder}data.pkl"])
        return read_pickle(io.BytesIO(content), BUILDERS, stored, size=len(content))


def _content(archive: zipfile.ZipFile, file: IO[bytes], entry: zipfile.ZipInfo) -> bytes | bytearray:
    """The bytes of an entry. torch can leave the checksums out, writing 0, which the standard library takes for damage."""
    if entry.CRC or entry.compress_type != zipfile.ZIP_STORED:
        return bytearray(archive.read(entry))
    file.seek(entry.header_offset)
    signature, name, extra = struct.unpack("<4s22xHH", file.read(30))
    if signature != b"PK\x03\x04":
        raise ValueError(f"the archive has no entry where it says that {entry.filename} is")
    file.seek(name + extra, os.SEEK_CUR)
    content = bytearray(file.read(entry.file_size))
    if len(content) != entry.file_size:
        raise EOFError("a part of the file is missing")
    return content


def read_stream(file: IO[bytes], size: int) -> Any:
    """The content of ``size`` bytes of a pickle, with the tensors' values behind it where torch wrote it. Raises as above."""
    first = read_pickle(file, BUILDERS, _nothing_stored, size=size)
    if first != MAGIC:
        return first  # a plain pickle, whose tensors carry their values
    if read_pickle(file, {}, _nothing_stored, size=size) != FORMAT:
        raise ValueError("it is of another version of the format")
    system = read_pickle(file, {}, _nothing_stored, size=size)
    swapped = isinstance(system, Mapping) and system.get("little_endian") is False
    rows: dict[str, tuple[bytearray, Tensor | None]] = {}
    left = size

    def stored(identity: Any) -> Any:
        nonlocal left
        if not isinstance(identity, tuple) or identity[:1] == ("module",):
            return Record("a module's source") if isinstance(identity, tuple) else Record("a reference")
        _, kind, key, _, count, *view = identity
        dtype = _type_of(kind)
        if str(key) not in rows:
            width = (dtype or torch.uint8).itemsize
            left -= count * width if isinstance(count, int) and count >= 0 else size + 1
            if left < 0:
                raise EOFError("it claims more values than the file holds")
            row = bytearray(count * width)
            rows[str(key)] = row, None if dtype is None else _as_tensor(row, dtype)
        values = rows[str(key)][1]
        if view and view[0] is not None and values is not None:
            _, offset, length = view[0]
            values = values.narrow(0, offset, length)
        return Storage(values)

    content = read_pickle(file, BUILDERS, stored, size=size)
    for key in read_pickle(file, {}, _nothing_stored, size=size):
        _fill(file, *rows[str(key)], swapped=swapped)
    return content


def _fill(file: IO[bytes], row: bytearray, values: Tensor | None, *, swapped: bool) -> None:
    """Put the next stored values into their row: a count of eight bytes, then the values."""
    count = struct.unpack("<q", file.read(8))[0]
    if values is not None and count != values.numel():
        raise ValueError("the values behind the names are not as many as these say")
    if file.readinto(row) != len(row):  # type: ignore[attr-defined]  # of every file and every BytesIO
        raise EOFError("a part of the file is missing")
    if swapped and values is not None:
        values.untyped_storage().byteswap(values.dtype)  # type: ignore[no-untyped-call]  # of torch


def _nothing_stored(_: Any) -> Any:
    raise ValueError("it refers to something outside the file")


def _type_of(kind: Any) -> torch.dtype | None:
    if not isinstance(kind, Name):
        raise ValueError("the type of a tensor's values is not named")
    if not kind.name.endswith("Storage"):
        raise ValueError(f"{kind} is no type of values")
    return _TYPES.get(kind.name)


def _storage(content: bytes | bytearray, kind: Any, *, swapped: bool) -> Storage:
    dtype = _type_of(kind)
    if dtype is None:
        return Storage(None)
    values = _as_tensor(bytearray(content[: len(content) // dtype.itemsize * dtype.itemsize]), dtype)
    if swapped:
        values.untyped_storage().byteswap(dtype)  # type: ignore[no-untyped-call]  # of torch
    return Storage(values)


def _as_tensor(row: bytearray, dtype: torch.dtype) -> Tensor:
    return torch.frombuffer(row, dtype=dtype) if row else torch.empty(0, dtype=dtype)


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Tensor:
    """A view of stored values. Of a kind that is not read here: a tensor without values, which no network takes."""
    if not isinstance(storage, Storage):
        raise ValueError("a tensor has no values")
    if storage.values is None:
        return _unreadable()
    numbers = (offset, *size, *stride)
    if not all(isinstance(number, int) and 0 <= number < 2**48 for number in numbers) or len(size) != len(stride):
        raise ValueError("a tensor has sizes that are none")
    if math.prod(size) * storage.values.element_size() > storage.values.untyped_storage().nbytes() + SLACK:
        raise ValueError(f"a tensor claims {math.prod(size):,} values, and the file holds fewer")
    return storage.values.as_strided(size, stride, offset + storage.values.storage_offset())


def _tensor_of_type(storage: Any, offset: Any, size: Any, stride: Any, _: Any, __: Any, dtype: Any, *___: Any) -> Tensor:
    known = _DTYPES.get(dtype.name) if isinstance(dtype, Name) else None
    if known is None or not isinstance(storage, Storage) or storage.values is None:
        return _unreadable()
    values = storage.values.view(torch.uint8)
    return _tensor(Storage(values[: len(values) // known.itemsize * known.itemsize].view(known)), offset, size, stride)


def _unreadable(*_: Any) -> Tensor:
    return torch.empty(0, device="meta")


def _first(value: Any, *_: Any) -> Any:
    return value


def _from_numpy(array: Any, *_: Any) -> Any:
    values = array_of(array) if isinstance(array, Record) else None
    return array if values is None else values


def _of_subclass(function: Any, _: Any, arguments: Any, *__: Any) -> Any:
    """A tensor of a subclass, as the tensor that it is."""
    builder = BUILDERS.get(str(function)) if isinstance(function, Name) else None
    return builder(*arguments) if builder and builder is not _of_subclass else Record(str(function), arguments)


def _nested(content: Any, *_: Any) -> Any:
    """The values of a tensor that was pickled without torch.save: a file of torch.save's own, in bytes."""
    if isinstance(content, str):
        content = content.encode("latin-1")
    if not isinstance(content, bytes | bytearray) or b"_load_from_bytes" in content:
        raise ValueError("a tensor's values are no bytes")
    storage = read_stream(io.BytesIO(content), len(content))
    return storage if isinstance(storage, Storage) else Record("torch.storage")


BUILDERS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_type,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch._utils._rebuild_device_tensor_from_numpy": _from_numpy,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _first,
    "torch._tensor._rebuild_from_type": _of_subclass,
    "torch._tensor._rebuild_from_type_v2": _of_subclass,
    "torch.storage._load_from_bytes": _nested,
    **dict.fromkeys(
        (
            f"torch._utils._rebuild_{kind}"
            for kind in (
                "sparse_tensor",
                "qtensor",
                "meta_tensor_no_storage",
                "nested_tensor",
                "wrapper_subclass",
                "sparse_csr_tensor",
            )
        ),
        _unreadable,
    ),
}
"""The functions that put a tensor together, by full name, and what is done in their place."""
