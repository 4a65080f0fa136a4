"""Opening a video and finding out what it is: its streams, its tags, and what only the first decoded frame tells."""

from __future__ import annotations

import re
import struct
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
from av.codec.context import CodecContext
from av.container import InputContainer
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from upframe.errors import InputError
from upframe.media.notes import Notes
from upframe.media.video.chroma import chroma_location
from upframe.media.video.colour import UNSPECIFIED, ColourCodes, ColourTags, read_tags
from upframe.media.video.info import (
    ContentLight,
    HdrMetadata,
    MasteringDisplay,
    PixelLayout,
    StreamInfo,
    StreamKind,
    VideoInfo,
)
from upframe.media.video.opening import names_other_files, open_container
from upframe.media.video.planes import nearest_layout
from upframe.regular import refuse_irregular
from upframe.remedies import Option, way

MAX_PIXELS = 2 * 8192 * 8192
"""The largest frame that is decoded unless a higher limit is given."""

_STILL = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_KINDS: dict[str, StreamKind] = {"audio": "audio", "subtitle": "subtitle", "attachment": "attachment", "data": "data"}
_FASTEST = 1000
_INTERLACED_ORDERS = (2, 3, 4, 5)
_IMAGE_CODECS = ("ffv1", "huffyuv", "ffvhuff", "utvideo", "rawvideo", "png", "tiff", "qtrle", "gif", "mjpeg", "targa", "bmp")
"""Whose grey samples use all codes when nothing is said, as those of images do."""


def open_video(path: Path) -> InputContainer:
    """Open a file's container. Raises InputError for what is missing, empty, unreadable, cut short or no video at all."""
    refuse_irregular(path)
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise InputError(f"{path}: {_reason(error)}") from error
    if not head:
        raise InputError(f"{path}: the file is empty (0 bytes)")
    if names_other_files(head):
        raise InputError(f"{path}: is a playlist, not a video: it only names others, which are not opened", remedy="give those")
    try:
        container = open_container(path)
    except av.FFmpegError as error:
        if head[4:8] in (b"ftyp", b"mdat", b"wide", b"free", b"skip"):
            raise InputError(
                f"{path}: the file is cut short: its index (the moov box, written last) is missing, so no frame can be found",
                remedy="get a whole copy",
            ) from error
        raise InputError(f"{path}: is not a video, or is one in an unknown format") from error
    name = container.format.name
    if name.endswith("_pipe") or name == "tty":
        container.close()
        raise InputError(f"{path}: is {'text' if name == 'tty' else 'an image'}, not a video")
    return container


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "is a folder, not a video"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return f"cannot be read: {error.strerror or error}"


def is_still(stream: Stream) -> bool:
    """Whether a video stream is a cover or thumbnail."""
    return stream.type == "video" and bool(stream.disposition & _STILL)


def has_decoder(stream: Stream) -> bool:
    """Whether PyAV can decode a stream; its stubs do not say that some have no context."""
    context: CodecContext | None = stream.codec_context
    return context is not None


def choose_video(path: Path, container: InputContainer, max_pixels: int, note: Notes) -> VideoStream:
    """The stream whose images are the video. Raises InputError if there is none that can be decoded within the limit."""
    videos = [stream for stream in container.streams.video if not is_still(stream)]
    if not videos:
        held = sorted(
            {{"audio": "sound", "subtitle": "subtitles"}.get(stream.type, stream.type) for stream in container.streams}
        )
        what = " and ".join(kind for kind in held if kind != "video") or "nothing"
        cover = " but a cover" if container.streams.video else ""
        raise InputError(f"{path}: holds {what} but no video{cover}")
    decodable = [stream for stream in videos if has_decoder(stream)]
    if not decodable:
        raise InputError(f"{path}: its frames are in a codec that PyAV cannot decode")
    best = container.streams.best("video")
    chosen = best if isinstance(best, VideoStream) and best in decodable else max(decodable, key=_area)
    if len(videos) > 1:
        others = " and ".join(str(stream.index) for stream in videos if stream is not chosen)
        note(f"{len(videos)} video streams: stream {chosen.index} is upscaled, stream {others} copied as it is")
    if _area(chosen) > max_pixels:
        raise InputError(
            f"{path}: {chosen.codec_context.width}x{chosen.codec_context.height} pixels are more than the limit of "
            f"{max_pixels:,}",
            remedy=way("if you trust the file, raise the limit with ", Option("max_pixels", _area(chosen))),
        )
    return chosen


