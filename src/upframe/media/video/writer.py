"""Writing a video: new images at the old times, and all other streams beside them."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from upframe.errors import OutputError, ShapeError
from upframe.media.atomic import output_error
from upframe.media.notes import Notes, no_notes
from upframe.media.video.beginning import beginning_shift
from upframe.media.video.colour import ColourTags
from upframe.media.video.containers import VideoContainer, container_for
from upframe.media.video.encoders import EncoderSettings, choose_encoding
from upframe.media.video.info import CopiedPacket, PixelLayout, RawFrame
from upframe.media.video.matroska import ROOM, write_display_shape
from upframe.media.video.planes import make_frame
from upframe.media.video.programmes import service_metadata
from upframe.media.video.reader import VideoReader
from upframe.media.video.scheduling import leave_real_time
from upframe.media.video.sound import EncodedSound, RepackedSound
from upframe.media.video.streams import CopiedStream, StreamPlan, custom_keys, kept_metadata, plan_streams
from upframe.remedies import Option, either, way

__all__ = ["EncoderSettings", "VideoWriter"]

_RATE = Fraction(25)
"""Frames a second, for the rate control of the encoder, of a video that does not say. Times are written as they are."""
_LARGEST_TIMESCALE = 2**31 - 1


class VideoWriter:
    """A video being written to ``path``: frames to ``write`` and other packets to ``copy``, in order, and ``close`` at the end.

    ``source`` is open while this opens: streams, chapters and metadata are taken from it. ``layout`` and ``colour`` say what
    the frames given to ``write`` must be; ``size`` is their (height, width). As a context manager the video is finished at
    the end, and given up if an error passes. One thread writes; another may ``abort``.

    name: the file as messages call it, if ``path`` is a temporary one. Raises OutputError on opening for a container, codec
    and format that do not go together and for a place that cannot be written; later, when the disk is full.
    """

    def __init__(
        self,
        path: Path | str,
        source: VideoReader,
        size: tuple[int, int],
        settings: EncoderSettings | None = None,
        *,
        on_note: Notes = no_notes,
        name: Path | None = None,
    ) -> None:
        self.path, self.name = Path(path), name or Path(path)
        self.size = size
        self._note, self._noted = on_note, set[str]()
        self._lock = threading.Lock()
        self._open = False
        self._info = source.info
        self._durations: dict[int, int] = {}
        self._copied: dict[int, CopiedStream | RepackedSound | EncodedSound] = {}
        self._before_zero: set[int] = set()
        self._source, self._settings = source, settings or EncoderSettings()
        self._container = container = container_for(self.name)
        self._encoding = choose_encoding(source.info, container, size, self._settings, self._note_once)
        self._shift = beginning_shift(source, container, self._note_once)
        if container.from_zero and (source.info.start_time or 0) + self._shift < 1:
            self._encoding = self._encoding.without_reordering()
        self._aspect = source.info.result_aspect(size)
        if not self._encoding.carries_captions:
            source.captions_lost = f"{self._encoding.word} has no place for them; x264 and x265 do"
        self._begin()

    @property
    def layout(self) -> PixelLayout:
        """How the planes given to ``write`` must lie."""
        return self._encoding.layout

    @property
    def colour(self) -> ColourTags:
        """What the samples given to ``write`` must stand for."""
        return self._encoding.colour

    @property
    def _shape_is_added(self) -> bool:
        """Whether the shape of pixels is put into the finished file: Matroska and WebM, unless the codec itself tells it."""
        return (
            self._aspect not in (None, 1)
            and self._container.format in ("matroska", "webm")
            and self._encoding.word not in ("x264", "x265")
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.close()
        else:
            self.abort()

    def write(self, frame: RawFrame) -> None:
        """Encode a frame. Raises ShapeError if it is not of the size and layout announced, OutputError if writing fails."""
        if frame.planes[0].shape != self.size:
            raise ShapeError(f"a frame of {frame.planes[0].shape} (h, w) given, {self.size} announced")
        self._check_precision(frame)
        self._encode(self._image(frame), frame)

    def _image(self, frame: RawFrame) -> VideoFrame:
        """What the encoder is given of a frame."""
        return make_frame(frame.planes, self.layout, frame.captions if self._encoding.carries_captions else None)

    def _encode(self, image: VideoFrame, frame: RawFrame) -> None:
        """Give the encoder an image, with the time and duration of ``frame``."""
        colour = self.colour
        image.colorspace, image.color_range = colour.colorspace, colour.color_range
        image.color_primaries, image.color_trc = colour.primaries, colour.transfer
        image.pts, image.time_base = frame.pts + round(self._shift / frame.time_base), frame.time_base
        if frame.duration is not None:
            image.duration = self._durations[image.pts] = frame.duration
        with self._lock:
            if self._open:
                try:
                    self._mux_images(self._stream.encode(image))
                except (av.FFmpegError, OSError) as error:
                    raise self._error(error) from error

    def copy(self, item: CopiedPacket) -> None:
        """Write a packet of another stream as it is; one of a stream that was left out is passed over."""
        stream = self._copied.get(item.index)
        if stream is None:
            return
        with self._lock:
            if self._open:
                _move(item.packet, self._shift)
                self._tell_shift(item)
                try:
                    self._output.mux(stream.packets(item.packet))
                except (av.FFmpegError, OSError, ValueError) as error:
                    raise self._error(error, item.index) from error

    def close(self) -> None:
        """Encode what the encoder still holds, and finish the file. Raises OutputError if that fails."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            try:
                self._mux_images(self._remaining_images())
                self._finish()
            except (av.FFmpegError, OSError, ValueError) as error:
                self._let_go()
                raise self._error(error) from error

    def abort(self) -> None:
        """Let go of the file, which is not whole; may be called at any time, from any thread, and more than once."""
        with self._lock:
            if self._open:
                self._open = False
                self._let_go()

    def _remaining_images(self) -> list[Packet[VideoStream]]:
        """What the encoder still holds at the end."""
        return self._stream.encode(None)

    def _finish(self) -> None:
        """Complete the file, once all frames are written."""
        for stream in self._copied.values():
            self._output.mux(stream.remaining())
        self._output.close()
        if self._shape_is_added and self._aspect is not None:
            ratio = self._container.format == "matroska"
            if not write_display_shape(self.path, self.size, self._aspect, ratio=ratio):
                self._note_once(f"the shape of the pixels ({self._aspect}) could not be stored; MP4 keeps it")

    def _let_go(self) -> None:
        with suppress(av.FFmpegError, OSError, ValueError):  # the file is to be thrown away
            self._output.close()

    def _note_once(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            self._note(text)

    def _begin(self) -> None:
        """Open the file and everything in it, so that what cannot work fails now."""
        source = self._source
        try:
            self._output = av.open(
                f"file:{self.path}",
                "w",
                format=self._container.format,
                container_options=self._container_options(),
                metadata_errors="surrogateescape",
            )
            self._open = True
            self._output.metadata.update(kept_metadata(source.container.metadata))
            if source.info.container == "mpegts":
                self._output.metadata.update(service_metadata(source.path, source.stream.id, self._container, self._note_once))
            if self._container.chapters:
                self._output.set_chapters(source.container.chapters())
            self._stream = self._add_streams()
            self._output.start_encoding()
        except (av.FFmpegError, OSError, ValueError) as error:
            self.abort()
            raise self._error(error) from error
        except BaseException:
            self.abort()
            raise

    def _container_options(self) -> dict[str, str]:
        return _container_options(self._source, self._container, self.name, self._note_once)

    def _add_streams(self) -> VideoStream:
        """All streams, in the order of the source; returns that of the images."""
        source = self._source
        plans = plan_streams(source.info, source.container, self._container, self._note_once, self._settings.audio)
        earlier = [plan for plan in plans if plan.info.index < source.info.video_index]
        for plan in earlier:
            self._add_other(plan, source)
        stream = self._add_images()
        for plan in plans[len(earlier) :]:
            self._add_other(plan, source)
        return stream

    def _add_other(self, plan: StreamPlan, source: VideoReader) -> None:
        original = source.container.streams[plan.info.index]
        if plan.how in ("repack", "encode") and isinstance(original, AudioStream):
            become = RepackedSound if plan.how == "repack" else EncodedSound
            sound = self._copied[plan.info.index] = become(original, self._output, plan.codec)
            sound.stream.disposition = original.disposition
            sound.stream.metadata.update(kept_metadata(original.metadata))
        elif plan.how in ("copy", "convert"):
            self._copied[plan.info.index] = CopiedStream(plan, original, self._output, self._container)
        elif plan.how == "attach":
            data = source.attached_pictures().get(plan.info.index)
            if data is not None:
                suffix = {"mjpeg": "jpg"}.get(plan.info.codec, plan.info.codec)
                mime = {"mjpeg": "jpeg"}.get(plan.info.codec, plan.info.codec)
                name = original.metadata.get("filename", f"cover.{suffix}")
                self._output.add_attachment(name, original.metadata.get("mimetype", f"image/{mime}"), data)

    def _add_images(self) -> VideoStream:
        info, encoding = self._info, self._encoding
        if encoding.word == "av1":
            os.environ.setdefault("SVT_LOG", "0")  # SVT-AV1 prints to standard error by itself; 0: only what is fatal
        rate = (info.average_rate or _RATE).limit_denominator(1001000)
        stream = self._output.add_stream(encoding.codec, rate=rate, options=dict(encoding.options))
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.height, context.width = self.size
        context.pix_fmt = encoding.pix_fmt
        context.time_base = stream.time_base = info.time_base
        context.colorspace, context.color_range = self.colour.colorspace, self.colour.color_range
        context.color_primaries, context.color_trc = self.colour.primaries, self.colour.transfer
        if self._aspect is not None:
            context.sample_aspect_ratio = self._aspect
        context.thread_type = "AUTO"  # by frame where it can: slices of a frame cost quality in H.264
        context.thread_count = self._settings.threads or 0
        context.flags |= Flags.frame_duration
        if encoding.word == "x265" and self._container.format in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # the form that Apple's players accept
        if info.display_matrix is not None:
            if self._container.rotation:
                stream.set_display_matrix(info.display_matrix)
            else:
                self._note_once(
                    f"the rotation by {info.rotation} degrees is not kept: {self._container.name} cannot hold it; .mkv can"
                )
        original = self._source.stream
        stream.disposition = original.disposition
        stream.metadata.update(kept_metadata(original.metadata, images_changed=True))
        if self._shape_is_added:
            stream.metadata["title"] = stream.metadata.get("title", "") + ROOM
        if encoding.layout.alpha and encoding.word == "vp9":
            stream.metadata["alpha_mode"] = "1"
        self._open_encoder(stream)
        return stream

    def _open_encoder(self, stream: VideoStream) -> None:
        encoding = self._encoding
        height, width = self.size
        try:
            stream.codec_context.open()
        except av.FFmpegError as error:
            options = " ".join(f"{name}={value}" for name, value in encoding.options.items())
            raise OutputError(
                f"{self.name}: {encoding.codec} refuses {width}x{height} pixels of {encoding.pix_fmt} with the options "
                f"{options} ({error.strerror})",
                remedy=either("leave some of them out", way("set ", Option("codec"), " to another")),
            ) from error
        finally:
            leave_real_time()
        unknown = sorted(set(stream.codec_context.options) & set(encoding.options))
        if unknown:
            raise OutputError(f"{self.name}: {encoding.codec} has no option {' or '.join(unknown)}")

    def _mux_images(self, packets: Sequence[Packet[VideoStream]]) -> None:
        for packet in packets:
            if packet.pts is not None:
                packet.duration = self._durations.pop(packet.pts, packet.duration)
            self._put(packet)

    def _put(self, packet: Packet[VideoStream]) -> None:
        """Write an encoded frame."""
        self._output.mux(packet)

    def _check_precision(self, frame: RawFrame) -> None:
        tick = self._container.tick
        if tick is not None and (frame.pts * frame.time_base / tick).denominator != 1:
            self._note_once(
                f"{self._container.name} keeps times to {float(1000 * tick):.3g} ms: those of the source, in units of "
                f"{float(1000 * frame.time_base):.3g} ms, are rounded to that"
            )

    def _tell_shift(self, item: CopiedPacket) -> None:
        """Say so if a stream begins before zero, and the container moves all of them until it does not."""
        time = item.packet.dts if self._container.from_zero else item.packet.pts
        kept = self._copied[item.index].keeps_priming or ("matroska" in self._info.container and not self._container.from_zero)
        if self._container.tick is None or time is None or time >= 0 or kept or item.index in self._before_zero:
            return
        self._before_zero.add(item.index)
        seconds = -time * item.packet.time_base
        self._note_once(
            f"{self._info.streams[item.index]} begins {float(seconds):.3f} s before zero: {self._container.name} has "
            "no such times, so all streams begin that much later; MP4 keeps them"
        )

    def _error(self, error: Exception, index: int | None = None) -> OutputError:
        if isinstance(error, OSError) and error.errno is not None and error.errno > 0 and not isinstance(error, ValueError):
            return output_error(self.name, error, self.path)
        reason = getattr(error, "strerror", None) or str(error)
        if index is not None:
            return OutputError(
                f"{self.name}: {self._info.streams[index]} cannot be copied into {self._container.name} ({reason})",
                remedy="write .mkv instead",
            )
        return OutputError(f"{self.name}: cannot be written: {reason}")


def _move(packet: Packet[Stream], seconds: Fraction) -> None:
    """Let a packet come so much later."""
    ticks = round(seconds / packet.time_base) if seconds else 0
    packet.pts = None if packet.pts is None else packet.pts + ticks
    packet.dts = None if packet.dts is None else packet.dts + ticks


def _container_options(source: VideoReader, container: VideoContainer, name: Path, note: Notes) -> dict[str, str]:
    """FFmpeg's options for the container: exact times, and all metadata."""
    if container.format == "mpegts":
        return {"mpegts_copyts": "1", "mpegts_m2ts_mode": "0" if name.suffix.lower() == ".ts" else "1"}
    if container.format not in ("mp4", "mov", "3gp"):
        return {}
    scale = source.info.time_base.denominator
    # The movie's own scale counts the offset of the first frame.
    options = {"movie_timescale": str(min(math.lcm(scale, 1000), _LARGEST_TIMESCALE)), "video_track_timescale": str(scale)}
    custom = custom_keys(kept_metadata(source.container.metadata))
    if custom and any(stream.kind == "image" for stream in source.info.streams):
        note(f"the entries {', '.join(custom)} are left out: {container.name} cannot hold them beside a cover; .mkv can")
    elif custom:
        options["movflags"] = "use_metadata_tags"
    return options
