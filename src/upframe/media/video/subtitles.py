"""Plain-text subtitles carried from the codec of one container to that of another."""

from __future__ import annotations

import re

from upframe.media.video.containers import TextSubtitles

TEXT_CODECS = ("subrip", "text", "webvtt", "ass", "ssa", "mov_text")
"""Codecs whose words can be read here."""
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\}")
_ASS_FIELDS_BEFORE_TEXT = 8

HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
"""The style that FFmpeg's subtitle encoders want to be given, from which it writes the header of the stream."""


def converted(payload: bytes, source: str, target: TextSubtitles) -> bytes | None:
    """One subtitle in another codec: words and line breaks, without fonts, colours and places; None if it has no words."""
    text = _words(payload, source)
    if not text:
        return None
    encoded = text.encode()
    return len(encoded).to_bytes(2, "big") + encoded if target == "mov_text" else encoded


def _words(payload: bytes, codec: str) -> str:
    if codec == "mov_text":
        payload = payload[2 : 2 + int.from_bytes(payload[:2], "big")]
    text = payload.decode("utf-8", "replace")
    if codec in ("ass", "ssa"):
        text = text.split(",", _ASS_FIELDS_BEFORE_TEXT)[-1].replace(r"\N", "\n").replace(r"\n", "\n").replace(r"\h", " ")
    return _TAG.sub("", text).replace("\r\n", "\n").strip()
