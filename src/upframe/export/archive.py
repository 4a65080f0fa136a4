"""Reading an archive of torch.export (.pt2) without ``torch.export.load``, which can be made to run what the archive holds.

torch's own loader unpickles, loads shared libraries and hands text to ``eval``, by members' names that it finds without regard
to case. Here an archive holds the members below and no other, as plain bytes; three of them are JSON, the weights are numbers,
and nothing else is looked at.
"""

from __future__ import annotations

import json
import re
import stat
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from upframe.errors import CheckpointError
from upframe.remedies import Task, way

ARCHIVED = "upframe.json"  # in a .pt2: metadata, and the names of the results
SCHEMA = 8  # the major version of torch's description of graphs

_GRAPH = "models/model.json"
_DESCRIPTION = f"extra/{ARCHIVED}"
_CONFIG = "data/{0}s/model_{0}s_config.json"
_MEMBER = re.compile(  # those that torch.export.save writes for one model; the samples are pickled, and never read
    r"models/model\.json|extra/upframe\.json|data/sample_inputs/model\.pt"
    r"|data/weights/(?:model_weights_config\.json|weight_\d{1,6})|data/constants/(?:model_constants_config\.json|tensor_\d{1,6})"
    r"|archive_format|archive_version|byteorder|\.data/(?:version|serialization_id)"
)
_LARGEST_TEXT = 64_000_000  # bytes of JSON; the largest graph of Upframe's has two million
DTYPES = {  # by torch's numbers
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}


@dataclass(frozen=True, slots=True)
class ExportedProgram:
    """What is read of a .pt2. ``graph``: as it stands in the JSON; ``tensors``: weights, buffers and constants by name."""

    graph: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    description: Mapping[str, Any]


def read_archive(path: Path) -> ExportedProgram:
    """The contents of a .pt2.

    Raises CheckpointError for one that holds anything but what Upframe exports, zipfile.BadZipFile for no archive, and
    LookupError, TypeError or ValueError for what is damaged.
    """
    with zipfile.ZipFile(path) as file:
        members = _members(path, file)
        if (order := file.read(members["byteorder"])) != b"little":
            raise CheckpointError(f"{path}: its numbers are in {order!r:.20} order", remedy="export it again on this machine")
        program = _json(path, file, members[_GRAPH])
        if program["schema_version"]["major"] != SCHEMA:
            raise CheckpointError(f"{path}: was written by another version of torch", remedy=way(Task.EXPORT_AGAIN))
        tensors = _tensors(path, file, members, "weight") | _tensors(path, file, members, "constant")
        description = _json(path, file, members[_DESCRIPTION]) if _DESCRIPTION in members else {}
    return ExportedProgram(program["graph_module"], tensors, description)


def _members(path: Path, file: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The members by their names below the archive's one folder."""
    found: dict[str, zipfile.ZipInfo] = {}
    folders = set()
    for member in file.infolist():
        folder, _, name = member.filename.partition("/")
        folders.add(folder)
        if not _MEMBER.fullmatch(name) or member.orig_filename != member.filename:
            raise CheckpointError(f"{path}: holds {member.orig_filename!r:.80}, which Upframe never writes: it is not opened")
        kind = stat.S_IFMT(member.external_attr >> 16)
        if name in found or member.compress_type != zipfile.ZIP_STORED or kind not in (0, stat.S_IFREG):
            raise CheckpointError(f"{path}: holds {member.filename!r:.80} twice, packed or as a link: it is not opened")
        found[name] = member
    if len(folders) != 1 or _GRAPH not in found or "byteorder" not in found:
        raise CheckpointError(f"{path}: holds no model exported by Upframe")
    return found


def _json(path: Path, file: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    if member.file_size > _LARGEST_TEXT:
        raise CheckpointError(f"{path}: {member.filename!r:.80} is too large for what it should hold: it is not opened")
    return json.loads(file.read(member))


def _tensors(path: Path, file: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], kind: str) -> dict[str, Tensor]:
    """All weights or constants by the names the graph has for them. Several may share the bytes of one member."""
    prefix = {"weight": "data/weights/weight_", "constant": "data/constants/tensor_"}[kind]
    config = members.get(_CONFIG.format(kind))
    storages: dict[str, bytearray] = {}
    found = {}
    for name, entry in _json(path, file, config)["config"].items() if config else ():
        member = f"{prefix.rpartition('/')[0]}/{entry['path_name']}"
        if entry["use_pickle"] or not member.startswith(prefix):
            raise CheckpointError(f"{path}: {name!r:.80} is a Python object, which could run anything: it is not opened")
        if member not in storages:
            storages[member] = bytearray(file.read(members[member]))
        found[name] = _tensor(storages[member], entry["tensor_meta"])
    return found


def _tensor(content: bytearray, meta: Mapping[str, Any]) -> Tensor:
    """Numbers of a storage as the tensor they are. Raises for sizes that reach beyond it."""
    dtype = DTYPES[meta["dtype"]]
    sizes, strides = ([int(length["as_int"]) for length in meta[key]] for key in ("sizes", "strides"))
    storage = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
    return storage.as_strided(sizes, strides, int(meta["storage_offset"]["as_int"]))
