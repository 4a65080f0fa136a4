"""Reading checkpoints of strangers: tensors only, nothing is ever run, sizes are checked before memory is taken.

A training script may have wrapped the weights of a network in anything: dictionaries in dictionaries, prefixes before every
name, a moving average beside the weights themselves, counters, losses and optimisers. All sets of named tensors that a file
holds are found here; which of them is a network is for the catalog to say.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from upframe.errors import CheckpointError
from upframe.models.header import sha256
from upframe.models.info import METADATA_KEY
from upframe.models.mindspore_files import is_mindspore, read_mindspore
from upframe.models.pickles import RunsCodeError
from upframe.models.tensor_sets import Weights, sets_in
from upframe.models.torch_files import SLACK, read_stream, read_zip
from upframe.regular import refuse_irregular

SIZE_LIMIT = 4 * 2**30  # bytes; the largest published networks of the field are a few hundred megabytes
DAMAGES = (
    *(RuntimeError, EOFError, OSError, ValueError, LookupError, AttributeError, TypeError, AssertionError, OverflowError),
    *(struct.error, zipfile.BadZipFile, zlib.error, MemoryError),
)
"""What the reading of a damaged file may raise: a pickle may ask for anything of anything."""
TORCH_STARTS = (b"PK", b"\x80")  # what torch.save writes: an archive, before version 1.6 a pickle


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All sets of named tensors of a file, averaged ones first, outer before inner; its text metadata and its SHA-256."""

    path: Path
    sets: tuple[Weights, ...]
    metadata: dict[str, str]
    sha256: str

    @property
    def largest(self) -> Weights:
        """The set with the most numbers."""
        return max(self.sets, key=lambda weights: weights.values)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read ``.safetensors`` or any file of ``torch.save``, ``pickle.dump`` or MindSpore, whatever their names end in.

    Objects of a training script's own classes are passed over without their code; tensors in them are found.

    Raises CheckpointError for a missing, oversized or damaged file, for one that would run code, and for one without tensors.
    """
    refuse_irregular(path, CheckpointError)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file. `upframe models` lists the models there are")
    if path.stat().st_size > SIZE_LIMIT:
        raise CheckpointError(f"{path}: {path.stat().st_size / 2**30:.1f} GiB is more than the {SIZE_LIMIT >> 30} GiB allowed")
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    _refuse_other_kinds(path, head)
    content: Any
    metadata: dict[str, str] = {}
    if path.suffix == ".safetensors" or head[8:9] == b"{":
        content, metadata = _read_safetensors(path)
    elif is_mindspore(head):
        content = _read_mindspore(path)
    elif not head.startswith(TORCH_STARTS):
        raise CheckpointError(f"{path}: is neither safetensors nor a PyTorch checkpoint nor of MindSpore, by its first bytes")
    else:
        content = _read_torch(path)
        if isinstance(content, Mapping) and isinstance(own := content.get(METADATA_KEY), str):
            metadata = {METADATA_KEY: own}
    sets = sets_in(content)
    if not sets:
        raise CheckpointError(f"{path}: holds no network weights (a dictionary of named tensors was expected)")
    return Checkpoint(path, tuple(sets), metadata, sha256(path))


def check_sound(state: Mapping[str, Tensor]) -> None:
    """Refuse tensors that claim more than the file holds, before a network of the claimed size is built.

    Raises CheckpointError for a tensor that is not a plain array, for one whose size is not backed by stored values, and for
    numbered names (``body.999999999.weight``) far beyond the number of tensors.
    """
    highest = 4 * len(state) + 16  # activations and the like have a number of their own and no tensors
    for name, value in state.items():
        if value.layout != torch.strided or value.is_meta or value.is_quantized or value.is_complex():
            raise CheckpointError(f"{name} is a sparse, quantised, complex or empty tensor, which no network here has")
        if value.numel() * value.element_size() > value.untyped_storage().nbytes() + SLACK:
            raise CheckpointError(f"{name} claims {value.numel():,} values, and the file holds fewer")
        for part in name.split("."):
            if part.isdecimal() and (len(part) > 9 or int(part) > highest):
                raise CheckpointError(f"{name} counts to {part[:12]}, and the file holds {len(state)} tensors")


def check_finite(state: Mapping[str, Tensor]) -> None:
    """Raises CheckpointError for weights that hold NaN or infinity, which would make every image black."""
    for name, value in state.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise CheckpointError(f"{name} holds values that are no numbers: the training broke down. Take an earlier file")


def _refuse_other_kinds(path: Path, head: bytes) -> None:
    """A word on files that are often taken for weights."""
    if not head:
        raise CheckpointError(f"{path}: the file is empty (0 bytes)")
    if head.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{path}: is a Git LFS pointer, not the weights themselves: fetch them with `git lfs pull`")
    if head.lstrip().startswith(b"<"):
        raise CheckpointError(f"{path}: is a web page, not weights: open the address it came from in a browser")
    if head[257:262] == b"ustar" or head.startswith((b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")):
        raise CheckpointError(f"{path}: is an archive of files: unpack it and give the weights file that is inside")
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                entries = archive.infolist()
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise CheckpointError(f"{path}: not a PyTorch checkpoint, or a damaged one ({error})") from error
        names = {Path(entry.filename).name for entry in entries}
        if "constants.pkl" in names:
            raise CheckpointError(f"{path}: is a TorchScript program, which would be run: ask its author for a state dict")
        if "data.pkl" not in names:
            raise CheckpointError(f"{path}: is an archive of files: unpack it and give the weights file that is inside")
        if (unpacked := sum(entry.file_size for entry in entries)) > SIZE_LIMIT:
            raise CheckpointError(
                f"{path}: unpacks to {unpacked / 2**30:.1f} GiB, more than the {SIZE_LIMIT >> 30} GiB allowed"
            )


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: not a readable safetensors file ({error})") from error


def _read_mindspore(path: Path) -> Any:
    try:
        return read_mindspore(path)
    except DAMAGES as error:
        raise CheckpointError(f"{path}: a damaged MindSpore checkpoint ({_short(str(error))})") from error


def _read_torch(path: Path) -> Any:
    try:
        if zipfile.is_zipfile(path):
            return read_zip(path)
        with path.open("rb") as file:
            return read_stream(file, path.stat().st_size)
    except RunsCodeError as error:
        raise CheckpointError(
            f"{path}: refused, because reading it would run code stored inside it: {_short(str(error))}. "
            "Ask its author for a safetensors file or a plain state dict"
        ) from error
    except DAMAGES as error:
        reason = _short(str(error)) or type(error).__name__
        raise CheckpointError(f"{path}: not a PyTorch checkpoint, or a damaged one ({reason})") from error


def _short(text: str) -> str:
    """A line of it that can be printed."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return f"{line[:160]}{'...' if len(line) > 160 else ''}"
