"""Some frames of a video, decoded from the packets that hold them, and exactly those that the whole video gives.

Packets are read from a key frame on, and all that a decoder makes of them is compared with what is known of the frames
(``frame_index``): the frame that comes next is the one with the next digest, whatever its codec reorders, repeats or leaves out
where it has just started. Where one does not come, decoding begins at an earlier key frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet, PacketSideData, packet_sidedata_type_from_literal
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from upframe.errors import InputError
from upframe.media.video.accompanying import captions_of
from upframe.media.video.changes import SequenceHeaders
from upframe.media.video.frame_index import SlicePlan, frame_digest, packet_digest, shorter
from upframe.media.video.info import RawFrame
from upframe.media.video.opening import drain, open_decoder
from upframe.media.video.planes import nearest_layout, read_planes
from upframe.media.video.probe import MAX_PIXELS, open_video

FAR = 1000
_SOUGHT = 3000  # packets of images among which that place is looked for


class SliceError(InputError):
    """Packets from which not all frames can be decoded as they are in the whole video. ``frames``: how many could."""

    def __init__(self, message: str, frames: int = 0) -> None:
        super().__init__(message)
        self.frames = frames


@dataclass(frozen=True, slots=True)
class SlicePacket:
    """A packet, as plain values that travel. side: its side data, by FFmpeg's names."""

    data: bytes
    pts: int | None
    dts: int | None
    duration: int
    is_key: bool
    side: tuple[tuple[str, bytes], ...]

    @classmethod
    def of(cls, packet: Packet[Stream]) -> SlicePacket:
        """The values of a packet that was read."""
        side = tuple((each.data_type, bytes(each)) for each in packet.iter_sidedata())
        return cls(bytes(packet), packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe, side)

    def packet(self, time_base: Fraction) -> Packet[Stream]:
        """To be decoded."""
        packet: Packet[Stream] = Packet(len(self.data))  # allocated with the spare bytes that decoders read
        packet.update(self.data)
        packet.pts, packet.dts, packet.duration, packet.time_base = self.pts, self.dts, self.duration, time_base
        packet.is_keyframe = self.is_key
        for kind, content in self.side:
            side = PacketSideData(packet_sidedata_type_from_literal(kind), len(content))  # type: ignore[arg-type, call-arg]
            side.update(content)
            side.to_packet(packet, move=True)
        return packet


class PacketSource:
    """The packets of a video's images, by their numbers, from any place of a file. Raises InputError as ``open_video`` does.

    ``stream``: the number of the stream that holds the images. ``far``: how many packets are read and passed over, rather than
    looking for a place in the file.
    """

    def __init__(self, path: Path, stream: int, *, far: int = FAR) -> None:
        self.path, self._number, self._far = path, stream, far
        self._open()

    def packets(self, plan: SlicePlan) -> Iterator[Packet[Stream]]:
        """Those that a plan names. Raises SliceError where the file has others."""
        first = self._go_to(plan)
        if packet_digest(first) != plan.mark:
            raise SliceError(f"{self.path}: packet {plan.start} is not the one that it was when the job was planned")
        yield first
        while self._next < plan.stop:
            packet = self._read()
            if packet is None:
                return
            yield packet

    def close(self) -> None:
        self._container.close()

    def _open(self) -> None:
        self._container: InputContainer = open_video(self.path)
        stream = self._container.streams[self._number]
        if not isinstance(stream, VideoStream):
            raise SliceError(f"{self.path}: stream {self._number} holds no images any more")
        self.stream = stream
        self._demuxed: Iterator[Packet[Stream]] = self._container.demux(self._number)
        self._next = 0  # the number of the packet that is read next

    def _read(self) -> Packet[Stream] | None:
        """The next packet that VideoReader would decode; None at the end."""
        while True:
            try:
                packet = next(self._demuxed)
            except (StopIteration, av.FFmpegError, OSError):
                return None
            torn = packet.is_corrupt and self._container.format.name != "mpegts"
            if packet.size and not torn:
                self._next += 1
                return packet

    def _go_to(self, plan: SlicePlan) -> Packet[Stream]:
        """The first packet of a plan: by going on, by looking for it near its time, or by counting from the start."""
        near = plan.start - self._far <= self._next <= plan.start
        if not near and plan.start > self._far and plan.seek is not None and (packet := self._look_for(plan)) is not None:
            return packet
        if not near:
            self.close()
            self._open()
        while self._next < plan.start and self._read() is not None:
            pass
        packet = self._read()
        if packet is None:
            raise SliceError(f"{self.path}: ends before packet {plan.start}, and did not when the job was planned")
        return packet

    def _look_for(self, plan: SlicePlan) -> Packet[Stream] | None:
        assert plan.seek is not None
        try:
            self._container.seek(plan.seek, stream=self.stream)
        except (av.FFmpegError, OSError):
            self._next = plan.stop  # somewhere
            return None
        self._demuxed = self._container.demux(self._number)
        self._next = plan.stop
        for _ in range(_SOUGHT):
            packet = self._read()
            if packet is None or _is_after(packet, plan.seek):
                return None
            if packet.is_keyframe and packet_digest(packet) == plan.mark:
                self._next = plan.start + 1
                return packet
        return None


