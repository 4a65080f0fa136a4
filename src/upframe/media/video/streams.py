"""What becomes of a video's other streams: copied as they are, converted, or left out, with a word about why."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Literal, cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream
from av.video.stream import VideoStream

from upframe.errors import InputError, OutputError
from upframe.media.notes import Notes
from upframe.media.video.containers import CONTAINER_OF_SUFFIX, VideoContainer, result_suffix
from upframe.media.video.info import StreamInfo, VideoInfo
from upframe.media.video.opening import is_known
from upframe.media.video.probe import has_decoder, open_video, stream_info
from upframe.media.video.sound import AudioMode, is_pcm, pcm_codec
from upframe.media.video.subtitles import HEADER, TEXT_CODECS, converted
from upframe.remedies import Option, either, leave_out, way

_QUICKTIME_LANGUAGES = {"fre": "fra", "deu": "ger", "nld": "dut", "swe": "sve", "ell": "gre", "isl": "ice"}
"""Where ISO 639-2 has two codes, the one under which FFmpeg finds QuickTime's number of the language."""
_AAC_PRIMING = 1024
"""Samples that FFmpeg's AAC encoder, and many others, put before the first one."""
_AAC_CHANNELS = (1, 2, 3, 4, 5, 6, 8)
How = Literal["copy", "attach", "convert", "repack", "encode", "leave"]
_OF_THE_OLD_FILE = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "vendor_id", "alpha_mode"}
_OF_THE_OLD_IMAGES = ("bps", "number_of_frames", "number_of_bytes", "_statistics", "rotate")
_MOV_NAMES = """
    title artist author album_artist composer album date year comment genre copyright grouping lyrics description synopsis
    show episode_id network keywords episode_sort season_number media_type hd_video gapless_playback compilation track disc
    tmpo creation_time location location-eng timecode encoding_tool
"""
_MOV_KEYS = frozenset(_MOV_NAMES.split())
"""What MP4 has a place for without custom keys."""
_DRAWN = ("hdmv_pgs_subtitle", "dvb_subtitle", "dvd_subtitle", "xsub")
"""Subtitles that are images, as large as those of the video they were made for."""
_OTHER_SUFFIXES = (".mkv", ".mov", ".3gp")
"""What the result of a video becomes whose own kind cannot be written, or not with all its sound."""


@dataclass(slots=True)
class StreamPlan:
    """One stream of the source, and what is done with it. codec: FFmpeg's name of what its sound becomes."""

    info: StreamInfo
    how: How
    codec: str = ""


def plan_streams(
    info: VideoInfo, source: InputContainer, container: VideoContainer, note: Notes, audio: AudioMode = "auto"
) -> list[StreamPlan]:
    """Decide for every stream but the upscaled one, before anything is written.

    Raises OutputError if the container cannot hold what ``audio`` asks for.
    """
    plans = []
    for stream in info.streams:
        if stream.index != info.video_index:
            if stream.kind == "audio":
                plan = _plan_sound(stream, source, container, audio)
            else:
                plan = StreamPlan(stream, _decide(stream, info, source, container))
            plans.append(plan)
            told = None if _made_anew(stream, info, source) else _told(plan, source, container, audio)
            if told:
                note(told)
            if plan.how == "copy" and stream.codec in _DRAWN:
                images = cast(VideoStream, source.streams[info.video_index])
                size = f"{images.width}x{images.height}"
                note(f"{stream} is copied: it was drawn for {size} pixels, and players enlarge it with the images")
    if source.chapters() and not container.chapters:
        note(f"{len(source.chapters())} chapters are left out: {container.name} cannot hold them; .mkv can")
    return plans


def _plan_sound(stream: StreamInfo, source: InputContainer, container: VideoContainer, audio: AudioMode) -> StreamPlan:
    """Copied where it can be; else wrapped again without loss; else encoded; or what ``audio`` asks for."""
    sound = source.streams[stream.index]
    if not isinstance(sound, AudioStream) or not has_decoder(sound) or not is_known(sound):
        return StreamPlan(stream, "copy" if _holds(stream, sound, container) else "leave")
    if audio in ("auto", "copy") and _holds(stream, sound, container):
        return StreamPlan(stream, "copy")
    if audio == "copy":
        return StreamPlan(stream, "leave")
    if audio == "pcm" or (audio == "auto" and is_pcm(stream.codec) and container.lossless is not None):
        if container.lossless is None:
            raise OutputError(f"{container.name} holds no PCM sound", remedy=either("use .mkv or .mov", leave_out("audio")))
        if container.lossless == "pcm" or audio == "pcm":
            return StreamPlan(stream, "repack", pcm_codec(sound.codec_context))
        return StreamPlan(stream, "encode", container.lossless)
    codec = container.lossy if audio == "auto" else audio
    if codec not in _sound_of(container.format):
        another = way("set ", Option("audio"), " to another kind of sound")
        raise OutputError(f"{container.name} holds no {codec} sound", remedy=either("use .mkv", another))
    return StreamPlan(stream, "encode", codec)


