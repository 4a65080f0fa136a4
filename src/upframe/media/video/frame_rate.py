"""More frames a second: those between are made by motion compensation, before they are upscaled. Experimental.

Done by FFmpeg's ``minterpolate`` (overlapped blocks, searched in both directions), which shows a frame again at a cut. The
flow of FRVSR was measured beside it on real clips and is worse: docs/guides/video.md has the figures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

from av.video.frame import VideoFrame

from upframe.errors import InputError
from upframe.media.filters import FilterChain
from upframe.media.notes import Notes
from upframe.media.video.filtering import planar_chain
from upframe.media.video.info import VideoInfo
from upframe.remedies import leave_out

_FILTER = "minterpolate=mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1:fps="
_AHEAD = 2  # frames after the last one, which the filter wants to see
_SLOWEST, _FASTEST = 1, 1000
_USUAL = Fraction(25)


@dataclass(frozen=True, slots=True)
class FrameRate:
    """Frames a second, or how many times as many as there are: one of the two."""

    rate: Fraction | None = None
    times: int | None = None

    def of(self, average: Fraction | None) -> Fraction:
        """Frames a second of the result."""
        return self.rate or (average or _USUAL) * (self.times or 1)


def parse_frame_rate(text: str) -> FrameRate:
    """Of ``x2``, ``60`` or ``60000/1001``. Raises InputError for anything else."""
    try:
        if text.startswith("x"):
            times = int(text[1:])
            if 2 <= times <= 8:
                return FrameRate(times=times)
        elif _SLOWEST <= (rate := Fraction(text)) <= _FASTEST:
            return FrameRate(rate.limit_denominator(1001))
    except (ValueError, ZeroDivisionError):
        pass
    raise InputError(f"{text!r} is no frame rate: write x2 to x8, or frames a second, such as 60 or 60000/1001")


class Interpolation:
    """Takes the frames of a video in order and gives as many as its new rate wants, evenly, from the first one's time on."""

    def __init__(self, rate: Fraction, time_base: Fraction, average_rate: Fraction | None) -> None:
        """rate: frames a second of the results. time_base, average_rate: of the video."""
        self._rate, self._given = rate, time_base
        self._usual = average_rate or _USUAL
        # A unit in which the times of the video and a step of the new rate are whole numbers.
        self.time_base = Fraction(1, math.lcm(time_base.denominator, rate.numerator))
        self._chain: FilterChain | None = None
        self._begin = Fraction(0)  # seconds
        self._last: VideoFrame | None = None

    def describe(self, info: VideoInfo) -> VideoInfo:
        """The video of the results."""
        ratio = self._rate / self._usual
        return replace(
            info,
            time_base=self.time_base,
            frames=None if info.frames is None else round(info.frames * ratio),
            frames_exact=False,
            average_rate=self._rate,
        )

    def put(self, frame: VideoFrame) -> list[VideoFrame]:
        """The frames that are ready now."""
        rest = []
        if self._chain is None or not self._chain.fits(frame):
            rest = self.rest()
            self._begin = (frame.pts or 0) * self._given
            self._chain = planar_chain(frame, [f"{_FILTER}{self._rate}"], self._given, self._usual)
        frame.pts = (frame.pts or 0) - round(self._begin / self._given)  # as the filter rounds the first time to its own step
        self._last = frame
        return rest + [self._timed(each) for each in self._chain.put(frame)]

    def rest(self) -> list[VideoFrame]:
        """Those that were held back, at the end of the video: as long as its last frame is shown."""
        chain, last, self._chain, self._last = self._chain, self._last, None, None
        if chain is None or last is None:
            return []
        step = 1 / (self._usual * self._given)
        end = ((last.pts or 0) + step) * self._given
        begin, results = last.pts or 0, []
        for number in range(1, _AHEAD + 1):
            last.pts = begin + round(number * step)
            results += chain.put(last)
        results += chain.put(None)
        return [self._timed(each) for each in results if (each.pts or 0) / self._rate < end]

    def _timed(self, frame: VideoFrame) -> VideoFrame:
        """With its time in units of ``time_base``; the filter's are in steps of the rate."""
        frame.pts = round((self._begin + (frame.pts or 0) / self._rate) / self.time_base)
        frame.duration = round(1 / (self._rate * self.time_base))
        return frame


def choose_frame_rate(wanted: FrameRate | None, info: VideoInfo, note: Notes) -> Interpolation | None:
    """How more frames are made of a video; None where none are.

    Raises InputError for a rate below the video's own, and for samples that the filter would cut to 8 bits of Y'CbCr.
    """
    if wanted is None:
        return None
    layout = info.layout
    if layout.depth > 8 or layout.rgb or layout.grey or layout.alpha:
        raise InputError(
            f"{info.path}: no frames can be made between {layout} images, only between 8-bit Y'CbCr", remedy=leave_out("fps")
        )
    rate = wanted.of(info.average_rate)
    if info.average_rate is not None and rate < info.average_rate:
        raise InputError(f"{info.path}: has {_written(info.average_rate)} frames a second, more than {_written(rate)}")
    note(f"frames between are made by motion compensation (minterpolate, experimental): {_written(rate)} a second")
    return Interpolation(rate, info.time_base, info.average_rate)


def _written(rate: Fraction) -> str:
    return f"{float(rate):.5g}"
