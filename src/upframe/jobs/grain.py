"""How much grain is put over a video: what a user says, or what upscaling takes away of its own."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Literal

from av.video.frame import VideoFrame

from upframe.engine.cuts import choose_cuts
from upframe.engine.grain import Grain, measure_grain
from upframe.engine.size import Target
from upframe.engine.upscaler import Upscaler
from upframe.engine.videos import FrameUpscaler
from upframe.media.notes import Notes
from upframe.media.video.info import RawFrame, VideoInfo
from upframe.media.video.places import frames_at
from upframe.media.video.planes import read_planes
from upframe.media.video.probe import MAX_PIXELS

_PLACES, _FRAMES = 4, 3  # that are looked at, and frames in a row at each
_SIDE = 384  # pixels: of larger frames the middle is upscaled for it
_LEAST = 0.5  # 8-bit codes, below which nobody sees it; samples that are rounded to codes seem to have 0.3


def resolve_grain(
    asked: Grain | Literal["keep"] | None, info: VideoInfo, upscaler: Upscaler, target: Target, note: Notes
) -> Grain | None:
    """The grain of a job; None where there is to be none.

    Measured, it is that of the video less what is left of it in the same frames when they are upscaled.
    """
    if asked != "keep":
        return asked
    frames = list(_samples(info))
    kinds = info.layout, info.colour
    own = measure_grain(frames, *kinds)
    if own.codes < _LEAST or not frames:
        note("no grain is found in flat areas: none is put over the result")
        return None
    factor = target.of(*info.full_size, upscaler.info.scale)[0] / info.full_size[0]
    upscale = FrameUpscaler(upscaler, Target(scale=factor), kinds, kinds)
    results = [
        result
        for first in range(0, len(frames), _FRAMES)
        for result in upscale(iter(frames[first : first + _FRAMES]), choose_cuts("off")())
        if isinstance(result, RawFrame)
    ]
    missing = own.without(measure_grain(results, *kinds, scale=factor))
    if missing.codes < _LEAST:
        note(f"its grain is {own.codes:.1f} of 255, and is left by upscaling: none is put over the result")
        return None
    note(f"its grain is {own.codes:.1f} of 255; upscaling takes {missing.codes:.1f} of it, which are put back")
    return missing


def _samples(info: VideoInfo) -> Iterator[RawFrame]:
    """Frames from several places, the middle of each; those of another kind than the first are passed over."""
    number = 0
    for frames in frames_at(info.path, _PLACES, _FRAMES, max_pixels=max(MAX_PIXELS, info.width * info.height)):
        for frame in frames:
            if frame.format.name == info.source_format and (frame.height, frame.width) == (frames[0].height, frames[0].width):
                yield _middle(frame, info, number)
                number += 1


def _middle(frame: VideoFrame, info: VideoInfo, number: int) -> RawFrame:
    layout = info.layout
    top, left = (max(length - _SIDE, 0) // 4 * 2 for length in (frame.height, frame.width))
    planes = []
    for index, plane in enumerate(read_planes(frame, layout)):
        chroma = index in (1, 2) and not layout.rgb
        down, across = (layout.sub_y, layout.sub_x) if chroma else (0, 0)
        rows, columns = layout.shape(index, min(frame.height, _SIDE), min(frame.width, _SIDE))
        planes.append(plane[top >> down :, left >> across :][:rows, :columns].copy())
    return RawFrame(tuple(planes), number, Fraction(1, 25), None, number)
