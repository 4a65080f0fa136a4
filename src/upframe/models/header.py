"""What a weights file says of itself in its first bytes, and its digest: read without torch, so that listing costs nothing.

A safetensors file begins with the length of its header, eight bytes with the smallest first, and the header as JSON: type,
shape and place of each tensor, and ``__metadata__``, text by name.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path

from upframe.errors import CheckpointError
from upframe.regular import refuse_irregular

LIMIT = 16 * 2**20  # bytes of a header; ten thousand tensors take about one million
_LENGTH = struct.Struct("<Q")
_METADATA = "__metadata__"


@dataclass(frozen=True, slots=True)
class Header:
    """``metadata``: text by name. ``types``: what the tensors are stored as, as the format writes it: F32, F16, BF16, I64."""

    metadata: dict[str, str]
    types: frozenset[str]


def read_header(path: Path) -> Header:
    """The header of a safetensors file that is as long as its header says.

    Raises CheckpointError for a file that cannot be read, that is no safetensors file, or of which a part is missing.
    """
    refuse_irregular(path, CheckpointError)
    try:
        with path.open("rb") as file:
            start = file.read(_LENGTH.size)
            length = _LENGTH.unpack(start)[0] if len(start) == _LENGTH.size else 0
            if not 2 <= length <= LIMIT:
                raise CheckpointError(f"{path}: not a safetensors file: it does not begin with the length of a header")
            text = file.read(length)
        entries = json.loads(text)
        metadata = {str(name): str(value) for name, value in (entries.pop(_METADATA, None) or {}).items()}
        types = frozenset(str(entry["dtype"]) for entry in entries.values())
        end = _LENGTH.size + length + max((entry["data_offsets"][1] for entry in entries.values()), default=0)
        whole = path.stat().st_size == end
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path}: not a safetensors file, or a damaged one ({error})") from error
    if not whole:
        raise CheckpointError(f"{path}: a part of it is missing, or added: its header tells of {end:,} bytes")
    return Header(metadata, types)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