@cache
def _sound_of(container_format: str) -> frozenset[str]:
    """Which of the codecs that sound can become a container (FFmpeg's name) takes."""
    found = set()
    for codec in ("aac", "opus"):
        with suppress(ValueError), av.open(io.BytesIO(), "w", format=container_format) as trial:
            trial.add_stream("libopus" if codec == "opus" else codec, rate=48000)
            found.add(codec)
    return frozenset(found)


def _told(plan: StreamPlan, source: InputContainer, container: VideoContainer, audio: AudioMode) -> str | None:
    """What a user should know of what becomes of a stream; None if nothing changes."""
    stream = plan.info
    if plan.how in ("copy", "attach"):
        return None
    place = _place(stream, source, container)
    if plan.how == "convert":
        place = "" if stream.codec == "mov_text" else place
        return f"{stream} becomes {container.text}, without styling: {container.name} cannot hold it as it is{place}"
    if plan.how in ("repack", "encode"):
        why = f"{container.name} cannot hold it as it is{place}" if audio == "auto" else "as asked for"
        kept = is_pcm(stream.codec) and plan.codec not in ("aac", "opus")
        return f"{stream} becomes {plan.codec}, {'every sample kept' if kept else 'encoded again'}: {why}"
    sound = source.streams[stream.index]
    if isinstance(sound, AudioStream) and not is_known(sound):
        return f"{stream} is left out: nothing of it was found at the start of the file, so too little is known about it"
    return f"{stream} is left out: {container.name} cannot hold it{place}"


def _place(stream: StreamInfo, source: InputContainer, container: VideoContainer) -> str:
    """Where a stream could go as it is: a container that takes it has been found by trying."""
    if stream.kind in ("data", "unknown"):
        return ""
    if stream.kind in ("attachment", "image"):
        return "" if container.attachments else "; .mkv can"
    for suffix in (".mkv", ".mov", ".mp4", ".3gp"):
        other = CONTAINER_OF_SUFFIX[suffix]
        if other is not container and _holds(stream, source.streams[stream.index], other):
            return f"; {suffix} can"
    return ""


def _holds(stream: StreamInfo, source: Stream, container: VideoContainer) -> bool:
    """Whether a container takes a stream as it is, and players find it there."""
    return (container.only is None or stream.codec in container.only) and _can_hold(container, source)


def holds_all_sound(path: Path, container: VideoContainer) -> bool:
    """Whether a container takes all sound of a video as it is, or without loss. Raises InputError as ``open_video`` does."""
    with open_video(path) as source:
        return all(
            _holds(info, stream, container) or (is_pcm(info.codec) and container.lossless is not None)
            for stream in source.streams.audio
            for info in [stream_info(stream)]
        )


def _decide(stream: StreamInfo, info: VideoInfo, source: InputContainer, container: VideoContainer) -> How:
    if stream.kind in ("attachment", "image") and container.attachments:
        return "copy" if stream.kind == "attachment" else "attach"
    if stream.kind == "attachment" or (stream.kind == "image" and not container.covers) or _made_anew(stream, info, source):
        return "leave"
    if _holds(stream, source.streams[stream.index], container):
        return "copy"
    if stream.kind == "subtitle" and stream.codec in TEXT_CODECS and container.text is not None:
        return "convert"
    return "leave"


def _made_anew(stream: StreamInfo, info: VideoInfo, source: InputContainer) -> bool:
    """Whether a data stream holds what is written anyway: the chapters of an MP4, or the time code of its images."""
    if stream.kind != "data" or "mp4" not in info.container:
        return False
    data = source.streams[stream.index]
    chapters = len(source.chapters())
    return "timecode" in data.metadata or (bool(chapters) and data.frames == chapters)


def _can_hold(container: VideoContainer, stream: Stream) -> bool:
    """Whether a container accepts a stream: found out by writing the beginning of a file with it, to nowhere."""
    try:
        trial = av.open(io.BytesIO(), "w", format=container.format)
        copy = trial.add_stream_from_template(stream, opaque=True)
        copy.disposition = stream.disposition
        trial.start_encoding()
        trial.close()
    except (av.FFmpegError, ValueError):
        return False
    return True


