"""The decoder of a video's images."""

from __future__ import annotations

from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream


def open_decoder(stream: VideoStream, threads: int | None, max_pixels: int) -> VideoCodecContext:
    """A decoder with threads, None for as many as there are processors, that refuses frames of more than ``max_pixels``.

    For VP9 with transparency the one that knows of it.
    """
    context = stream.codec_context
    if stream.metadata.get("alpha_mode") == "1" and context.codec.name == "vp9":
        replacement = CodecContext.create("libvpx-vp9", "r")
        if isinstance(replacement, VideoCodecContext):
            replacement.extradata = context.extradata
            context = replacement
    context.options = {"max_pixels": str(max_pixels)}  # of a frame that comes later, too, before memory is taken for it
    context.thread_type = "AUTO"
    context.thread_count = threads or 0
    return context


def drain(context: VideoCodecContext) -> list[VideoFrame]:
    """The frames that a decoder still holds back; it is then ready for a stream that begins. Raises av.FFmpegError."""
    try:
        return context.decode(None)
    finally:
        context.flush_buffers()
