"""Sound that a container cannot hold as it is: its samples wrapped in another way, or encoded again as the last way."""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction
from typing import Literal

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

AudioMode = Literal["auto", "copy", "aac", "opus", "pcm"]
"""auto: copied, else wrapped again without loss, else encoded. copy: copied, else left out. Others: all sound becomes that."""

_PCM = {"u8": "pcm_u8", "s16": "pcm_s16le", "s32": "pcm_s32le", "flt": "pcm_f32le", "dbl": "pcm_f64le"}
_AT_MOST_24_BITS = ("24", "dvd", "bluray", "20")
_BITS_PER_CHANNEL = {"aac": 96000, "libopus": 80000}
_ENCODERS = {"aac": "aac", "opus": "libopus", "flac": "flac"}
_OPUS_RATE = 48000
_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_SPEAKERS = {"aac": (1, 2, 3, 4, 5, 6, 8), "opus": tuple(_LAYOUTS), "flac": tuple(_LAYOUTS)}
_SLACK = Fraction(1, 10)
"""Seconds by which sound may be early or late before silence fills the gap, or an overlap is dropped."""


def is_pcm(codec: str) -> bool:
    """Whether a codec (FFmpeg's name) stores samples one by one, so that nothing is lost by storing them in another way."""
    return codec.startswith("pcm_")


def pcm_codec(context: AudioCodecContext) -> str:
    """The PCM of common containers that holds every sample as it is decoded."""
    samples = context.format.packed.name
    if samples == "s32" and is_pcm(context.name) and any(bits in context.name for bits in _AT_MOST_24_BITS):
        return "pcm_s24le"
    return _PCM.get(samples, "pcm_f32le")


class RepackedSound:
    """A stream of the result that holds the samples of one of the source as plain PCM, each packet at its own time."""

    keeps_priming = True

    def __init__(self, source: AudioStream, target: OutputContainer, codec: str) -> None:
        self._decoder = source.codec_context
        self._codec = codec
        self._end_to_end = target.format.name in ("mov", "mp4")
        self.stream = target.add_stream(codec, rate=source.rate)
        assert isinstance(self.stream, AudioStream)
        self.stream.codec_context.layout = _layout(source)
        self.stream.codec_context.open()
        self.stream.time_base = Fraction(1, source.rate)
        self._next: int | None = None

    def packets(self, packet: Packet[Stream] | None) -> list[Packet[Stream]]:
        """The samples of a packet, as packets of the result; None for what the decoder still holds."""
        return [each for frame in _decoded(self._decoder, packet) for each in self._in_time(frame)]

    def remaining(self) -> list[Packet[Stream]]:
        """What is still to come at the end."""
        return self.packets(None)

    def _in_time(self, frame: AudioFrame) -> list[Packet[Stream]]:
        """A frame, after silence where some are missing. QuickTime puts samples end to end, so that small gaps add up."""
        rate = frame.sample_rate
        time = None if frame.pts is None or not frame.time_base else round(frame.pts * frame.time_base * rate)
        if self._next is None:
            self._next = time or 0
        late = 0 if time is None else time - self._next
        parts = [_silence(frame, late), frame] if late > _SLACK * rate else [frame]
        if len(parts) == 1 and not self._end_to_end:
            self._next += max(late, 0)
        return [self._wrapped(part) for part in parts]

    def _wrapped(self, frame: AudioFrame) -> Packet[Stream]:
        samples = frame.to_ndarray()
        flat = samples.T.ravel() if frame.format.is_planar else samples.ravel()
        flat = np.ascontiguousarray(flat.astype(flat.dtype.newbyteorder("<"), copy=False))
        if self._codec == "pcm_s24le":
            flat = flat.view(np.uint8).reshape(-1, 4)[:, 1:]
        packet: Packet[Stream] = Packet(flat.tobytes())
        packet.time_base = Fraction(1, frame.sample_rate)
        packet.pts = packet.dts = self._next
        packet.duration = frame.samples
        self._next = (self._next or 0) + frame.samples
        packet.is_keyframe = True
        packet.stream = self.stream
        return packet


