"""What becomes of a film's other streams: copied as they are, converted, or left out, with a word about why."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from upframe.media.films.containers import FilmContainer
from upframe.media.films.film import FilmInfo, Notes, StreamInfo
from upframe.media.films.subtitles import HEADER, TEXT_CODECS, converted

_QUICKTIME_LANGUAGES = {"fre": "fra", "deu": "ger", "nld": "dut", "swe": "sve", "ell": "gre", "isl": "ice"}
"""Where ISO 639-2 has two codes, the one under which FFmpeg finds QuickTime's number of the language."""
_AAC_PRIMING = 1024
"""Samples that FFmpeg's AAC encoder, and many others, put before the first one."""
_AAC_CHANNELS = (1, 2, 3, 4, 5, 6, 8)
How = Literal["copy", "attach", "convert", "leave"]
_OF_THE_OLD_FILE = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "vendor_id", "alpha_mode"}
_OF_THE_OLD_PICTURES = ("bps", "number_of_frames", "number_of_bytes", "_statistics", "rotate")
_MOV_NAMES = """
    title artist author album_artist composer album date year comment genre copyright grouping lyrics description synopsis
    show episode_id network keywords episode_sort season_number media_type hd_video gapless_playback compilation track disc
    tmpo creation_time location location-eng timecode encoding_tool
"""
_MOV_KEYS = frozenset(_MOV_NAMES.split())
"""What MP4 has a place for without custom keys."""


@dataclass(slots=True)
class StreamPlan:
    """One stream of the source, and what is done with it."""

    info: StreamInfo
    how: How


def plan_streams(info: FilmInfo, source: InputContainer, container: FilmContainer, note: Notes) -> list[StreamPlan]:
    """Decide for every stream but the enlarged one, before anything is written."""
    plans = []
    for stream in info.streams:
        if stream.index != info.video_index:
            how = _decide(stream, info, source, container)
            plans.append(StreamPlan(stream, how))
            place = "; .mkv can" if container.format != "matroska" and stream.kind not in ("data", "unknown") else ""
            if how == "convert":
                place = "" if stream.codec == "mov_text" else place
                note(f"{stream} becomes {container.text}, without styling: {container.name} cannot hold it as it is{place}")
            elif how == "leave" and not _made_anew(stream, info, source):
                note(f"{stream} is left out: {container.name} cannot hold it{place}")
    if source.chapters() and not container.chapters:
        note(f"{len(source.chapters())} chapters are left out: {container.name} cannot hold them; .mkv can")
    return plans


def _decide(stream: StreamInfo, info: FilmInfo, source: InputContainer, container: FilmContainer) -> How:
    if stream.kind in ("attachment", "picture") and container.attachments:
        return "copy" if stream.kind == "attachment" else "attach"
    if stream.kind == "attachment" or (stream.kind == "picture" and not container.covers) or _made_anew(stream, info, source):
        return "leave"
    allowed = container.only is None or stream.codec in container.only
    if allowed and _can_hold(container, source.streams[stream.index]):
        return "copy"
    if stream.kind == "subtitle" and stream.codec in TEXT_CODECS and container.text is not None:
        return "convert"
    return "leave"


def _made_anew(stream: StreamInfo, info: FilmInfo, source: InputContainer) -> bool:
    """Whether a data stream holds what is written anyway: the chapters of an MP4, or the time code of its pictures."""
    if stream.kind != "data" or "mp4" not in info.container:
        return False
    data = source.streams[stream.index]
    chapters = len(source.chapters())
    return "timecode" in data.metadata or (bool(chapters) and data.frames == chapters)


def _can_hold(container: FilmContainer, stream: Stream) -> bool:
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

    def __init__(self, plan: StreamPlan, source: Stream, target: OutputContainer, container: FilmContainer) -> None:
        self._codec = plan.info.codec
        self.keeps_priming = container.format == "matroska" and _has_aac_priming(source)
        self._text = container.text if plan.how == "convert" else None
        self._is_picture = plan.info.kind == "picture"
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
        if self._is_picture and packet.pts is None:
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


def kept_metadata(metadata: dict[str, str], *, pictures_changed: bool = False) -> dict[str, str]:
    """The entries that are still true of the result; fewer for the stream whose pictures are new."""
    return {
        key: value
        for key, value in _titled(metadata).items()
        if key.lower() not in _OF_THE_OLD_FILE and not (pictures_changed and key.lower().startswith(_OF_THE_OLD_PICTURES))
    }


def _titled(metadata: dict[str, str]) -> dict[str, str]:
    """With the title of an MP4's track, which FFmpeg reads as its name, under the word it is written by."""
    return {("title" if key == "name" and "title" not in metadata else key): value for key, value in metadata.items()}


def custom_keys(metadata: dict[str, str]) -> list[str]:
    """The entries that an MP4 holds only under keys of its own, as phones write them."""
    return [key for key in metadata if key.lower() not in _MOV_KEYS]
