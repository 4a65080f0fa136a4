"""NumPy files read with care: no pickles, and the size is known before memory is asked for."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from upframe.errors import InputError
from upframe.regular import refuse_irregular

MAX_VALUES = 2**30
"""A file of more values than an 8K frame of 35 channels is refused."""
_LONGEST_HEADER = 10_000  # bytes; NumPy's own limit
_ON_DAMAGE = (
    OSError, ValueError, TypeError, LookupError, EOFError, RuntimeError, MemoryError, SyntaxError, tokenize.TokenError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What NumPy and the unpacking raise on damaged files: a header is Python's text."""


def read_array(path: Path, *, max_values: int = MAX_VALUES) -> NDArray[np.floating]:
    """The floating-point array of an .npy file, or the first of an .npz. Raises InputError for anything else."""
    refuse_irregular(path)
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                size = file.seek(0, 2)
                file.seek(0)
                return _checked_read(file, size, path, max_values)
            with zipfile.ZipFile(file) as archive:
                member = archive.infolist()[0]
                with archive.open(member) as opened:
                    return _checked_read(opened, member.file_size, path, max_values)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except _ON_DAMAGE as error:
        reason = "its header is damaged" if isinstance(error, (SyntaxError, tokenize.TokenError)) else error
        raise InputError(f"{path}: cannot be read as an array of NumPy: {reason}") from error


def _checked_read(file: IO[bytes], size: int, path: Path, max_values: int) -> NDArray[np.floating]:
    """``size``: how many bytes the file says it has, when it is unpacked."""
    shape, by_columns, dtype = _header(file)
    if not np.issubdtype(dtype, np.floating):
        raise InputError(f"{path}: holds {dtype}; frames are floating point")
    count = math.prod(shape)
    if any(side < 0 for side in shape) or count > max_values:
        raise InputError(f"{path}: {shape} is more than a frame has")
    needed = count * dtype.itemsize
    data = file.read(needed) if needed <= size else b""
    if len(data) < needed:
        raise InputError(f"{path}: the file is cut short: {shape} of {dtype} is {needed:,} bytes")
    values: NDArray[np.floating] = np.frombuffer(data, dtype).reshape(shape, order="F" if by_columns else "C")
    return values


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns come first, and type; not more than a header's bytes are read. Raises what damage makes of it."""
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version} of the format is not known")
    length = file.read(2 if version == (1, 0) else 4)
    size = int.from_bytes(length, "little")
    if size > _LONGEST_HEADER:
        raise ValueError(f"a header of {size:,} bytes")
    header = BytesIO(length + file.read(size))
    return npy.read_array_header_1_0(header) if version == (1, 0) else npy.read_array_header_2_0(header)
