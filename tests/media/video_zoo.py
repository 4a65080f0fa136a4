"""A zoo of more than a hundred tiny videos: the containers, codecs, samples, rates and sound that people hand in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
from tests.media.video_fixtures import Sound, Video, steady, uneven

from upframe.media.video.info import Plane
from upframe.media.video.planes import nearest_layout

FRAMES = 12
_NTSC, _CINEMA = Fraction(30000, 1001), Fraction(24000, 1001)

RATES = {
    "25": Video(times=steady(FRAMES)),
    "ntsc": Video(times=[3003 * index for index in range(FRAMES)], rate=_NTSC),
    "60": Video(times=steady(FRAMES, rate=60), rate=Fraction(60)),
    "slow": Video(times=[90000 * index for index in range(FRAMES)], rate=Fraction(1), last_duration=90000),
    "uneven": Video(times=uneven(FRAMES)),
    "late": Video(times=steady(FRAMES, start=123300)),
    # For codecs and containers whose clock counts frames.
    "counted": Video(times=range(FRAMES), time_base=Fraction(1, 25)),
    "counted-ntsc": Video(times=range(FRAMES), time_base=1 / _NTSC, rate=_NTSC),
    "counted-24": Video(times=range(FRAMES), time_base=1 / _CINEMA, rate=_CINEMA),
}

# container: codec, format of samples, kind of rate, sound
_TABLE = """
mp4: libx264 yuv420p 25 aac | libx264 yuv422p ntsc mp3 | libx264 yuv444p 60 ac3 | libx264 yuv420p10le uneven flac
mp4: libx264 yuv422p10le slow opus | libx264 yuv444p10le late alac | libx264 yuvj420p ntsc pcm_s16le | libx264 gray 25 -
mp4: libx265 yuv420p 25 aac | libx265 yuv420p10le ntsc eac3 | libx265 yuv444p uneven - | libx265 yuv422p10le 60 mp2
mp4: libsvtav1 yuv420p 25 opus | libsvtav1 yuv420p10le ntsc aac | libvpx-vp9 yuv420p uneven opus | libvpx-vp9 yuv444p 25 -
mp4: mpeg4 yuv420p counted aac | mpeg2video yuv420p counted mp2 | mjpeg yuvj420p ntsc - | mpeg1video yuv420p counted mp3
m4v: libx264 yuv420p 60 aac
mov: libx264 yuv420p 25 pcm_s16be | libx265 yuv420p 25 aac | prores_ks yuv422p10le 25 pcm_s24le | mjpeg yuvj422p 60 pcm_s16le
mov: prores_ks yuv444p10le ntsc - | prores_ks yuva444p10le counted-24 aac | qtrle rgb24 25 - | qtrle argb uneven pcm_s16le
mov: png rgb24 25 - | png rgba ntsc alac | rawvideo uyvy422 25 pcm_f32le | v210 yuv422p10le 25 - | mpeg4 yuv420p counted aac
mkv: libx264 yuv420p 25 opus | libx264 yuv420p uneven aac | libx264rgb rgb24 25 flac | libx265 yuv420p10le 25 eac3
mkv: ffv1 yuv420p uneven pcm_s16le | ffv1 yuv422p 25 flac | ffv1 yuv444p 60 pcm_s24le | ffv1 yuv420p10le ntsc pcm_f32le
mkv: ffv1 gray 25 - | ffv1 bgr0 25 vorbis | ffv1 bgra 25 - | ffv1 yuva420p slow - | ffv1 gray16le 25 - | ffv1 yuv444p16le 25 -
mkv: libvpx yuv420p 25 vorbis | libvpx-vp9 yuva420p 25 opus | libvpx-vp9 yuv422p late - | libsvtav1 yuv420p 60 opus
mkv: libx264 yuv422p ntsc ac3 | libx264 yuv444p10le slow mp3 | libx265 gbrp 25 -
mkv: mpeg4 yuv420p counted-24 aac | rawvideo yuv420p 25 mp2
mkv: mpeg1video yuv420p counted mp2 | mpeg2video yuv422p counted-ntsc ac3 | mpeg4 yuv420p counted mp3 | mjpeg yuvj444p 25 tta
mkv: prores_ks yuv422p10le ntsc pcm_s16be | snow yuv420p 25 wavpack | libsvtav1 yuv420p10le slow -
webm: libvpx yuv420p 25 vorbis | libvpx-vp9 yuv420p uneven opus | libvpx-vp9 yuv444p ntsc - | libsvtav1 yuv420p10le 25 opus
avi: mpeg4 yuv420p counted mp3 | msmpeg4v2 yuv420p counted mp2 | msmpeg4 yuv420p counted-ntsc ac3 | mjpeg yuvj420p counted -
avi: huffyuv yuv422p counted pcm_s16le | ffvhuff yuv420p counted-24 - | utvideo gbrp counted - | rawvideo yuv420p counted pcm_u8
avi: ffv1 yuv420p counted ac3 | cinepak rgb24 counted - | magicyuv yuv444p counted - | wmv1 yuv420p counted wmav1
ts: libx264 yuv420p 25 aac | libx264 yuv420p ntsc mp2 | libx265 yuv420p 25 ac3 | mpeg2video yuv420p counted mp2
ts: libx264 yuv420p late mp3 | libx264 yuv420p uneven opus
m2ts: libx264 yuv420p 25 ac3
mpg: mpeg1video yuv420p counted mp2 | mpeg2video yuv420p counted-ntsc mp2
vob: mpeg2video yuv420p counted ac3 | mpeg2video yuv420p counted-ntsc pcm_dvd
flv: libx264 yuv420p 25 aac | libx264 yuv420p uneven mp3:44100 | flv yuv420p counted mp3:44100
wmv: wmv2 yuv420p counted wmav2 | wmv1 yuv420p counted wmav1
asf: msmpeg4 yuv420p counted mp3
3gp: h263:128x96 yuv420p counted libopencore_amrnb:8000 | mpeg4 yuv420p counted aac | libx264 yuv420p uneven aac
nut: ffv1 yuv420p uneven pcm_s16le | libx264 yuv420p 25 mp3
ogv: libvpx yuv420p counted vorbis
ivf: libvpx yuv420p counted - | libvpx-vp9 yuv420p counted - | libsvtav1 yuv420p counted -
mxf: mpeg2video yuv422p counted pcm_s16le
dv: dvvideo:720x576 yuv420p counted pcm_s16le
y4m: wrapped_avframe yuv420p counted -
"""


@cache
def zoo() -> dict[str, Video]:
    """Every video, by the name of its file: ``mp4-libx264-yuv420p-25-aac.mp4``."""
    return dict(_videos())


def make_zoo(folder: Path) -> list[Path]:
    """Write every video of the zoo into a folder."""
    os.environ.setdefault("SVT_LOG", "0")  # SVT-AV1 prints to standard error by itself
    return [video.make(folder / name) for name, video in zoo().items()]


def _videos() -> Iterator[tuple[str, Video]]:
    for line in _TABLE.strip().splitlines():
        suffix, _, videos = line.partition(": ")
        for words in videos.split(" | "):
            coder, pix_fmt, rate, sound = words.split()
            codec, _, size = coder.partition(":")
            name = "-".join((suffix, codec, pix_fmt, rate, sound.partition(":")[0])).rstrip("-")
            yield f"{name}.{suffix}", _video(codec, pix_fmt, rate, size, sound)


def _video(codec: str, pix_fmt: str, rate: str, size: str, sound: str) -> Video:
    kind = RATES[rate]
    video = Video(codec, pix_fmt, times=kind.times, time_base=kind.time_base, rate=kind.rate, last_duration=kind.last_duration)
    if size:
        width, height = map(int, size.split("x"))
        video.size = height, width
        video.images = _slopes(height, width)
    if sound != "-":
        coder, _, hertz = sound.partition(":")
        mono = coder == "libopencore_amrnb"
        video.sounds = [Sound(coder, rate=int(hertz or 48000), channels=1 if mono else 2)]
    if codec in ("libx264", "libx265") and rate == "uneven":
        video.options = {"bf": "3"}
    return video


def _slopes(height: int, width: int) -> Callable[[int], list[Plane]]:
    """The planes of a large 4:2:0 image that shrinks to one like those of the small ones."""
    layout = nearest_layout("yuv420p")
    places = [np.indices(layout.shape(plane, height, width)) for plane in range(3)]

    def planes(index: int) -> list[Plane]:
        slopes = [48 * rows // height * 2 + 64 * columns // width for rows, columns in places]
        return [(32 + (slope + index * 9) % 160).astype(np.uint8) for slope in slopes]

    return planes
