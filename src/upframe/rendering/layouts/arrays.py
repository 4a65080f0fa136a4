"""NumPy files read with care: no pickles, and the size is known before memory is asked for."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from upframe.errors import InputError

MAX_VALUES = 2**30
"""A file of more values than an 8K frame of 35 channels is refused."""


def read_array(path: Path, *, max_values: int = MAX_VALUES) -> NDArray[np.floating]:
    """The floating-point array of an .npy file, or the first of an .npz. Raises InputError for anything else."""
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                file.seek(0)
                return _checked_read(file, path, max_values)
            with zipfile.ZipFile(file) as archive, archive.open(archive.namelist()[0]) as member:
                return _checked_read(member, path, max_values)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError, EOFError, IndexError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be read as an array of NumPy: {error}") from error


def _checked_read(file: IO[bytes], path: Path, max_values: int) -> NDArray[np.floating]:
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version} of the format is not known")
    shape, by_columns, dtype = (npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0)(file)
    if not np.issubdtype(dtype, np.floating):
        raise InputError(f"{path}: holds {dtype}, and frames are floating point")
    count = int(np.prod(shape, dtype=np.int64))
    if any(side < 0 for side in shape) or count > max_values:
        raise InputError(f"{path}: {shape} is more than a frame has")
    data = file.read(count * dtype.itemsize)
    if len(data) < count * dtype.itemsize:
        raise InputError(f"{path}: the file is cut short")
    values: NDArray[np.floating] = np.frombuffer(data, dtype).reshape(shape, order="F" if by_columns else "C")
    return values
