"""Where the values of an LMDB lie in its file, read with every number checked.

LMDB maps its file into memory and believes what stands in it: a file that was cut short, or a damaged page, ends the program
with a signal. Here the file is read like any other. Pages of LMDB 0.9 (``mdb.c``), little-endian, of 64-bit machines: a header
of 16 bytes (number, padding, flags, then the ends of the free space), the places of the nodes, and from the end the nodes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from upframe.errors import InputError
from upframe.regular import refuse_irregular

_MAGIC, _VERSION = 0xBEEFC0DE, 1
_BRANCH, _LEAF, _META = 0x01, 0x02, 0x08  # flags of a page
_ELSEWHERE, _SUBDATABASE, _DUPLICATES = 0x01, 0x02, 0x04  # flags of a node: its value is in pages of its own
_HEADER = struct.Struct("<QHHHH")  # number, padding, flags, end of the list of places, begin of the nodes
_NODE = struct.Struct("<HHHH")  # two halves of a size or page, flags or the page's highest bits, length of the key
_NONE = 2**64 - 1  # the root of an empty tree
_DEEPEST = 32  # levels; LMDB's own limit


class ValueRange(NamedTuple):
    """Where a value is: in bytes, from the start of the file."""

    start: int
    size: int


class _State(NamedTuple):
    """What one of the two head pages says: the size of pages, the root of the tree, and the last page that is used."""

    page: int
    root: int
    last: int


def values_of(folder: Path) -> Iterator[tuple[bytes, ValueRange]]:
    """Every key of ``folder/data.mdb`` in order, and where its value is. Raises InputError, naming the file."""
    path = folder / "data.mdb"
    refuse_irregular(path)
    try:
        with path.open("rb") as file:
            yield from _Tree(path, file).values()
    except OSError as error:
        raise InputError(f"{path}: cannot be opened as an LMDB: {error.strerror or error}") from error


class _Tree:
    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file
        self._size = file.seek(0, 2)
        self._state = self._newest()
        self._seen: set[int] = set()
        if (needed := (self._state.last + 1) * self._state.page) > self._size:
            raise self._damaged(f"the file is cut short: it has {self._size:,} bytes, but its pages need {needed:,}")

    def values(self) -> Iterator[tuple[bytes, ValueRange]]:
        return iter(()) if self._state.root == _NONE else self._below(self._state.root, 0)

    def _newest(self) -> _State:
        """The newer of the two head pages; the other is of the state before the last change."""
        found: dict[int, _State] = {}
        page = 4096
        for number in (0, 1):
            self._file.seek(number * page)
            head = self._file.read(_HEADER.size + 136)
            if len(head) < _HEADER.size + 136 or not _HEADER.unpack_from(head)[2] & _META:
                continue
            magic, version = struct.unpack_from("<II", head, 16)
            if (magic, version) != (_MAGIC, _VERSION):
                continue
            page = int(struct.unpack_from("<I", head, 40)[0])  # kept where the list of free pages has its padding
            root, last, change = struct.unpack_from("<QQQ", head, 128)
            if page not in {2**power for power in range(8, 17)}:
                raise self._damaged(f"pages of {page} bytes")
            found[change] = _State(page, root, last)
        if not found:
            raise InputError(f"{self._path}: cannot be opened as an LMDB: it has no head page (of a 64-bit machine)")
        return found[max(found)]

    def _below(self, number: int, level: int) -> Iterator[tuple[bytes, ValueRange]]:
        """The keys and values under a page."""
        if number in self._seen or level > _DEEPEST:
            raise self._damaged(f"page {number} is linked to twice")
        self._seen.add(number)
        page = self._page(number)
        flags = _HEADER.unpack_from(page)[2]
        if flags & 0xFF not in (_BRANCH, _LEAF):
            raise self._damaged(f"page {number} is of an unknown kind")
        for at in self._nodes(number, page):
            low, high, third, length = _NODE.unpack_from(page, at)
            after = at + _NODE.size + length
            if after > len(page):
                raise self._damaged(f"page {number}: a key reaches beyond its page")
            if flags & _BRANCH:
                yield from self._below(low | high << 16 | third << 32, level + 1)
            else:
                place = self._value(number, page, after, low | high << 16, third)
                yield page[at + _NODE.size : after], place

    def _page(self, number: int) -> bytes:
        if not 2 <= number <= self._state.last:
            raise self._damaged(f"page {number} is beyond its {self._state.last + 1} pages")
        self._file.seek(number * self._state.page)
        return self._file.read(self._state.page)

    def _nodes(self, number: int, page: bytes) -> tuple[int, ...]:
        """Where in a page its nodes begin."""
        end = _HEADER.unpack_from(page)[3]
        if not _HEADER.size <= end <= len(page):
            raise self._damaged(f"page {number}: its list of nodes reaches beyond it")
        places = struct.unpack_from(f"<{(end - _HEADER.size) // 2}H", page, _HEADER.size)
        if any(not end <= place <= len(page) - _NODE.size for place in places):
            raise self._damaged(f"page {number}: a node is outside of it")
        return places

    def _value(self, number: int, page: bytes, after: int, size: int, flags: int) -> ValueRange:
        if flags & (_SUBDATABASE | _DUPLICATES):
            raise InputError(f"{self._path}: holds databases within it; frames by key are expected")
        start = number * self._state.page + after
        limit = start - after + len(page)
        if flags & _ELSEWHERE:
            if after + 8 > len(page):
                raise self._damaged(f"page {number}: a value reaches beyond its page")
            start = int(struct.unpack_from("<Q", page, after)[0]) * self._state.page + _HEADER.size
            limit = self._size
        if not 0 <= start <= start + size <= limit:
            raise self._damaged(f"page {number}: a value of {size:,} bytes reaches beyond its pages")
        return ValueRange(start, size)

    def _damaged(self, what: str) -> InputError:
        return InputError(f"{self._path}: cannot be opened as an LMDB: it is damaged ({what})", remedy="pack the clips again")
