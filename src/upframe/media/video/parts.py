"""Parts of a video: the encoded frames of a segment in a file of their own, and a video put together from such parts.

Every part is encoded by itself, begins with a key frame, and its last frames need nothing that follows. So the packets of all
parts, one after the other under one header, are a video; nothing is encoded again. Times of decoding are found for the whole.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import IO, cast

import av
from av.packet import Packet
from av.stream import Stream
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from upframe.errors import OutputError
from upframe.media.atomic import output_error
from upframe.media.video.encoders import EncoderSettings
from upframe.media.video.info import CopiedPacket, RawFrame
from upframe.media.video.reader import VideoReader
from upframe.media.video.seams import coarser, enlarged, seam_care
from upframe.media.video.writer import VideoWriter

_MAGIC = b"upframe part 1\n"
_PACKET = struct.Struct("<qqqBI")  # pts, dts, duration, whether it is a key frame, bytes


@dataclass(frozen=True, slots=True)
class PartPacket:
    """A packet of frames; times are in units of its part's ``time_base``."""

    pts: int
    dts: int
    duration: int
    is_key: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class PartHeader:
    """What packets of a part are: FFmpeg's name of the encoder, its own header, and seconds a unit of time."""

    codec: str
    extradata: str
    time_base: str


class PartWriter(VideoWriter):
    """Encodes the frames of one segment exactly as VideoWriter would, into a part file; other streams are passed over.

    ``is_cut``: the segment begins where one shot ends, or the video begins. ``show``: frames of the source after the segment,
    as many as ``tail`` says, let the encoder look ahead; ``last`` is the number of the frame before them.
    """

    def __init__(
        self,
        path: Path,
        source: VideoReader,
        size: tuple[int, int],
        settings: EncoderSettings,
        *,
        name: Path,
        is_cut: bool = True,
        last: int | None = None,
    ) -> None:
        self._is_cut, self._last = is_cut, last
        self._is_first = True
        self._end: int | None = None  # the time of the first frame that is only shown
        super().__init__(path, source, size, settings, name=name)

    def _image(self, frame: RawFrame) -> VideoFrame:
        image, care = super()._image(frame), seam_care(self._encoding.codec)
        if self._is_first and not self._is_cut and care.key_offset:
            image = coarser(image, care.key_offset)
        if frame.index == self._last and not self._is_first:
            image.pict_type = PictureType.P
        self._is_first = False
        return image

    def show(self, frame: RawFrame) -> None:
        """Let the encoder look ahead at a frame of the source. What it makes of it is dropped."""
        layout = frame.kind.layout if frame.kind else self._info.layout
        image = enlarged(frame, layout, self.size, self._encoding.pix_fmt)
        if self._end is None:
            self._end = frame.pts + round(self._shift / frame.time_base)
        self._encode(image, frame)

    def _begin(self) -> None:
        self._file: IO[bytes] = self.path.open("wb")
        try:
            # Nothing is written to it: the container decides whether an encoder puts its header into the packets.
            self._output = av.open(io.BytesIO(), "w", format=self._container.format)
            self._open = True
            self._stream = self._add_images()
            context = self._stream.codec_context
            header = PartHeader(context.codec.name, (context.extradata or b"").hex(), str(context.time_base))
            self._file.write(_MAGIC + json.dumps([header.codec, header.extradata, header.time_base]).encode() + b"\n")
        except OSError as error:
            self.abort()
            raise output_error(self.name, error, self.path) from error
        except BaseException:
            self.abort()
            raise

    def copy(self, item: CopiedPacket) -> None:
        """Not of a part: other streams are copied when the parts are put together."""

    def _put(self, packet: Packet[VideoStream]) -> None:
        if packet.pts is None or packet.dts is None:
            raise OutputError(f"{self.name}: {self._stream.codec_context.codec.name} gives packets without times")
        if self._end is not None and packet.pts >= self._end:
            return
        data = bytes(packet)
        self._file.write(_PACKET.pack(packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe, len(data)) + data)

    def _finish(self) -> None:
        self._file.close()

    def _let_go(self) -> None:
        with suppress(OSError):  # what is not written yet cannot be where the disk is full, and is to be thrown away
            self._file.close()


def read_part(path: Path) -> tuple[PartHeader, Iterator[PartPacket]]:
    """A part's header, and its packets in the order of the file. Raises OutputError for what is no part or is cut short."""
    file = path.open("rb")
    if file.read(len(_MAGIC)) != _MAGIC:
        file.close()
        raise OutputError(f"{path}: is not a part of this version of Upframe")
    return PartHeader(*json.loads(file.readline())), _packets(path, file)


