"""The plan of a video's job: one pass to its end, which finds its cuts, its times, and whatever is wrong with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from upframe.engine.cuts import Cuts
from upframe.engine.videos import plane_conversion
from upframe.jobs.segments import Reach, Segment, divide
from upframe.media.video.info import FrameKind, RawFrame
from upframe.media.video.reader import VideoReader
from upframe.models.info import ModelInfo
from upframe.models.streams import CHUNK, WARM_UP
from upframe.ops.colour import planes_to_rgb

_ENOUGH = 128  # pixels of the shorter side by which cuts are told where no network depends on them
_DIFFERENT = 0.02  # mean difference of two frames, of full brightness, that may be a cut
SETTLED = 12
"""Frames after which FRVSR and TecoGAN are within 1/255 of what they make of the whole video, wherever they began. Measured:
frvsr-lite-x2 takes ten, and on some videos never settles; all others take one or two (docs/jobs.md)."""


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
    if info.future:  # in chunks, each run when the frame after it has come
        return Reach(past=CHUNK, future=info.future + 1, step=CHUNK)
    return Reach(past=SETTLED, start=WARM_UP)


def survey(reader: VideoReader, cuts: Callable[[], Cuts], reach: Reach, *, tail: int = 0, listed: bool = False) -> Survey:
    """Read a video to its end, and divide it.

    ``cuts``: makes a judge of frames in order; a frame of another kind begins a shot, too. ``tail``: as of ``divide``.
    ``listed``: the judge counts frames,
    and must be shown all of them. Raises InputError as the reader does.
    """
    found: list[int] = []
    times: list[float] = []
    others, kind, frame = 0, None, None
    first = reader.info.kind
    judge: Callable[[RawFrame], bool] = _Judge(cuts(), first)
    if reach == Reach() and not listed:
        judge = _SparseJudge(cuts, first)
    for item in reader:
        if not isinstance(item, RawFrame):
            others += 1
            continue
        frame = item
        is_cut = judge(frame)
        if is_cut or (kind is not None and frame.kind != kind):
            found.append(len(times))
        kind = frame.kind
        times.append(float(frame.pts * frame.time_base))
    if frame is not None:
        times.append(times[-1] + float((frame.duration or 1) * frame.time_base))
    return Survey(divide(times, found, reach, tail), max(len(times) - 1, 0), others)


class _Judge:
    """Finds cuts as a network in one breath would: each frame is looked at, and all of it."""

    def __init__(self, cuts: Cuts, first: FrameKind) -> None:
        self._cuts, self._first = cuts, first

    def __call__(self, frame: RawFrame) -> bool:
        return self._cuts(_rgb(frame, self._first, step=1))


class _SparseJudge:
    """Finds cuts where no result depends on them, at a small part of the cost: on sparse frames, and only where two differ.

    They are judged as all others are; but a frame like the one before it, on average, is not looked at.
    """

    def __init__(self, cuts: Callable[[], Cuts], first: FrameKind) -> None:
        self._cuts, self._first = cuts, first
        self._recent: deque[RawFrame] = deque(maxlen=2)

    def __call__(self, frame: RawFrame) -> bool:
        recent = [*self._recent]
        self._recent.append(frame)
        if not recent or not self._differ(recent[-1], frame):
            return False
        judge = self._cuts()
        return [judge(_rgb(each, self._first, step=self._step(each))) for each in (*recent, frame)][-1]

    def _differ(self, earlier: RawFrame, later: RawFrame) -> bool:
        if earlier.planes[0].shape != later.planes[0].shape:
            return False  # another kind of frame: a cut in any case
        step = self._step(later)
        one, other = (frame.planes[0][::step, ::step].astype(np.float32) for frame in (earlier, later))
        depth = (later.kind or self._first).layout.depth
        return float(np.abs(one - other).mean()) > _DIFFERENT * (1 << depth)

    def _step(self, frame: RawFrame) -> int:
        kind = frame.kind or self._first
        return max(min(kind.height, kind.width) // _ENOUGH, 1)


def _rgb(frame: RawFrame, first: FrameKind, *, step: int) -> Tensor:
    """(1, 3, h, w) to find cuts in: every ``step``-th row and column of a frame."""
    kind = frame.kind or first
    colours = kind.layout.planes - kind.layout.alpha
    planes = [torch.from_numpy(np.ascontiguousarray(plane[::step, ::step])) for plane in frame.planes[:colours]]
    return planes_to_rgb(planes, **plane_conversion(kind.layout, kind.colour))