def _area(stream: VideoStream) -> int:
    return stream.codec_context.width * stream.codec_context.height


def container_aspect(stream: VideoStream) -> Fraction | None:
    """The shape of pixels that the container states, over what the codec does. To be asked before anything is decoded."""
    shape = stream.sample_aspect_ratio
    return shape if shape and shape != stream.codec_context.sample_aspect_ratio else None


def describe_video(
    path: Path, container: InputContainer, stream: VideoStream, frame: VideoFrame, aspect: Fraction | None
) -> VideoInfo:
    """All that is known once the first frame has been decoded. Raises InputError for samples of an unsupported kind.

    aspect: ``container_aspect``.
    """
    try:
        layout = nearest_layout(frame.format.name)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    side_data = frame_side_data(frame)
    time_base = stream.time_base or Fraction(1, 1000)
    start = (frame.pts or 0) * time_base  # not frame.time, whose clock some decoders leave unset
    frames, exact = _count(stream, container, start)
    codec = stream.codec_context.codec.canonical_name
    return VideoInfo(
        path=path,
        container=container.format.name,
        codec=codec,
        width=frame.width,
        height=frame.height,
        source_format=frame.format.name,
        layout=layout,
        colour=frame_colour(container_codes(stream), codec, frame, layout),
        time_base=time_base,
        frames=frames,
        frames_exact=exact,
        duration=_duration(stream, container, start),
        start_time=None if frame.pts is None else frame.pts * time_base,
        average_rate=_rate(stream),
        sample_aspect_ratio=aspect or stream.codec_context.sample_aspect_ratio or None,
        display_matrix=display_matrix_of(side_data),
        rotation=frame.rotation,
        interlaced=frame.interlaced_frame or stream.codec_context.field_order in _INTERLACED_ORDERS,
        hdr=_hdr(side_data),
        video_index=stream.index,
        streams=tuple(stream_info(each) for each in container.streams),
    )


def frame_side_data(frame: VideoFrame) -> dict[SideDataType, bytes]:
    """What accompanies a frame, by kind; empty if it is of a kind PyAV does not know, which keeps it from listing any."""
    try:
        # Not frame.side_data: the frame would keep the list that keeps the frame, until the garbage collector comes by.
        container = SideDataContainer(frame)  # type: ignore[call-arg]  # missing in PyAV's stubs
        return {container[index].type: bytes(container[index]) for index in range(len(container))}
    except ValueError:
        return {}


def display_matrix_of(side_data: dict[SideDataType, bytes]) -> tuple[int, ...] | None:
    """The nine numbers by which a player turns a frame; None for none."""
    matrix = side_data.get(SideDataType.DISPLAYMATRIX)
    return struct.unpack("=9i", matrix) if matrix is not None and len(matrix) == 36 else None


def stream_info(stream: Stream) -> StreamInfo:
    """What a stream says of itself."""
    kind: StreamKind = (
        "image" if is_still(stream) else "video" if stream.type == "video" else _KINDS.get(stream.type, "unknown")
    )
    codec = stream.codec_context.codec.canonical_name if has_decoder(stream) else getattr(stream, "name", None)
    if kind == "attachment":
        codec = stream.metadata.get("filename", codec)
    language = stream.language if stream.language not in (None, "und") else None
    return StreamInfo(
        stream.index, kind, codec or "unknown codec", language, stream.metadata.get("title") or stream.metadata.get("name")
    )