class EncodedSound:
    """A stream of the result that is encoded again. Gaps are filled with silence, as encoders know none."""

    keeps_priming = True

    def __init__(self, source: AudioStream, target: OutputContainer, codec: str) -> None:
        self._decoder = source.codec_context
        encoder = _ENCODERS[codec]
        rate = _OPUS_RATE if codec == "opus" else source.rate
        self.stream = target.add_stream(encoder, rate=rate)
        assert isinstance(self.stream, AudioStream)
        self._encoder = context = self.stream.codec_context
        context.layout = _layout(source, _SPEAKERS[codec])
        if encoder in _BITS_PER_CHANNEL:
            context.bit_rate = _BITS_PER_CHANNEL[encoder] * context.layout.nb_channels
        elif source.codec_context.format.packed.name != "s16":
            context.format = "s32"
        context.time_base = self.stream.time_base = Fraction(1, rate)
        context.open()
        self._resampler = AudioResampler(context.format.name, context.layout, rate, context.frame_size or None)
        self._rate = rate
        self._written: int | None = None  # in samples of the source, from its first one
        self._start = 0

    def packets(self, packet: Packet[Stream] | None) -> list[Packet[Stream]]:
        """What the encoder makes of a packet; None for what the decoder still holds."""
        return [each for frame in _decoded(self._decoder, packet) for each in self._encoded(frame)]

    def remaining(self) -> list[Packet[Stream]]:
        """What decoder, resampler and encoder still hold at the end."""
        encoded = self.packets(None)
        if self._written is not None:
            for part in self._resampler.resample(None):
                encoded += self._encode(part)
        return [*encoded, *self._tagged(self._encoder.encode(None))]

    def _encoded(self, frame: AudioFrame) -> list[Packet[Stream]]:
        rate = frame.sample_rate
        time = None if frame.pts is None or not frame.time_base else round(frame.pts * frame.time_base * rate)
        if self._written is None:
            self._start, self._written = round(Fraction(time or 0, rate) * self._rate), time or 0
        late = 0 if time is None else time - self._written
        if late < -_SLACK * rate:
            return []
        parts = [_silence(frame, late), frame] if late > _SLACK * rate else [frame]
        encoded: list[Packet[Stream]] = []
        for part in parts:
            part.pts = None
            self._written += part.samples
            for ready in self._resampler.resample(part):
                encoded += self._encode(ready)
        return encoded

    def _encode(self, frame: AudioFrame) -> list[Packet[Stream]]:
        frame.pts, frame.time_base = self._start, Fraction(1, self._rate)
        self._start += frame.samples
        return self._tagged(self._encoder.encode(frame))

    def _tagged(self, packets: list[Packet[Stream]]) -> list[Packet[Stream]]:
        for packet in packets:
            packet.stream = self.stream
        return packets


def _layout(source: AudioStream, takes: Collection[int] | None = None) -> str:
    """The places of the speakers by FFmpeg's name: the usual ones where old formats only count them; two if too many."""
    count = source.layout.nb_channels
    if takes is not None and count not in takes:
        return "stereo"
    return _LAYOUTS.get(count, source.layout.name) if source.layout.name.endswith("channels") else source.layout.name


def _decoded(decoder: AudioCodecContext, packet: Packet[Stream] | None) -> list[AudioFrame]:
    """The frames of a packet; none of a damaged one, whose place stays empty."""
    try:
        return decoder.decode(packet)
    except av.FFmpegError:
        return []


def _silence(like: AudioFrame, samples: int) -> AudioFrame:
    channels = like.layout.nb_channels
    shape = (channels, samples) if like.format.is_planar else (1, channels * samples)
    dtype = like.to_ndarray().dtype
    quiet = np.full(shape, 128 if dtype == np.uint8 else 0, dtype)
    frame = AudioFrame.from_ndarray(quiet, format=like.format.name, layout=_LAYOUTS.get(channels, like.layout.name))
    frame.sample_rate = like.sample_rate
    return frame
