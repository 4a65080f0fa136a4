"""Whether a file is several joined end to end, in formats of which only the first one is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from upframe.media.video.endings.cut import Bytes

_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Joined:
    """Where the second file begins, of how many bytes in all. in_part: some of it is read, as its fragments are found."""

    position: int
    size: int
    in_part: bool = False

    def __str__(self) -> str:
        """As a user reads it."""
        rest = f"of its {self.size:,} bytes the last {self.size - self.position:,}, where another one begins,"
        done = "may be read in part alone" if self.in_part else "are not read"
        return f"the file is several joined end to end: {rest} {done}; give the files one by one"


def joined_in(file: Bytes, container: str) -> Joined | None:
    """Where another file of the same kind begins in one; None where none does. ``container``: FFmpeg's name.

    Raises EOFError where the file ends too early.
    """
    finder = _FINDERS.get(container)
    return None if finder is None else finder(file)


def _in_mp4(file: Bytes) -> Joined | None:
    """ISO 14496-12: a file begins with a box of its type, and has one index of all, or another in each fragment."""
    position, kinds = 0, set[bytes]()
    while position + 8 <= file.size:
        size, kind, head = file.big(position, 4), file.at(position + 4, 4), 8
        if size == 1:
            size, head = file.big(position + 8, 8), 16
        if kind == b"ftyp" and b"moov" in kinds:
            return Joined(position, file.size, in_part=b"moof" in kinds)
        if size < head:
            return None
        kinds.add(kind)
        position += size
    return None


def _in_asf(file: Bytes) -> Joined | None:
    end, position = file.little(16, 8), 30
    while position + 24 <= min(end, file.size):
        if file.at(position, 16) == _ASF_FILE_PROPERTIES:
            return _at(file, file.little(position + 40, 8), _ASF_HEADER)
        position += max(file.little(position + 16, 8), 24)
    return None


def _in_png(file: Bytes) -> Joined | None:
    position = 8
    while file.at(position + 4, 4) != b"IEND":
        position += 12 + file.big(position, 4)
    return _at(file, position + 12, _PNG)


def _in_swf(file: Bytes) -> Joined | None:
    return _at(file, file.little(4, 4), b"FWS") if file.at(0, 3) == b"FWS" else None


def _at(file: Bytes, position: int, beginning: bytes) -> Joined | None:
    return Joined(position, file.size) if position and file.some(position, len(beginning)) == beginning else None


_FINDERS: dict[str, Callable[[Bytes], Joined | None]] = {
    "mov,mp4,m4a,3gp,3g2,mj2": _in_mp4,
    "asf": _in_asf,
    "apng": _in_png,
    "swf": _in_swf,
}
"""By FFmpeg's name of the container. Of others all is read, or a decoder stumbles over what follows."""
