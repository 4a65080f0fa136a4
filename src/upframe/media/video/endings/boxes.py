"""Files made of boxes that state their sizes: MP4 and QuickTime, AVI, PNG, ASF, RoQ, RealMedia."""

from __future__ import annotations

from upframe.media.video.endings.cut import NOTHING_LOST, Bytes, Cut, beyond

_EMPTY_BOXES = (b"free", b"skip", b"wide", b"udta", b"meta", b"uuid", b"mfra")
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)
"""What stands in the place of a size that its writer never came to fill in."""
_MISCOUNTED = 32
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")


def of_mp4(file: Bytes) -> Cut | None:
    """ISO 14496-12: boxes side by side, and those that an index of segments (sidx) announces."""
    position = announced = 0
    while position + 8 <= file.size:
        size, kind, head = file.big(position, 4), file.at(position + 4, 4), 8
        if size == 1:
            size, head = file.big(position + 8, 8), 16
        if size == 0:  # up to the end
            return None
        if size < head or not kind.isascii():
            return None if announced <= file.size else Cut(beyond("a segment", announced - file.size))
        if position + size > file.size:
            name = kind.decode("ascii").strip()
            reason = beyond(f"its box {name!r}", position + size - file.size)
            return Cut(reason, harmless=NOTHING_LOST if kind in _EMPTY_BOXES else "", in_index=kind == b"moov")
        if kind == b"sidx":
            announced = position + size + _referenced(file, position + head)
        position += size
    if announced > file.size:
        return Cut(beyond("a segment", announced - file.size))
    if position < file.size and not file.blank_from(position):
        return Cut("it ends inside the head of a box")
    return None


def _referenced(file: Bytes, position: int) -> int:
    """How many bytes after a segment index belong to it."""
    wide = file.big(position, 1) > 0
    position += 12
    first = file.big(position + (8 if wide else 4), 8 if wide else 4)
    position += 16 if wide else 8
    count = file.big(position + 2, 2)
    return first + sum(file.big(position + 4 + 12 * index, 4) & 0x7FFFFFFF for index in range(count))


def of_riff(file: Bytes) -> Cut | None:
    """AVI: one RIFF list, or several of a gigabyte; an index, which can be done without, may come last."""
    position = 0
    while position + 12 <= file.size and file.at(position, 4) == b"RIFF":
        size = file.little(position + 4, 4)
        if size in _UNKNOWN_SIZES:
            return None
        end = position + 8 + size
        if end > file.size:
            return Cut(beyond("its RIFF list", end - file.size), harmless=_if_only_index(file, position + 12))
        position = end + end % 2
    return None


def _if_only_index(file: Bytes, position: int) -> str:
    """What to say if the list of images and sound is whole, of the chunks of a RIFF list that begin at ``position``."""
    images = False
    while position + 8 <= file.size:
        kind, size = file.at(position, 4), file.little(position + 4, 4)
        whole = position + 8 + size <= file.size
        images |= whole and kind == b"LIST" and file.some(position + 8, 4) == b"movi"
        if not whole:
            return NOTHING_LOST if images and kind in (b"idx1", b"JUNK") else ""
        position += 8 + size + size % 2
    return NOTHING_LOST if images else ""


def of_png(file: Bytes) -> Cut | None:
    """APNG: chunks, the last of which is IEND."""
    position = 8
    while position + 12 <= file.size:
        if file.at(position + 4, 4) == b"IEND":
            return None
        position += 12 + file.big(position, 4)
    if position > file.size:
        return Cut(beyond("a chunk", position - file.size))
    return Cut("it has no closing chunk (IEND)")


def of_asf(file: Bytes) -> Cut | None:
    """ASF, WMV: the header states the size of the whole file, unless it was broadcast."""
    if file.at(0, 16) != _ASF_HEADER:
        return None
    end, position = file.little(16, 8), 30
    while position + 24 <= min(end, file.size):
        if file.at(position, 16) == _ASF_FILE_PROPERTIES:
            stated, broadcast = file.little(position + 40, 8), file.little(position + 88, 4) & 1
            return Cut(beyond("it", stated - file.size)) if stated > file.size and not broadcast else None
        size = file.little(position + 16, 8)
        if size < 24:
            return None
        position += size
    return None


def of_roq(file: Bytes) -> Cut | None:
    """RoQ: chunks of a kind, a size and an argument, after a first one whose size means nothing."""
    position = 8
    while position + 8 <= file.size:
        position += 8 + file.little(position + 2, 4)
    return Cut(beyond("a chunk", position - file.size)) if position > file.size else None


def of_real_media(file: Bytes) -> Cut | None:
    """RealMedia: chunks of a name and a size that counts both; some writers count a few bytes too many."""
    position = 0
    while position + 8 <= file.size:
        kind, size = file.at(position, 4), file.big(position + 4, 4)
        if size < 8:
            return None
        position += size
        if position > file.size + _MISCOUNTED:
            return Cut(beyond("a chunk", position - file.size), harmless=NOTHING_LOST if kind == b"INDX" else "")
    return None