def _rate(stream: VideoStream) -> Fraction | None:
    """Frames a second on average; None where FFmpeg took the ticks of the clock for frames."""
    return next((rate for rate in (stream.average_rate, stream.guessed_rate) if rate and rate <= _FASTEST), None)


def _duration(stream: VideoStream, container: InputContainer, start: Fraction) -> Fraction | None:
    """Seconds from the first frame to the end. Matroska has the time of the end as a tag, or that of all streams."""
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    tag = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))
    if tag:
        end = int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3])
    elif container.duration:
        end = Fraction(container.duration, av.time_base)
    else:
        return None
    from_zero = container.format.name.startswith("matroska")
    return max(end - start, Fraction(0)) if from_zero else end


def _count(stream: VideoStream, container: InputContainer, start: Fraction) -> tuple[int | None, bool]:
    """How many frames there are, and if that is certain: the index of an MP4 lists each, and marks those an edit cuts off."""
    if stream.frames and "mp4" in container.format.name and len(stream.index_entries) == stream.frames:
        return sum(not entry.is_discard for entry in stream.index_entries), True
    stated = stream.frames or int(stream.metadata.get("NUMBER_OF_FRAMES", "0"))
    if stated:
        return stated, False
    duration, rate = _duration(stream, container, start), _rate(stream)
    return (round(duration * rate), False) if duration and rate else (None, False)


def container_codes(stream: VideoStream) -> ColourCodes:
    """The colours that the container states, or the decoder has found so far."""
    context = stream.codec_context
    return ColourCodes(context.colorspace, context.color_primaries, context.color_trc, context.color_range)


def frame_colour(container: ColourCodes, codec: str, frame: VideoFrame, layout: PixelLayout) -> ColourTags:
    """The frame's tags, else the container's: some codecs carry none of their own."""
    kind: Literal["yuv", "rgb", "grey"] = "rgb" if layout.rgb else "grey" if layout.grey else "yuv"
    full = "yuvj" in frame.format.name or kind == "rgb" or (kind == "grey" and codec in _IMAGE_CODECS)
    codes = ColourCodes(
        _stated(frame.colorspace, container.colorspace),
        _stated(frame.color_primaries, container.primaries),
        _stated(frame.color_trc, container.transfer),
        frame.color_range or container.color_range,
    )
    return read_tags(
        codes,
        chroma_location=chroma_location(frame) or ("center" if "yuvj" in frame.format.name and layout.sub_y else "left"),
        kind=kind,
        full_if_untagged=full,
        width=frame.width,
        height=frame.height,
    )


def _stated(of_frame: int, of_container: int) -> int:
    return of_container if of_frame == UNSPECIFIED else of_frame


def _hdr(side_data: dict[SideDataType, bytes]) -> HdrMetadata | None:
    mastering = _mastering_display(side_data.get(SideDataType.MASTERING_DISPLAY_METADATA, b""))
    light = _content_light(side_data.get(SideDataType.CONTENT_LIGHT_LEVEL, b""))
    return HdrMetadata(mastering, light) if mastering or light else None


def _mastering_display(raw: bytes) -> MasteringDisplay | None:
    """From FFmpeg's AVMasteringDisplayMetadata: ten fractions, red first, then two flags."""
    if len(raw) < 88:
        return None
    numbers = struct.unpack_from("=22i", raw)
    if not (numbers[20] and numbers[21]) or 0 in numbers[1:20:2]:
        return None
    values = [Fraction(numerator, denominator) for numerator, denominator in zip(numbers[:20:2], numbers[1:20:2], strict=True)]
    red, green, blue, white = ((values[at], values[at + 1]) for at in (0, 2, 4, 6))
    return MasteringDisplay(red, green, blue, white, min_luminance=values[8], max_luminance=values[9])


def _content_light(raw: bytes) -> ContentLight | None:
    if len(raw) < 8:
        return None
    content, average = struct.unpack_from("=2I", raw)
    return ContentLight(content, average) if content or average else None
