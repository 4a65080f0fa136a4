"""Real videos made on the spot, videos copied frame by frame, and what a player would find in them."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition, Stream
from av.subtitles.stream import SubtitleStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from upframe.media.video.info import CopiedPacket, Plane, RawFrame
from upframe.media.video.planes import layout_of, make_frame, nearest_layout
from upframe.media.video.probe import frame_side_data, has_decoder
from upframe.media.video.reader import VideoReader
from upframe.media.video.subtitles import HEADER
from upframe.media.video.writer import EncoderSettings, VideoWriter

WIDTH, HEIGHT = 64, 48
NO_DISPOSITION = Disposition(0)
FONT = b"\x00\x01\x00\x00 not really a font" * 40
CLOCK = Fraction(1, 90000)
QUIET = {"libx265": {"x265-params": "log-level=none"}}


def steady(count: int, *, rate: int = 25, start: int = 0) -> list[int]:
    """Times of frames at a constant rate, in units of CLOCK."""
    step = int(1 / (rate * CLOCK))
    return [start + step * index for index in range(count)]


def uneven(count: int, *, start: int = 0) -> list[int]:
    """Times as a phone writes them: one long gap, the rest jittering."""
    random = np.random.default_rng(7)
    steps = [16610, *random.integers(1500, 6000, count - 2).tolist()]
    return [start, *(start + int(sum(steps[:index])) for index in range(1, count))]


@dataclass
class Sound:
    """A track of tones in two channels, or one, with a language and a title. start: seconds."""

    codec: str = "aac"
    rate: int = 48000
    channels: int = 2
    language: str = "eng"
    title: str = ""
    disposition: Disposition = NO_DISPOSITION
    start: Fraction = Fraction(0)


@dataclass
class Video:
    """A video to be made. ``images`` gives the planes of frame i; a moving pattern if there is none."""

    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    size: tuple[int, int] = (HEIGHT, WIDTH)
    times: Sequence[int] = field(default_factory=lambda: steady(12))
    last_duration: int | None = None
    time_base: Fraction = CLOCK
    rate: Fraction = Fraction(25)
    options: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    sounds: Sequence[Sound] = ()
    subtitles: str | None = None
    chapters: int = 0
    fonts: int = 0
    cover: bool = False
    rotation: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)
    images: Callable[[int], Sequence[Plane]] | None = None

    def make(self, path: Path) -> Path:
        """Write it, and return the path."""
        with av.open(str(path), "w", container_options=dict(self.container_options)) as output:
            video = self._add_video(output)
            tracks = [_add_sound(output, sound) for sound in self.sounds]
            text = _add_subtitles(output, self.subtitles) if self.subtitles else None
            output.metadata.update(self.metadata)
            output.set_chapters([_chapter(index) for index in range(self.chapters)])
            for index in range(self.fonts):
                output.add_attachment(f"font{index}.ttf", "application/x-truetype-font", FONT)
            if self.cover and path.suffix == ".mkv":
                output.add_attachment("cover.jpg", "image/jpeg", jpeg())
            cover = output.add_mux_stream("mjpeg", width=16, height=16) if self.cover and path.suffix != ".mkv" else None
            if cover is not None:
                cover.disposition = Disposition.attached_pic
            output.start_encoding()
            if cover is not None:
                output.mux(_packet(jpeg(), cover, 0, 0))
            if text is not None:
                for index in range(3):
                    output.mux(_packet(_subtitle(index, self.subtitles or ""), text, 100 * index, 80))
            for track, sound in zip(tracks, self.sounds, strict=True):
                _play(output, track, sound.start, seconds=float(self.time_base * (self.times[-1] - self.times[0])) + 0.04)
            self._video(output, video)
        return path

    def frame(self, index: int) -> VideoFrame:
        """Frame ``index`` as it goes into the encoder."""
        layout = nearest_layout(self.pix_fmt)
        height, width = self.size
        if self.images is not None:
            planes: Sequence[Plane] = self.images(index)
        else:
            planes = [pattern(index, plane, layout.shape(plane, height, width), layout.depth) for plane in range(layout.planes)]
        frame = make_frame(planes, layout)
        if layout_of(self.pix_fmt) != layout:
            frame = frame.reformat(format=self.pix_fmt)
        frame.pts, frame.time_base = self.times[index], self.time_base
        for name in ("colorspace", "color_range", "color_primaries", "color_trc"):
            setattr(frame, name, self.attributes.get(name, getattr(frame, name)))
        return frame

    def _add_video(self, output: OutputContainer) -> VideoStream:
        options = QUIET.get(self.codec, {}) | dict(self.options)
        stream = output.add_stream(self.codec, rate=self.rate, options=options)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = self.size
        stream.pix_fmt = self.pix_fmt
        stream.codec_context.time_base = stream.time_base = self.time_base
        stream.codec_context.thread_count = 1
        for name, value in self.attributes.items():
            setattr(stream.codec_context, name, value)
        if self.rotation:
            stream.set_display_rotation(self.rotation)
        return stream

    def _video(self, output: OutputContainer, stream: VideoStream) -> None:
        times = [*self.times, self.times[-1] + (self.last_duration or int(1 / (25 * self.time_base)))]
        durations = {time: following - time for time, following in pairwise(times)}
        for index in range(len(self.times) + 1):
            for packet in stream.encode(self.frame(index) if index < len(self.times) else None):
                packet.duration = durations.get(packet.pts or 0, packet.duration)
                output.mux(packet)


def pattern(index: int, plane: int, shape: tuple[int, int], depth: int) -> NDArray[Any]:
    """Slopes that move from frame to frame, within the limited range of 8 bits, scaled to the depth."""
    rows, columns = np.indices(shape)
    values = 32 + (rows * 2 + columns * (plane + 1) + index * 9) % 160
    return (values << (depth - 8)).astype(np.uint8 if depth == 8 else np.uint16)


def noise(index: int) -> list[Plane]:
    """The planes of a 4:2:0 image that no encoder makes small, so that a short video is a large file."""
    random = np.random.default_rng(index)
    return [random.integers(16, 236, shape, np.uint8) for shape in ((HEIGHT, WIDTH), *((HEIGHT // 2, WIDTH // 2),) * 2)]


def jpeg() -> bytes:
    """A small red image."""
    file = io.BytesIO()
    PIL.Image.new("RGB", (16, 16), (200, 30, 30)).save(file, "JPEG")
    return file.getvalue()


def _add_sound(output: OutputContainer, sound: Sound) -> AudioStream:
    options = {"strict": "experimental"} if sound.codec == "vorbis" else {}
    stream = output.add_stream(sound.codec, rate=sound.rate, options=options)
    assert isinstance(stream, AudioStream)
    if sound.codec.startswith("wma"):
        stream.codec_context.bit_rate = 128000
    stream.codec_context.layout = "stereo" if sound.channels == 2 else "mono"
    stream.metadata.update({"language": sound.language, "title": sound.title})
    stream.disposition = sound.disposition
    return stream


def _play(output: OutputContainer, stream: AudioStream, start: Fraction, seconds: float) -> None:
    rate, channels = stream.rate, stream.layout.nb_channels
    for index in range(int(seconds * rate / 1024) + 1):
        tone = np.sin((np.arange(1024) + 1024 * index) * (0.05 + 0.01 * stream.index)) * 0.3
        codes = np.repeat((tone * 32767).astype(np.int16), channels)[None]
        frame = AudioFrame.from_ndarray(codes, format="s16", layout=stream.layout.name)
        frame.sample_rate, frame.pts = rate, 1024 * index + round(start * rate)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def _add_subtitles(output: OutputContainer, codec: str) -> SubtitleStream:
    stream = output.add_stream(codec)
    assert isinstance(stream, SubtitleStream)
    stream.codec_context.subtitle_header = HEADER
    stream.time_base = Fraction(1, 1000)
    stream.metadata["language"] = "fre"
    return stream


def _subtitle(index: int, codec: str) -> bytes:
    text = f"<i>Ligne {index}</i>\nété".encode()
    if codec == "mov_text":
        text = f"Ligne {index}\nété".encode()
        return struct.pack(">H", len(text)) + text
    if codec == "ass":
        return f"{index},0,Default,,0,0,0,,{{\\an8}}Ligne {index}\\Nété".encode()
    return text


def _packet(payload: bytes, stream: Stream, pts: int, duration: int) -> Packet[Stream]:
    packet: Packet[Stream] = Packet(payload)
    packet.pts = packet.dts = pts
    packet.duration = duration
    packet.time_base = Fraction(1, 1000)
    packet.is_keyframe = True
    packet.stream = stream
    return packet


def _chapter(index: int) -> Any:
    start = 160 * index
    return {
        "id": index + 1,
        "start": start,
        "end": start + 160,
        "time_base": Fraction(1, 1000),
        "metadata": {"title": f"Chapter {index + 1}"},
    }


def upscale(
    source: Path,
    target: Path,
    settings: EncoderSettings | None = None,
    *,
    scale: int = 1,
    size: tuple[int, int] | None = None,
    allow_truncated: bool = False,
) -> list[str]:
    """Read a video and write it, each sample ``scale`` times in both directions; returns what the user is told.

    Where the layout changes, or a ``size`` (height, width) is given, the images are flat: only the frames count.
    """
    notes: list[str] = []
    with VideoReader(source, on_note=notes.append, allow_truncated=allow_truncated, threads=1) as reader:
        height, width = size or (reader.info.height * scale, reader.info.width * scale)
        with VideoWriter(target, reader, (height, width), settings, on_note=notes.append) as writer:
            for item in reader:
                if isinstance(item, CopiedPacket):
                    writer.copy(item)
                    continue
                if writer.layout == reader.info.layout and size is None:
                    planes = tuple(
                        plane.repeat(scale, 0).repeat(scale, 1)[slice(rows), slice(columns)]
                        for index, plane in enumerate(item.planes)
                        for rows, columns in [writer.layout.shape(index, height, width)]
                    )
                else:
                    planes = tuple(
                        np.full(writer.layout.shape(index, height, width), 1 << (writer.layout.depth - 1), writer.layout.dtype)
                        for index in range(writer.layout.planes)
                    )
                writer.write(RawFrame(planes, item.pts, item.time_base, item.duration, item.index))
    return notes


@dataclass(frozen=True)
class FoundStream:
    """A stream as ``ffprobe`` would list it."""

    kind: str
    codec: str
    language: str | None
    title: str | None
    disposition: Disposition
    packets: int
    content: str
    times: tuple[Fraction, ...]


@dataclass(frozen=True)
class Found:
    """A video as ``ffprobe`` would describe it. frames: time and duration in seconds; samples: a digest of each image."""

    codec: str
    size: tuple[int, int]
    pix_fmt: str
    time_base: Fraction
    frames: list[tuple[Fraction, Fraction]]
    samples: list[str]
    colours: tuple[int, int, int, int]
    aspect: Fraction | None
    side_data: dict[SideDataType, bytes]
    rotation: int
    metadata: dict[str, str]
    video_metadata: dict[str, str]
    chapters: list[tuple[Fraction, Fraction, str]]
    streams: list[FoundStream]
    ends: Fraction | None

    @property
    def times(self) -> list[Fraction]:
        return [time for time, _ in self.frames]


def describe(path: Path) -> Found:
    """Decode a video from start to end, without any code of Upframe's."""
    with av.open(str(path)) as container:
        video = next(stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic)
        decoded = [frame for frame in _decode(path, video.index) if isinstance(frame, VideoFrame)]
        first, unit = decoded[0], video.time_base or Fraction(1)
        context = video.codec_context
        colours = tuple(
            of_stream if of_frame == unknown else of_frame
            for of_frame, of_stream, unknown in (
                (first.colorspace, context.colorspace, 2),
                (first.color_primaries, context.color_primaries, 2),
                (first.color_trc, context.color_trc, 2),
                (first.color_range, context.color_range, 0),
            )
        )
        return Found(
            codec=context.codec.canonical_name,
            size=(first.height, first.width),
            pix_fmt=first.format.name,
            time_base=unit,
            frames=[((frame.pts or 0) * unit, frame.duration * unit) for frame in decoded],
            samples=[_digest(b"".join(bytes(row) for row in _rows(frame))) for frame in decoded],
            colours=(colours[0], colours[1], colours[2], colours[3]),
            aspect=video.sample_aspect_ratio,
            side_data=frame_side_data(first),
            rotation=first.rotation,
            metadata={key.lower(): value for key, value in container.metadata.items()},
            video_metadata={key.lower(): value for key, value in video.metadata.items()},
            chapters=[_found_chapter(chapter) for chapter in container.chapters()],
            streams=[_found_stream(path, stream) for stream in container.streams if stream is not video],
            ends=((video.start_time or 0) + video.duration) * unit if video.duration else None,
        )