class CopiedStream:
    """A stream of the result whose packets come from the source."""

    def __init__(self, plan: StreamPlan, source: Stream, target: OutputContainer, container: VideoContainer) -> None:
        self._codec = plan.info.codec
        self.keeps_priming = container.format == "matroska" and _has_aac_priming(source)
        self._text = container.text if plan.how == "convert" else None
        self._is_image = plan.info.kind == "image"
        self._last_dts: int | None = None
        self._without_dts: list[Packet[Stream]] = []
        self.stream = self._add(source, target)
        if source.time_base:
            self.stream.time_base = source.time_base
        self.stream.disposition = source.disposition
        self.stream.metadata.update(kept_metadata(source.metadata))
        if container.format == "mov" and source.language in _QUICKTIME_LANGUAGES:
            self.stream.metadata["language"] = _QUICKTIME_LANGUAGES[source.language]

    def _add(self, source: Stream, target: OutputContainer) -> Stream:
        if self._text is not None:
            subtitles = target.add_stream(self._text)
            assert isinstance(subtitles, SubtitleStream)
            subtitles.codec_context.subtitle_header = HEADER
            return subtitles
        if self.keeps_priming and isinstance(source, AudioStream):
            # An encoder tells Matroska how many samples come before the first one to hear; a copied stream cannot. So an
            # encoder is opened and never used.
            sound = target.add_stream("aac", rate=source.rate, layout=source.layout.name)
            sound.codec_context.open()
            sound.codec_context.extradata = source.codec_context.extradata
            return sound
        return target.add_stream_from_template(source, opaque=True)

    def packets(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """What to write for a packet of the source: usually itself, with decoding times that never go back.

        Matroska has no decoding times. FFmpeg finds them after a few packets of a codec that reorders: the first ones wait.
        """
        if self._text is not None:
            return self._converted(packet, self._text)
        packet.stream = self.stream
        if self._is_image and packet.pts is None:
            packet.pts = packet.dts = 0
        if packet.dts is None:
            self._without_dts.append(packet)
            return []
        waiting, self._without_dts = self._without_dts, []
        dts = packet.dts
        for earlier in reversed(waiting):
            dts -= earlier.duration or 1
            earlier.dts = min(dts, earlier.pts if earlier.pts is not None else dts)
        return [self._ascending(each) for each in (*waiting, packet)]

    def remaining(self) -> list[Packet[Stream]]:
        """Packets that still wait at the end: they never had a decoding time, and are shown in the order they came."""
        for packet in self._without_dts:
            packet.dts = packet.pts
        return [self._ascending(packet) for packet in self._without_dts if packet.dts is not None]

    def _ascending(self, packet: Packet[Stream]) -> Packet[Stream]:
        if self._last_dts is not None and packet.dts is not None and packet.dts <= self._last_dts:
            packet.dts = self._last_dts + 1
            packet.pts = packet.dts if packet.pts is None else max(packet.pts, packet.dts)
        self._last_dts = packet.dts
        return packet

    def _converted(self, packet: Packet[Stream], text: Literal["mov_text", "subrip", "webvtt"]) -> list[Packet[Stream]]:
        payload = converted(bytes(packet), self._codec, text)
        if payload is None or packet.pts is None:
            return []
        new = Packet(payload)
        new.pts = new.dts = packet.pts
        new.duration = packet.duration
        new.time_base = packet.time_base
        new.stream = self.stream
        return [self._ascending(new)]


def _has_aac_priming(stream: Stream) -> bool:
    """Whether a stream is AAC of an MP4 that begins with the usual packet of 1024 samples before zero, not to be heard."""
    if not isinstance(stream, AudioStream) or stream.codec_context.codec.canonical_name != "aac":
        return False
    starts = len(stream.index_entries) > 0 and stream.index_entries[0].timestamp == -_AAC_PRIMING
    return starts and stream.time_base == Fraction(1, stream.rate) and stream.layout.nb_channels in _AAC_CHANNELS


def kept_metadata(metadata: dict[str, str], *, images_changed: bool = False) -> dict[str, str]:
    """The entries that are still true of the result; fewer for the stream whose images are new."""
    return {
        key: value
        for key, value in _titled(metadata).items()
        if key.lower() not in _OF_THE_OLD_FILE and not (images_changed and key.lower().startswith(_OF_THE_OLD_IMAGES))
    }


def _titled(metadata: dict[str, str]) -> dict[str, str]:
    """With the title of an MP4's track, which FFmpeg reads as its name, under the word it is written by."""
    return {("title" if key == "name" and "title" not in metadata else key): value for key, value in metadata.items()}


def custom_keys(metadata: dict[str, str]) -> list[str]:
    """The entries that an MP4 holds only under keys of its own, as phones write them."""
    return [key for key in metadata if key.lower() not in _MOV_KEYS]


def suitable_suffix(path: Path) -> str:
    """The suffix for the result of the video ``path``.

    Its own where that can be written; else .mkv, or the first that takes all its sound as it is. A file that cannot be opened
    is given .mkv: whoever reads it says what is wrong.
    """
    usual = result_suffix(path)
    if usual == path.suffix or usual not in _OTHER_SUFFIXES:
        return usual
    try:
        fitting = (suffix for suffix in _OTHER_SUFFIXES if holds_all_sound(path, CONTAINER_OF_SUFFIX[suffix]))
        return next(fitting, usual)
    except InputError:
        return usual
