"""Reading checkpoints of strangers: tensors only, nothing is ever run, sizes are checked before memory is taken."""

from __future__ import annotations

import hashlib
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from upframe.errors import CheckpointError

SIZE_LIMIT = 4 * 2**30  # bytes; the largest published networks of the field are a few hundred megabytes
WRAPPERS = ("params_ema", "params", "state_dict", "model_state_dict", "generator", "model", "ema")
PREFIXES = ("module.", "model.", "generator.", "network.")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tensors of a file by name, prefixes stripped; its text metadata (safetensors) and its SHA-256."""

    path: Path
    state: dict[str, Tensor]
    metadata: dict[str, str]
    sha256: str


def read_checkpoint(path: Path) -> Checkpoint:
    """Read ``.safetensors`` or any file ``torch.save`` wrote, with ``weights_only``.

    Raises CheckpointError for a missing, oversized or damaged file, for one that would run code, and for one without tensors.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file. `upframe models` lists the models that are built in")
    if path.stat().st_size > SIZE_LIMIT:
        raise CheckpointError(f"{path}: {path.stat().st_size / 2**30:.1f} GiB is more than the {SIZE_LIMIT >> 30} GiB allowed")
    if path.suffix == ".safetensors":
        state, metadata = _read_safetensors(path)
    else:
        state, metadata = _state_dict(_read_torch(path), path), {}
    return Checkpoint(path, _strip(state), metadata, sha256(path))


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: not a readable safetensors file ({error})") from error


def _read_torch(path: Path) -> Any:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > SIZE_LIMIT:
            raise CheckpointError(
                f"{path}: unpacks to {unpacked / 2**30:.1f} GiB, more than the {SIZE_LIMIT >> 30} GiB allowed"
            )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on pickle protocols torch does not write itself
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "weights_only" in str(error).lower():
            reason = next((line for line in str(error).splitlines() if "GLOBAL" in line or "Unsupported" in line), "")
            raise CheckpointError(
                f"{path}: refused, because reading it would run code stored inside it. {_short(reason)}"
                "Ask its author for a safetensors file or a plain state dict"
            ) from error
        raise CheckpointError(f"{path}: not a PyTorch checkpoint ({_short(str(error))})") from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError, IndexError, TypeError) as error:
        raise CheckpointError(f"{path}: not a PyTorch checkpoint, or a damaged one ({_short(str(error))})") from error


def _short(text: str) -> str:
    line = " ".join(text.split())
    return f"{line[:160]}{'...' if len(line) > 160 else ''} " if line else ""


def _state_dict(content: Any, path: Path) -> dict[str, Tensor]:
    """The names and tensors inside whatever a training script saved."""
    for _ in range(4):
        if not isinstance(content, Mapping):
            break
        tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
        if tensors:
            return tensors
        content = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
    raise CheckpointError(f"{path}: holds no network weights (a dictionary of named tensors was expected)")


def _strip(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Take off the prefixes that wrappers put before every name."""
    while prefix := next((p for p in PREFIXES if state and all(name.startswith(p) for name in state)), ""):
        state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state
