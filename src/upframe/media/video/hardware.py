"""Encoders that are a part of a graphics processor: there in PyAV, and yet not on every machine."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import av
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext

SIZE = (256, 256)  # of the image it is tried for; the oldest generations take no smaller one than 145x49


@cache
def refusal(codec: str) -> str | None:
    """Why an encoder cannot be used on this machine, in FFmpeg's words, found by opening it; None if it can."""
    try:
        context = CodecContext.create(codec, "w")
    except ValueError:
        return "this installation of PyAV does not have it"
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = SIZE
    context.pix_fmt, context.time_base = "yuv420p", Fraction(1, 25)
    level = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)  # the error itself says "operation not permitted" and nothing of a missing driver
    try:
        with av.logging.Capture() as said:
            context.open()
    except av.FFmpegError as error:
        return said[0][2].strip() if said else error.strerror or type(error).__name__
    finally:
        av.logging.set_level(level)
    return None
