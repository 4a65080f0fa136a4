"""What is read of a video's file to open it: enough to tell elsewhere how it is coded, at a small part of its size."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

from av.video.stream import VideoStream

from upframe.media.video.opening import open_container, open_decoder
from upframe.media.video.probe import MAX_PIXELS

_PAGE = 4096  # bytes: ranges begin and end on such bounds
_MORE = 16  # packets of images that are read after the first image, to be on the safe side


@dataclass(frozen=True, slots=True)
class VideoHead:
    """Some ranges of a file's bytes, each with the place where it begins. ``size``: of the whole file."""

    size: int
    ranges: tuple[tuple[int, bytes], ...]

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the file."""
        return sum(len(content) for _, content in self.ranges) >= self.size

    def write(self, path: Path) -> None:
        """A file of the same size: nothing, where nothing of it is known."""
        with path.open("wb") as file:
            for place, content in self.ranges:
                file.seek(place)
                file.write(content)
            file.truncate(self.size)


def read_head(path: Path, stream: int) -> VideoHead:
    """What is read until the first image of a stream has been decoded. Raises InputError as ``open_video`` does."""
    with _Recorded(path) as file:
        with open_container(path, file) as container:
            images = container.streams[stream]
            assert isinstance(images, VideoStream)
            decoder = open_decoder(images, 1, MAX_PIXELS)
            left = None
            for packet in container.demux(images):
                if left is None and packet.size and decoder.decode(packet):
                    left = _MORE
                elif left is not None:
                    left -= 1
                if left == 0:
                    break
        return VideoHead(file.size, tuple((start, file.content(start, stop)) for start, stop in file.ranges()))


def whole_file(path: Path) -> VideoHead:
    """All of a file."""
    content = path.read_bytes()
    return VideoHead(len(content), ((0, content),))


class _Recorded(io.RawIOBase):
    """A file that remembers which of its bytes were read."""

    def __init__(self, path: Path) -> None:
        self.name = f"file:{path}"  # by whose ending FFmpeg knows some formats
        self._file = path.open("rb")
        self.size = os.fstat(self._file.fileno()).st_size
        self._read: list[tuple[int, int]] = []

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1, /) -> bytes:
        start = self._file.tell()
        content = self._file.read(size)
        self._read.append((start, start + len(content)))
        return content

    def ranges(self) -> list[tuple[int, int]]:
        """Where what was read begins and ends, in order and without overlap."""
        merged: list[tuple[int, int]] = []
        for start, stop in sorted(self._read):
            start, stop = start // _PAGE * _PAGE, min(-(-stop // _PAGE) * _PAGE, self.size)  # noqa: PLW2901
            if merged and start <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(stop, merged[-1][1])
            else:
                merged.append((start, stop))
        return merged

    def content(self, start: int, stop: int) -> bytes:
        """The bytes of a range."""
        self._file.seek(start)
        return self._file.read(stop - start)

    def close(self) -> None:
        self._file.close()
        super().close()
