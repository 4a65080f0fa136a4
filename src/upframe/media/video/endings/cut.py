"""What a cut file looks like, and reading numbers out of a file that may end anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Cut:
    """Why a file is known to be cut short, in words that end a sentence.

    harmless: why that is no damage, if it is none. in_index: what lists the contents is cut itself, and lists some of them.
    """

    reason: str
    harmless: str = ""
    in_index: bool = False


NOTHING_LOST = "its images and sound are whole"


class Bytes:
    """A file's bytes by their position. ``size``: how many there are."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, 2)

    def at(self, position: int, count: int) -> bytes:
        """``count`` bytes. Raises EOFError if the file ends before."""
        found = self.some(position, count)
        if len(found) < count:
            raise EOFError
        return found

    def some(self, position: int, count: int) -> bytes:
        """``count`` bytes, or as many as there are."""
        self._file.seek(position)
        return self._file.read(count)

    def big(self, position: int, count: int) -> int:
        """A big-endian number of ``count`` bytes. Raises EOFError if the file ends before."""
        return int.from_bytes(self.at(position, count), "big")

    def little(self, position: int, count: int) -> int:
        """A little-endian number of ``count`` bytes. Raises EOFError if the file ends before."""
        return int.from_bytes(self.at(position, count), "little")

    def blank_from(self, position: int) -> bool:
        """Whether nothing but zeros is left, as some writers leave behind. Looks at a megabyte at most."""
        return not self.some(position, 2**20).strip(b"\0")


def beyond(what: str, count: int) -> str:
    """The usual reason: ``what`` goes on for ``count`` bytes."""
    return f"{what} goes on for {count:,} bytes after the end"
