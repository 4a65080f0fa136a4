"""The size of what an OpenEXR header claims, looked at before the package reads it: its time grows with the square of it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO

from upframe.errors import InputError

BYTES = 2**26  # of all headers together; previews and lists of names (Cryptomatte) take some millions
ATTRIBUTES = 4096  # of one part
ALL_ATTRIBUTES = 2**15  # of all parts together
CHANNELS = 2**14  # of all parts together
_LONGEST_NAME = 256  # bytes, its end included
_SEVERAL_PARTS = 0x1000  # a flag in the version field


def check_header(path: Path) -> None:
    """Raise InputError for more parts, attributes, channels or bytes of headers than an image has.

    Whatever is damaged otherwise ends the look: the package finds it at the same place.
    """
    with path.open("rb") as file:
        start = file.read(8)
        several = len(start) == 8 and bool(struct.unpack_from("<I", start, 4)[0] & _SEVERAL_PARTS)
        attributes = channels = 0
        while True:
            here, wide = _part(path, file)
            attributes, channels = attributes + here, channels + wide
            if attributes > ALL_ATTRIBUTES or channels > CHANNELS or file.tell() > BYTES:
                raise _too_much(path)
            if not (several and here):
                return


def _part(path: Path, file: IO[bytes]) -> tuple[int, int]:
    """How many attributes and, about, channels the header of a part has; the file is left behind it. None at the last one."""
    attributes = channels = 0
    while _name(file):
        kind, length = _name(file), file.read(4)
        size = int(struct.unpack("<I", length)[0]) if len(length) == 4 else 0
        attributes += 1
        if kind == b"chlist":
            channels += size // 18  # a name of a letter, its end, and 16 bytes are the least a channel takes
        if attributes > ATTRIBUTES or size > BYTES or file.tell() > BYTES:
            raise _too_much(path)
        file.seek(size, 1)
    return attributes, channels


def _name(file: IO[bytes]) -> bytes:
    """Text up to its zero byte; empty at the end of a header, of the file, and where it is no name."""
    start = file.tell()
    text, end, _ = file.read(_LONGEST_NAME).partition(b"\0")
    file.seek(start + len(text) + len(end))
    return text if end else b""


def _too_much(path: Path) -> InputError:
    return InputError(f"{path}: its header has more attributes, channels or bytes than that of any image: the file is damaged")
