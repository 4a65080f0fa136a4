"""The plan of a video's job: one pass to its end, which finds its cuts, its times, and whatever is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from upframe.engine.cuts import Cuts
from upframe.engine.streams import CHUNK
from upframe.engine.videos import plane_conversion
from upframe.jobs.segments import Reach, Segment, divide
from upframe.media.video.info import FrameKind, RawFrame
from upframe.media.video.reader import VideoReader
from upframe.models.info import ModelInfo
from upframe.models.ttvsr import LOOK_AHEAD
from upframe.ops.colour import planes_to_rgb

_ENOUGH = 128  # pixels of the shorter side by which cuts are told where no network depends on them
SETTLED = 4
"""Frames after which FRVSR and TecoGAN are within 1/255 of what they make of the whole video, wherever they began. Measured
with the networks in the package, on drawn and on filmed material (docs/jobs.md)."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What the pass has found. others: packets of other streams that belong to the video."""

    segments: list[Segment]
    frames: int
    others: int


def reach_of(info: ModelInfo) -> Reach:
    """How far a network depends on other frames. Measured: docs/jobs.md."""
    if info.kind != "video":
        return Reach()
    if info.family == "ttvsr":
        return Reach(past=CHUNK, future=LOOK_AHEAD + 1, step=CHUNK)  # a chunk is run when the frame after it has come
    return Reach(past=SETTLED)


def survey(reader: VideoReader, cuts: Cuts, reach: Reach) -> Survey:
    """Read a video to its end, and divide it. ``cuts``: judges each frame; a frame of another kind begins a shot, too.

    Raises InputError as the reader does.
    """
    found: list[int] = []
    times: list[float] = []
    others, kind, frame = 0, None, None
    for item in reader:
        if not isinstance(item, RawFrame):
            others += 1
            continue
        frame = item
        is_cut = cuts(_rgb(frame, reader.info.kind, exact=reach != Reach()))
        if is_cut or (kind is not None and frame.kind != kind):
            found.append(len(times))
        kind = frame.kind
        times.append(float(frame.pts * frame.time_base))
    if frame is not None:
        times.append(times[-1] + float((frame.duration or 1) * frame.time_base))
    return Survey(divide(times, found, reach), max(len(times) - 1, 0), others)


def _rgb(frame: RawFrame, first: FrameKind, *, exact: bool) -> Tensor:
    """(1, 3, h, w) to find cuts in: the frame as a network sees it, or a sparse one where no result depends on it."""
    kind = frame.kind or first
    step = 1 if exact else max(min(kind.height, kind.width) // _ENOUGH, 1)
    colours = kind.layout.planes - kind.layout.alpha
    planes = [torch.from_numpy(np.ascontiguousarray(plane[::step, ::step])) for plane in frame.planes[:colours]]
    return planes_to_rgb(planes, **plane_conversion(kind.layout, kind.colour))