def _is_after(packet: Packet[Stream], time: int) -> bool:
    return packet.dts is not None and packet.pts is not None and min(packet.dts, packet.pts) > time


class SliceDecoder:
    """Decodes slices of one video, in turn. ``stream``: of a container that stays open meanwhile, and reads nothing else."""

    def __init__(self, stream: VideoStream, max_pixels: int = MAX_PIXELS) -> None:
        self.time_base = stream.time_base or Fraction(1, 1000)
        self._context = open_decoder(stream, None, max_pixels)

    def frames(self, packets: Iterable[Packet[Stream]], plan: SlicePlan) -> Iterator[RawFrame]:
        """The frames of a plan, from its packets. Raises SliceError where one of them does not come out of the decoder."""
        found = 0
        for frame in self._decoded(packets):
            planes = read_planes(frame, nearest_layout(frame.format.name))
            expected = plan.frames[found]
            if frame_digest(planes) == expected.digest:
                number, kind = plan.begin + found, expected.kind
                found += 1
                captions = captions_of(frame)
                yield RawFrame(planes, expected.pts, self.time_base, expected.duration, number, kind, captions)
                if found == len(plan.frames):
                    return
        raise SliceError(f"frame {plan.begin + found} cannot be decoded from packets {plan.start} to {plan.stop - 1}", found)

    def _decoded(self, packets: Iterable[Packet[Stream]]) -> Iterator[VideoFrame]:
        context = self._context
        if context.is_open:
            context.flush_buffers()
        headers = SequenceHeaders(context)
        for packet in packets:
            if headers.change(packet):
                yield from self._rest()
            try:
                yield from context.decode(packet)
            except av.FFmpegError:  # as in the whole video, or before the first whole image
                continue
        yield from self._rest()

    def _rest(self) -> list[VideoFrame]:
        try:
            return drain(self._context)
        except av.FFmpegError:
            return []


class SlicedVideo:
    """Frames of a file, each segment's from the packets that hold it. Raises InputError as ``open_video`` does.

    ``stream``, ``far``: as PacketSource's.
    """

    def __init__(self, path: Path, stream: int, max_pixels: int = MAX_PIXELS, *, far: int = FAR) -> None:
        self._source = PacketSource(path, stream, far=far)
        self._container = open_video(path)  # for the decoder, as the source may be opened again
        images = self._container.streams[stream]
        assert isinstance(images, VideoStream)
        self._decoder = SliceDecoder(images, max_pixels)

    def frames(self, plans: Sequence[SlicePlan]) -> Iterator[RawFrame]:
        """The frames that ``FrameIndex.plans`` was asked for. Raises SliceError where the file is not what it was."""
        done = 0
        for number, plan in enumerate(plans, 1):
            rest = shorter(plan, done)
            try:
                for frame in self._decoder.frames(self._source.packets(rest), rest):
                    done += 1
                    yield frame
            except SliceError as error:
                if number == len(plans):
                    raise error.at(self._source.path) from error
            else:
                return

    def close(self) -> None:
        self._source.close()
        self._container.close()