def _packets(path: Path, file: IO[bytes]) -> Iterator[PartPacket]:
    with file:
        while head := file.read(_PACKET.size):
            if len(head) == _PACKET.size:
                pts, dts, duration, is_key, size = _PACKET.unpack(head)
                data = file.read(size)
                if len(data) == size:
                    yield PartPacket(pts, dts, duration, bool(is_key), data)
                    continue
            raise OutputError(f"{path}: the part is cut short")


class JoiningWriter(VideoWriter):
    """A video whose frames were encoded before, as parts: their packets are given to ``write_parts``, other streams copied."""

    @property
    def tail(self) -> int:
        """How many frames after a segment its encoder is to be shown, where that ends inside a shot."""
        return seam_care(self._encoding.codec).tail

    @property
    def obstacle(self) -> str:
        """Why a video in this encoding cannot be put together from parts; empty where it can."""
        if self._encoding.word == "vp9" and self._encoding.layout.alpha:
            return "VP9 keeps transparency beside its packets, which cannot be put together from parts"
        return ""

    def write(self, frame: RawFrame) -> None:
        """Frames are encoded already. Raises TypeError."""
        raise TypeError("a video put together from parts takes no frames")

    def write_parts(self, parts: Sequence[Path], others: Iterable[CopiedPacket]) -> None:
        """All packets of the parts, in their order, between those of the ``others`` by their times.

        Raises OutputError for parts that another encoder has made, and as ``copy`` does.
        """
        expected = self._header()
        for path in parts:
            header, packets = read_part(path)
            next(packets, None)
            packets.close()  # type: ignore[attr-defined]  # a generator
            if header != expected:
                raise OutputError(f"{self.name}: the part {path.name} was encoded by another version or with other settings")
        frames = self._timed(parts)
        waiting = next(frames, None)
        for item in others:
            time = item.packet.dts if item.packet.dts is not None else item.packet.pts
            while waiting is not None and time is not None and _comes_before(waiting, item.packet, time):
                self._mux(waiting)
                waiting = next(frames, None)
            self.copy(item)
        for packet in chain([waiting] if waiting is not None else [], frames):
            self._mux(packet)

    def _mux(self, packet: Packet[VideoStream]) -> None:
        with self._lock:
            if self._open:
                try:
                    self._put(packet)
                except (av.FFmpegError, OSError) as error:
                    raise self._error(error) from error

    def _container_options(self) -> dict[str, str]:
        """Without the numbers that FFmpeg draws at random for Matroska, so that equal parts are equal files."""
        exact = {"fflags": "+bitexact"} if self._container.format in ("matroska", "webm") else {}
        return super()._container_options() | exact

    def _header(self) -> PartHeader:
        context = self._stream.codec_context
        return PartHeader(context.codec.name, (context.extradata or b"").hex(), str(context.time_base))

    def _timed(self, parts: Sequence[Path]) -> Iterator[Packet[VideoStream]]:
        """The packets of all parts, with times of decoding that never go back."""
        time_base = Fraction(self._header().time_base)
        times = decoding_times([[(packet.pts, packet.dts) for packet in read_part(path)[1]] for path in parts])
        packets = chain.from_iterable(read_part(path)[1] for path in parts)
        for source, dts in zip(packets, times, strict=True):
            packet = cast("Packet[VideoStream]", Packet(source.data))
            packet.stream, packet.time_base = self._stream, time_base
            packet.pts, packet.dts, packet.duration = source.pts, dts, source.duration
            packet.is_keyframe = source.is_key
            yield packet

    def _remaining_images(self) -> list[Packet[VideoStream]]:
        return []


def _comes_before(frames: Packet[VideoStream], other: Packet[Stream], time: int) -> bool:
    """Whether a packet of frames is to be written before one of another stream, of this time in its units."""
    return frames.dts is not None and frames.dts * frames.time_base <= time * other.time_base


def decoding_times(parts: Sequence[Sequence[tuple[int, int]]]) -> list[int]:
    """Decoding times of the packets of all parts, given (pts, dts) of each: ascending, and none after its pts.

    As encoders do: a packet is decoded when the frame that comes so many packets before it in order of display is shown; the
    number is how many packets the deepest part waits. The first packets of all are decoded that much before the first is shown.
    """
    if len(parts) == 1:
        return [dts for _, dts in parts[0]]
    coded = [pts for part in parts for pts, _ in part]
    shown = sorted(coded)
    place = {pts: number for number, pts in enumerate(shown)}
    depth = max((number - place[pts] for number, pts in enumerate(coded)), default=0)
    for part in parts:
        first = min((pts for pts, _ in part), default=0)
        depth = max(depth, sum(dts < first for _, dts in part))
    depth = min(depth, len(shown) - 1)
    lead = shown[depth] - shown[0] if shown else 0
    return [shown[number - depth] if number >= depth else shown[number] - lead for number in range(len(coded))]
