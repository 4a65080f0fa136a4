"""Files made of elements with keys: Matroska and WebM, MXF, NUT."""

from __future__ import annotations

from upframe.media.video.endings.cut import NOTHING_LOST, Bytes, Cut, beyond

_EBML, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
_CUES, _TAGS, _VOID, _SEEK_HEAD, _CHAPTERS = 0x1C53BB6B, 0x1254C367, 0xEC, 0x114D9B74, 0x1043A770
_NO_IMAGES = (_CUES, _TAGS, _VOID, _SEEK_HEAD, _CHAPTERS)
_MXF_PARTITION = bytes.fromhex("060e2b34020501010d01020101")
_NUT_INDEX = bytes.fromhex("4e58dd672f23e64e")


def of_matroska(file: Bytes) -> Cut | None:
    """RFC 9559. Where a segment or cluster has no size, as in live recordings, the elements in it are looked at."""
    identity, size, position = _element(file, 0)
    if identity != _EBML or size is None:
        return None
    identity, size, position = _element(file, position + size)
    if identity != _SEGMENT:
        return None
    if size is not None and position + size <= file.size:
        return None
    end = None if size is None else position + size
    return _cut_in_segment(file, position, end)


def _cut_in_segment(file: Bytes, position: int, end: int | None) -> Cut | None:
    """Go through the elements of a segment that ends at ``end``, if that is known, to the one that is cut."""
    while position < file.size:
        try:
            identity, size, body = _element(file, position)
        except EOFError:
            return Cut("it ends inside the head of an element")
        if size is None:  # a live cluster: its blocks lie side by side with what comes after it
            position = body
            continue
        position = body + size
        if position > file.size:
            name = "its cluster" if identity == _CLUSTER else "an element"
            return Cut(beyond(name, position - file.size), harmless=NOTHING_LOST if identity in _NO_IMAGES else "")
    return None if end is None or end <= file.size else Cut(beyond("its segment", end - file.size))


def _element(file: Bytes, position: int) -> tuple[int, int | None, int]:
    """Identity, size (None for an unknown one) and place of the body. Raises EOFError, and ValueError for what is none."""
    first = file.big(position, 1)
    if not first:
        raise ValueError
    length = 9 - first.bit_length()
    identity = file.big(position, length)
    position += length
    first = file.big(position, 1)
    if not first:
        raise ValueError
    length = 9 - first.bit_length()
    unknown = (1 << (7 * length)) - 1
    size = file.big(position, length) & unknown
    return identity, None if size == unknown else size, position + length


def of_mxf(file: Bytes) -> Cut | None:
    """SMPTE ST 377: the first partition says where the last one begins; from there on all must be whole."""
    start = file.some(0, 2**16).find(_MXF_PARTITION)
    if start < 0:
        return None
    _, body = _triplet(file, start)
    footer = start + file.big(body + 24, 8)
    if footer == start:  # never filled in
        return _cut_between(file, start, harmless="")
    if footer + 16 > file.size:
        return Cut(beyond("it", footer + 16 - file.size))
    return _cut_between(file, footer, harmless=NOTHING_LOST) if file.at(footer, 13) == _MXF_PARTITION else None


def _cut_between(file: Bytes, position: int, *, harmless: str) -> Cut | None:
    """Go from one key, length and value to the next until the end."""
    while position < file.size:
        try:
            length, body = _triplet(file, position)
        except EOFError:
            return Cut("it ends inside the head of an element", harmless)
        position = body + length
    return Cut(beyond("an element", position - file.size), harmless) if position > file.size else None


def _triplet(file: Bytes, position: int) -> tuple[int, int]:
    """The length and the place of the value at a key of 16 bytes."""
    first = file.big(position + 16, 1)
    more = first & 0x7F if first & 0x80 else 0
    return (file.big(position + 17, more) if more else first), position + 17 + more


def of_nut(file: Bytes) -> Cut | None:
    """NUT ends with an index, whose last bytes say where it begins."""
    start = file.size - file.big(file.size - 12, 8)
    if start > 0 and file.some(start, 8) == _NUT_INDEX:
        return None
    tail = file.some(max(file.size - 2**20, 0), 2**20)
    return Cut("it has no whole index at its end", harmless=NOTHING_LOST if _NUT_INDEX in tail else "")