def samples_of(path: Path) -> list[tuple[Plane, ...]]:
    """The planes of every frame."""
    with VideoReader(path, threads=1) as reader:
        return [item.planes for item in reader if isinstance(item, RawFrame)]


def samples(path: Path) -> NDArray[Any]:
    """All samples of the first sound: (samples, channels), as they are decoded."""
    with av.open(str(path)) as video:
        frames = list(video.decode(video.streams.audio[0]))
    channels = frames[0].layout.nb_channels
    parts = [frame.to_ndarray() for frame in frames]
    return np.concatenate(
        [part.T if frame.format.is_planar else part.reshape(-1, channels) for frame, part in zip(frames, parts, strict=True)]
    )


def _decode(path: Path, index: int) -> list[Any]:
    with av.open(str(path)) as video:
        return list(video.decode(video.streams[index]))


def _rows(frame: VideoFrame) -> list[bytes]:
    return [plane.tobytes() for plane in (frame.to_ndarray(),)] if frame.format.name in _PRINTABLE else []


_PRINTABLE = ("yuv420p", "yuv422p", "yuv444p", "gray", "gbrp", "yuv420p10le", "yuv422p10le", "rgb24")


def _digest(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()[:16]


def _found_chapter(chapter: Any) -> tuple[Fraction, Fraction, str]:
    unit = chapter["time_base"]
    return chapter["start"] * unit, chapter["end"] * unit, chapter["metadata"].get("title", "")


def _found_stream(path: Path, stream: Stream) -> FoundStream:
    payloads, times = [], []
    with av.open(str(path)) as video:
        for packet in _packets(video, stream):
            payloads.append(bytes(packet))
            times.append((packet.pts or 0) * packet.time_base)
    data = getattr(stream, "data", None) if stream.type == "attachment" else None
    content = _digest(data if data is not None else b"".join(payloads))
    codec = stream.codec_context.codec.canonical_name if has_decoder(stream) else str(getattr(stream, "name", ""))
    kind = "image" if stream.disposition & Disposition.attached_pic else stream.type
    title = stream.metadata.get("title") or stream.metadata.get("filename")
    return FoundStream(kind, codec, stream.language, title, stream.disposition, len(payloads), content, tuple(times))


def _packets(video: InputContainer, stream: Stream) -> list[Packet[Stream]]:
    if stream.type == "attachment":
        return []
    return [packet for packet in video.demux(video.streams[stream.index]) if packet.size]
