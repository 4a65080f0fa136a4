"""Reading a video: every frame in order and with its time, and the packets of all other streams between them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import av
from av.packet import Packet
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Stream
from av.video.frame import VideoFrame

from upframe.errors import InputError
from upframe.media.notes import Notes, no_notes
from upframe.media.video.accompanying import captions_of, lost
from upframe.media.video.changes import FieldOrder, Gaps, SequenceHeaders
from upframe.media.video.clock import Clock, ClockMode
from upframe.media.video.endings import NOTHING_LOST, find_cut, find_joined
from upframe.media.video.frame_times import FrameTimes
from upframe.media.video.info import CopiedPacket, FrameKind, Plane, RawFrame, VideoDamaged, VideoInfo
from upframe.media.video.kinds import FrameKinds
from upframe.media.video.length import shortfall
from upframe.media.video.opening import drain, open_decoder
from upframe.media.video.planes import read_planes
from upframe.media.video.preparation import AS_DECODED, FramePreparation, Preparation
from upframe.media.video.probe import (
    MAX_PIXELS,
    choose_video,
    container_aspect,
    describe_video,
    frame_side_data,
    is_still,
    open_video,
)

Changes = Literal["refuse", "follow", "stop"]


def probe(path: Path | str, *, max_pixels: int = MAX_PIXELS) -> VideoInfo:
    """What a video is, found by decoding its first frame. Raises InputError as VideoReader does."""
    with VideoReader(path, max_pixels=max_pixels) as reader:
        return reader.info


@dataclass(slots=True)
class _Held:
    """A frame that waits for the next one, which tells how long it lasts."""

    planes: tuple[Plane, ...]
    pts: int
    stated_duration: int
    index: int
    kind: FrameKind
    captions: VideoFrame | None


class VideoReader:
    """A video, read once from its start to its end, in memory that does not grow with its length.

    Iterating gives RawFrames, as many as the video has, and between them CopiedPackets of every other stream, in the order
    of the file. One thread may iterate while another closes; the next step then ends the iteration.

    on_note: told in one line each what a user should know. clock: what becomes of times that jump. threads: for
    decoding, None for as many as there are processors.
    Raises InputError on opening for what is missing, no video, without images, or above ``max_pixels`` a frame; and while
    iterating VideoDamaged (``allow_truncated``: a note, and a normal end): before the first frame if the file is visibly cut
    short, else after the last one that could be read; and InputError, unless ``changes`` allows it, if the size or the samples
    of the images change. changes: "follow" gives each frame as it is, its ``kind`` telling what it is; "stop" ends the video,
    with a note, where size or shape change. preparation: what is done to frames before they are given out; ``info`` and all
    frames are those of the result. By default they are as they were decoded.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        on_note: Notes = no_notes,
        allow_truncated: bool = False,
        max_pixels: int = MAX_PIXELS,
        threads: int | None = None,
        clock: ClockMode = "join",
        changes: Changes = "refuse",
        preparation: Preparation = AS_DECODED,
    ) -> None:
        self.path, self._changes, self._clock_mode = Path(path), changes, clock
        self.frames_read = 0
        self.captions_lost = ""  # why closed captions have no place in the result, once a writer knows
        self._note, self._noted = on_note, set[str]()
        self._allow_truncated = allow_truncated
        self._lock, self._stepping = threading.Lock(), threading.Lock()  # held to use the container, and to take an item
        self._closed, self._decodes = False, True
        self._max_pixels, self._threads = max_pixels, threads
        self._unreadable = self._repaired = 0
        self._last_is_repaired = self._ends_early = False
        self._broken_at: int | None = None  # how many frames there were before the first one that could not be decoded
        self._gaps, self._fields = Gaps(), FieldOrder()
        self._waiting: deque[VideoFrame | CopiedPacket] = deque()
        self._decoded, self._items = self._decode(), self._timed()
        self.container = open_video(self.path)
        try:
            self.stream = choose_video(self.path, self.container, max_pixels, self._note_once)
            self._index = self.stream.index  # kept, as a stream must not be asked once the container may be closed
            name, kinds = self.container.format.name, {stream.index: stream.type for stream in self.container.streams}
            self._clock = None if clock == "keep" else Clock(name, self._index, kinds)
            self._times = FrameTimes(name, even=clock == "even")
            self._container_aspect = container_aspect(self.stream)
            self._length = shortfall(self.path, self.container, self.stream)
            self._headers = SequenceHeaders(self.stream.codec_context)
            self._decoder = open_decoder(self.stream, threads, max_pixels)
            decoded = self._open_at_first_frame()
            self._prepared = FramePreparation(preparation, decoded, max_pixels, self._note_once)
            self.info = self._prepared.info
            self._kinds = FrameKinds(self.info, self.stream, self._decoder, on_note if changes == "follow" else no_notes)
        except InputError as error:
            cut = find_cut(self.path, self.container.format.name)
            self.close()
            if cut is None or cut.harmless:
                raise
            raise InputError(f"{error}; the file is cut short: {cut.reason}", remedy="get a whole copy") from error
        except BaseException:
            self.close()
            raise
        joined = find_joined(self.path, name)
        for remark in (*([str(joined)] if joined else ()), *decoded.remarks()):
            self._note_once(remark)

    def __iter__(self) -> Iterator[RawFrame | CopiedPacket]:
        """The items from where the last iteration stopped: there is one pass through a video."""
        while (item := self._step()) is not None:
            yield item

    def _step(self) -> RawFrame | CopiedPacket | None:
        with self._stepping:
            return next(self._items, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; may be called at any time, from any thread, and more than once."""
        with self._lock:
            self._closed = True
            self.container.close()
        # Generators that wait hold this reader, and it holds them: its decoder would stay until the garbage collector comes.
        if self._stepping.acquire(blocking=False):  # else another thread takes an item, and brings them to their end
            try:
                self._items.close()
                self._decoded.close()
                self._waiting.clear()
            finally:
                self._stepping.release()

    def attached_pictures(self) -> dict[int, bytes]:
        """The files of cover images, by stream: they lie before the first frame."""
        return {
            item.index: bytes(item.packet)
            for item in self._waiting
            if isinstance(item, CopiedPacket) and is_still(self.container.streams[item.index])
        }

    def others(self) -> Iterator[CopiedPacket]:
        """The packets of all other streams, instead of iterating: pictures are passed over, and none is decoded."""
        self._decodes = False
        yield from (item for item in self._all_items() if isinstance(item, CopiedPacket))

    def _note_once(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            self._note(text)

    def _open_at_first_frame(self) -> VideoInfo:
        for item in self._decoded:
            self._waiting.append(item)
            if isinstance(item, VideoFrame):
                return describe_video(self.path, self.container, self.stream, item, self._container_aspect)
        raise InputError(f"{self.path}: not one frame can be decoded: the file is damaged or cut short")

    def _packets(self) -> Iterator[Packet[Stream]]:
        """Packets in file order, by one clock, until the end, an error of reading, or ``close``."""
        demuxed = self.container.demux()
        while True:
            with self._lock:
                if self._closed:
                    return
                try:
                    packet = next(demuxed)
                except StopIteration:
                    break
                except (av.FFmpegError, OSError):
                    self._unreadable += 1
                    break
            if packet.size or packet.pts is not None:  # the others only say that the file is at its end
                yield from [packet] if self._clock is None else self._clock.put(packet)
        if self._clock is not None:
            yield from self._clock.rest()

    def _decode(self) -> Generator[VideoFrame | CopiedPacket, None, None]:
        """Decoded frames and the packets of other streams; the decoder is emptied at the end."""
        for packet in self._packets():
            self._length.see(packet)
            if packet.stream_index != self._index:
                yield CopiedPacket(packet.stream_index, packet)
            elif packet.size and self._decodes and not self._drop(packet):
                if self._headers.change(packet):
                    yield from self._decode_packet(None)
                yield from self._decode_packet(packet)
        yield from self._decode_packet(None)

    def _drop(self, packet: Packet[Stream]) -> bool:
        """Whether a packet is a torn one; transport streams mark whole ones too, when a counter skips."""
        if not packet.is_corrupt or self.container.format.name == "mpegts":
            return False
        self._unreadable += 1
        return True

    def _decode_packet(self, packet: Packet[Stream] | None) -> list[VideoFrame]:
        with self._lock:
            if self._closed:
                return []
            try:
                frames = drain(self._decoder) if packet is None else self._decoder.decode(packet)
                for frame in frames:
                    frame.pts = self._times.stamp(frame)
                return frames
            except av.EOFError:  # emptied already
                return []
            except av.FFmpegError:
                self._unreadable += self.frames_read > 0  # before the first whole image, parts of earlier ones are usual
        if self.frames_read and self._broken_at is None:
            self._broken_at = self.frames_read
        return []

    def _timed(self) -> Generator[RawFrame | CopiedPacket, None, None]:
        """The items to give out: a frame leaves when the next has come, and so with the time it is shown for."""
        held: _Held | None = None
        items = self._prepared_items()
        self._refuse_if_cut()
        more = 0  # frames after the first damage, which could be kept
        for item in items:
            if isinstance(item, CopiedPacket):
                yield item
                continue
            if self._broken_at is not None and not self._allow_truncated:
                more = 1 + sum(isinstance(later, VideoFrame) for later in items)
                break
            kind = self._kind(item)
            if self._changes == "stop" and kind.shape != self._kinds.first.shape:
                self._note_once(f"the size of the images changes {self._place(item)}: the video ends there")
                self._ends_early = True
                break
            following = self._hold(item, kind)
            if held is not None:
                self._gaps.see(held.pts, following.pts - held.pts)
                yield self._release(held, following.pts - held.pts)
            held = following
        with self._lock:
            if self._closed:
                return
            duration = None if held is None else self._last_duration(held)
        if held is not None:
            yield self._release(held, duration)
        if not self._ends_early:
            self._judge_end(self.frames_read + more)

    def _refuse_if_cut(self) -> None:
        """Raise VideoDamaged, before hours of work, if the file is visibly cut short, with what can be kept of it."""
        cut = self._length.cut
        if cut is None or cut.harmless or self._allow_truncated:
            return
        with VideoReader(
            self.path,
            allow_truncated=True,
            max_pixels=self._max_pixels,
            threads=self._threads,
            clock=self._clock_mode,
            changes="stop" if self._changes == "stop" else "follow",
        ) as other:
            for _ in other:
                if self._closed:
                    return
            if not other._length.missing():
                return
        count, total = other.frames_read, self.info.frames or 0
        about = "" if self.info.frames_exact else "about "
        found = f"{count} of {about}{total} frames" if total > count else f"{count} frames"
        raise VideoDamaged(f"{self.path}: the file is cut short: {cut.reason}; {found} can be read", count)

    def _all_items(self) -> Iterator[VideoFrame | CopiedPacket]:
        while self._waiting:
            yield self._waiting.popleft()
        yield from self._decoded

    def _prepared_items(self) -> Iterator[VideoFrame | CopiedPacket]:
        """With frames prepared."""
        for item in self._all_items():
            yield from [item] if isinstance(item, CopiedPacket) else self._prepared.put(item)
        yield from self._prepared.rest()

    def _kind(self, frame: VideoFrame) -> FrameKind:
        """What a frame is. Raises InputError for one that is not like the first, where that is refused."""
        info = self.info
        same = (frame.width, frame.height, frame.format.name) == (info.width, info.height, info.source_format)
        if not same and self._changes == "refuse":
            raise InputError(
                f"{self.path}: the images change from {info.width}x{info.height} {info.source_format} to "
                f"{frame.width}x{frame.height} {frame.format.name} {self._place(frame)}",
                remedy="cut the video there and give the parts one by one",
            )
        side_data = frame_side_data(frame)
        place = self._place(frame)
        self._look_at(frame, side_data, place)
        return self._kinds.of(frame, side_data, place)

    def _place(self, frame: VideoFrame) -> str:
        return f"after {self._seconds(frame.pts or 0):.1f} s (frame {self.frames_read})"

    def _hold(self, frame: VideoFrame, kind: FrameKind) -> _Held:
        planes, captions = read_planes(frame, kind.layout), captions_of(frame)
        held = _Held(planes, self._pts(frame), frame.duration, self.frames_read, kind, captions)
        self.frames_read += 1
        return held

    def _look_at(self, frame: VideoFrame, side_data: dict[SideDataType, bytes], place: str) -> None:
        self._last_is_repaired = frame.is_corrupt
        self._repaired += frame.is_corrupt
        if change := self._fields.change(frame):
            self._note_once(f"{change} {place}: such frames are upscaled as they are")
        for note in lost(side_data, self.captions_lost):
            self._note_once(note)

    def _pts(self, frame: VideoFrame) -> int:
        try:
            return self._times.place(frame, self.info.time_base, self.info.average_rate, self._note_once)
        except InputError as error:
            raise error.at(self.path) from error

    def _release(self, held: _Held, duration: int | None) -> RawFrame:
        return RawFrame(held.planes, held.pts, self.info.time_base, duration, held.index, held.kind, held.captions)

    def _last_duration(self, held: _Held) -> int | None:
        """Up to the end of the stream where that is known, else what the frame itself says."""
        start, length = self.stream.start_time, self.stream.duration
        if start is not None and length and self.stream.time_base and "mp4" in self.info.container:
            unit = self.stream.time_base / self.info.time_base  # more than one where deinterlacing gives more frames
            rest = round((start + length) * unit) - held.pts
            if 0 < rest <= length * unit:
                return rest
        return held.stated_duration or None

    def _judge_end(self, kept: int) -> None:
        """Raise VideoDamaged for what is not whole, or tell; ``kept`` frames of it can be read."""
        missing, cut = self._length.missing(), self._length.cut
        missing |= self._length.open_ended and self._last_is_repaired
        damaged = self._unreadable or missing
        if damaged and not self._allow_truncated:
            raise self._damaged("cut short" if missing else "damaged there", kept)
        if damaged:
            self._note_once(f"the video is damaged or cut short: {kept} frames could be read and were kept")
        elif cut is not None:
            self._note_once(f"the file is cut short: {cut.reason}; {cut.harmless or NOTHING_LOST}")
        self._tell_jumps()
        gap = self._gaps.found()
        if gap is not None:
            self._note_once(
                f"frames that seem to be missing, as the video is steady otherwise: about {gap[0]}, the first after "
                f"{self._seconds(gap[1]):.1f} s; it may be damaged there"
            )
        if self._repaired:
            self._note_once(f"frames damaged in the file, and kept as the decoder repaired them: {self._repaired}")

    def _tell_jumps(self) -> None:
        jumps = [] if self._clock is None else self._clock.jumps
        if jumps:
            often = f"{len(jumps)} times, first " if len(jumps) > 1 else ""
            self._note_once(
                f"its clock jumps {often}after {float(jumps[0] - (self.info.start_time or 0)):.1f} s, as where recordings are "
                "joined: what follows is shown right after, with its sound (clock 'keep' would leave the times as they are)"
            )

    def _seconds(self, pts: int) -> float:
        """The time since the video began."""
        return float(pts * self.info.time_base - (self.info.start_time or 0))

    def _damaged(self, what: str, kept: int) -> VideoDamaged:
        info = self.info
        seconds = 0.0 if self._times.last is None else self._seconds(self._times.last)
        total = f" of {'' if info.frames_exact else 'about '}{info.frames}" if info.frames else ""
        return VideoDamaged(
            f"{self.path}: no frame could be read after {seconds:.1f} s (frame {self.frames_read}{total}): the file is {what}",
            kept,
        )
