"""FLV files joined end to end, read as one: without the heads in the middle, over which FFmpeg stumbles."""

from __future__ import annotations

import io
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path

from upframe.media.video.endings.cut import Bytes

_HEAD, _TAGS = b"FLV\x01", (8, 9, 18)


def flv_parts(path: Path) -> list[range]:
    """Where the bytes of each file in a file lie, those after the first without their heads: usually of one."""
    ends = []
    with path.open("rb") as opened:
        file = Bytes(opened)
        start, position = 0, file.big(5, 4) + 4
        while position + 11 <= file.size:
            head = file.at(position, 11)
            if head.startswith(_HEAD):
                ends.append(range(start, position))
                start = position = position + int.from_bytes(head[5:9], "big") + 4
            elif head[0] & 0x1F in _TAGS:
                position += 11 + int.from_bytes(head[1:4], "big") + 4
            else:
                break
        return [*ends, range(start, file.size)]


class Spliced(io.RawIOBase):
    """Some ranges of a file's bytes, one after the other."""

    def __init__(self, path: Path, parts: list[range]) -> None:
        self._file = path.open("rb")
        self._parts = parts
        self._starts = [0, *accumulate(len(part) for part in parts)]
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._starts[-1]}[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """As many bytes as were asked for, or as lie in the same part."""
        number = bisect_right(self._starts, self._position) - 1
        if number >= len(self._parts):
            return b""
        rest = self._parts[number][self._position - self._starts[number] :]
        self._file.seek(rest.start)
        content = self._file.read(len(rest) if size < 0 else min(size, len(rest)))
        self._position += len(content)
        return content

    def close(self) -> None:
        self._file.close()
        super().close()
