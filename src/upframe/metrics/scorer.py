"""Scoring under a protocol, frame by frame: a clip is never held in memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from upframe.errors import InputError, ShapeError
from upframe.metrics.by_ffmpeg import VideoMetric, VideoScorer
from upframe.metrics.classifiers import ORIGINS
from upframe.metrics.flow import reference_motion, tof, warping_error
from upframe.metrics.frames import check_frame, sampled, unit
from upframe.metrics.luma import luma
from upframe.metrics.masks import edge_mask, hole_mask
from upframe.metrics.naturalness import niqe
from upframe.metrics.perceptual import LPIPS, lpips, tlp
from upframe.metrics.protocol import TEMPORAL, Metric, Protocol
from upframe.metrics.scores import ClipScores, FrameScores, Values
from upframe.metrics.signal_to_noise import planes_psnr, psnr_nsrr, temporal_psnr
from upframe.metrics.structural import planes_ssim


@dataclass(frozen=True, slots=True)
class _Pair:
    """One frame of both clips, as a protocol sees it.

    ``whole_*`` (3, h, w) are the samples of the common area, ``result`` and ``reference`` what is left of them after cropping,
    ``raw_*`` the same crop of the frames as they came; ``mask`` (h, w) belongs to the crop.
    """

    whole_result: Tensor
    whole_reference: Tensor
    result: Tensor
    reference: Tensor
    raw_result: Tensor
    raw_reference: Tensor
    mask: Tensor | None


class ClipScorer:
    """Scores one clip under a protocol as its frames are added; holds the previous frame only.

    scale: that of the result, for the border and for what two sizes may differ by (less than ``scale``: the common part from
    the top left is scored). lpips: a network from ``load_lpips``, of the protocol's backbone, where it has ``lpips`` or
    ``tlp``; frames are scored on its device. frame_rate: for XPSNR. name: the clip's, for errors and reports.

    To be used in a ``with`` statement where the protocol has ``vmaf`` or ``xpsnr``: it ends ffmpeg if anything goes wrong.
    Raises InputError for a missing or other LPIPS network, MissingExtra where a metric's package is not installed.
    """

    def __init__(
        self,
        protocol: Protocol,
        *,
        scale: int = 1,
        name: str = "clip",
        lpips: LPIPS | None = None,
        frame_rate: float = 25.0,
    ) -> None:
        _check_lpips(protocol, lpips)
        self.protocol, self.scale, self.name, self._lpips = protocol, scale, name, lpips
        video: list[VideoMetric] = [metric for metric in ("vmaf", "xpsnr") if metric in protocol.metrics]
        self._video = VideoScorer(tuple(video), frame_rate=frame_rate) if video else None
        self._frames: list[FrameScores] = []
        self._previous: _Pair | None = None
        self._added = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._video is not None:
            self._video.close()

    @torch.no_grad()
    def add(
        self, result: Tensor, reference: Tensor, *, hole: Tensor | None = None, index: int | None = None
    ) -> FrameScores | None:
        """Score the next frame; None where the protocol leaves it out at the start.

        result and reference (3, h, w), uint8 or floating point in [0, 1], not of one type necessarily. ``hole`` (h, w) of the
        result's or the render size, 1 = hole, for protocols that count holes. ``index``: the number of the frame in its
        sequence, which tells even frames from odd ones; by default the count of frames added. What is returned holds
        neither VMAF nor XPSNR, which come at the end, and frames at the end may still be dropped.

        Raises ShapeError for sizes that differ, InputError for NaN and for a missing hole map; both name clip and frame.
        """
        position = self._added
        self._added += 1
        if position < self.protocol.skip:
            return None
        try:
            pair = self._prepared(result, reference, hole)
            values = self._values(pair)
            if self._video is not None:
                self._video.add(pair.result, pair.reference)
        except (InputError, ShapeError) as error:
            raise error.at(f"{self.name}, frame {position}") from error
        self._previous = pair
        scores = FrameScores(position if index is None else index, values)
        self._frames.append(scores)
        return scores

    def finish(self) -> ClipScores:
        """The scores of the clip. Raises InputError where the protocol leaves no frame, or where ffmpeg failed."""
        skip = self.protocol.skip
        kept = self._frames[: max(len(self._frames) - skip, 0)]
        if not kept:
            raise InputError(
                f"{self.name}: has {self._added} frames, but protocol {self.protocol.name} leaves out {skip} "
                "at each end: none is left"
            )
        if self._video is not None:
            for metric, column in self._video.finish().items():
                if len(column) != len(self._frames):
                    raise InputError(f"{self.name}: ffmpeg scored {len(column)} of {len(self._frames)} frames with {metric}")
                for frame, value in zip(self._frames, column, strict=True):
                    frame.values[metric] = value  # type: ignore[index]
        ordered = (
            FrameScores(
                frame.index, {metric: frame.values[metric] for metric in self.protocol.metrics if metric in frame.values}
            )
            for frame in kept
        )
        return ClipScores(self.name, tuple(ordered))

    def _prepared(self, result: Tensor, reference: Tensor, hole: Tensor | None) -> _Pair:
        check_frame(result, "the result")
        check_frame(reference, "the reference")
        if result.ndim != 3 or reference.ndim != 3:
            raise ShapeError(f"frames are scored one by one, as (3, h, w): got {tuple(result.shape)}, {tuple(reference.shape)}")
        device = self._lpips.shift.device if self._lpips is not None else reference.device
        result, reference = _common(result.to(device), reference.to(device), self.scale)
        whole_result, whole_reference = (sampled(frame, self.protocol.samples) for frame in (result, reference))
        if whole_result.dtype != whole_reference.dtype:  # one 8 bits, the other floating point, and neither is to be rounded
            whole_result, whole_reference = unit(whole_result).float(), unit(whole_reference).float()
        rows, columns = self.protocol.area(result.shape[-2], result.shape[-1], self.scale)
        mask = self._mask(whole_reference, hole)
        if self._previous is not None:
            before, now = (frame.shape[-2:] for frame in (self._previous.whole_result, whole_result))
            if before != now:
                raise ShapeError(
                    f"the frames of a clip must keep their size: {before[1]}x{before[0]} before, {now[1]}x{now[0]} now"
                )
        return _Pair(
            whole_result,
            whole_reference,
            whole_result[:, rows, columns],
            whole_reference[:, rows, columns],
            result[:, rows, columns],
            reference[:, rows, columns],
            None if mask is None else mask[rows, columns],
        )

    def _mask(self, reference: Tensor, hole: Tensor | None) -> Tensor | None:
        if self.protocol.mask == "edge":
            return edge_mask(reference)
        if self.protocol.mask == "hole":
            if hole is None:
                raise InputError(f"protocol {self.protocol.name} counts holes: a map of them is needed for every frame")
            return hole_mask(hole, (reference.shape[-2], reference.shape[-1]))
        return None

    def _values(self, pair: _Pair) -> Values:
        computed: Values = {}
        for metric in self.protocol.metrics:
            value = self._spatial(metric, pair) if metric not in TEMPORAL else self._temporal(metric, pair)
            if value is not None and not math.isnan(value):
                computed[metric] = value
        return computed

    def _spatial(self, metric: Metric, pair: _Pair) -> float | None:
        kind, _, space = metric.partition("_")
        if kind in ("psnr", "ssim") and space in ("rgb", "y"):
            planes = [frame[None] for frame in (pair.result, pair.reference)]
            if space == "y":
                planes = [luma(frame, self.protocol.luma) for frame in planes]
            if kind == "psnr":
                return planes_psnr(planes[0], planes[1], pair.mask)
            return planes_ssim(
                planes[0], planes[1], pair.mask if self.protocol.ssim_masked else None, self.protocol.ssim_window
            )
        if metric == "psnr_nsrr":
            return psnr_nsrr(pair.result, pair.reference)
        if metric == "niqe":
            return niqe(pair.result)
        if metric == "lpips" and self._lpips is not None:
            if self.protocol.lpips_input == "raw":
                return lpips(self._lpips, unit(pair.raw_result).float(), unit(pair.raw_reference).float(), unscaled=True)
            return lpips(self._lpips, pair.result, pair.reference)
        return None  # VMAF and XPSNR: at the end

    def _temporal(self, metric: Metric, pair: _Pair) -> float | None:
        before = self._previous
        if before is None:
            return None
        if metric == "tof":  # of whole frames, then cropped
            crop = self.protocol.area(pair.whole_result.shape[-2], pair.whole_result.shape[-1], self.scale)
            frames = (before.whole_result, pair.whole_result, before.whole_reference, pair.whole_reference)
            return tof(*frames, crop=crop)
        if metric == "warping":
            flow, counted = reference_motion(before.reference, pair.reference)
            return warping_error(before.result, pair.result, flow, counted)
        frames = (before.result, pair.result, before.reference, pair.reference)
        if metric == "tlp" and self._lpips is not None:
            return tlp(self._lpips, *frames)
        return temporal_psnr(*frames)


def _check_lpips(protocol: Protocol, network: LPIPS | None) -> None:
    if not {"lpips", "tlp"} & set(protocol.metrics):
        return
    wanted = ORIGINS[protocol.lpips_backbone].network
    if network is None:
        raise InputError(
            f"protocol {protocol.name} has LPIPS with {wanted}", remedy="give its weights, or leave out lpips and tlp"
        )
    if network.backbone != protocol.lpips_backbone:
        raise InputError(
            f"protocol {protocol.name} has LPIPS with {wanted}, but the weights given are those of "
            f"{ORIGINS[network.backbone].network}; numbers of the two cannot be compared"
        )


def _common(result: Tensor, reference: Tensor, scale: int) -> tuple[Tensor, Tensor]:
    """The part that both have, from the top left. Raises ShapeError where the sizes differ by ``scale`` pixels or more."""
    (height, width), (rows, columns) = result.shape[-2:], reference.shape[-2:]
    if max(abs(height - rows), abs(width - columns)) >= scale and (height, width) != (rows, columns):
        raise ShapeError(f"the result is {width}x{height}, but the reference is {columns}x{rows}: they must have one size")
    area = (slice(None), slice(min(height, rows)), slice(min(width, columns)))
    return result[area], reference[area]


def score(
    protocol: Protocol,
    result: Tensor,
    reference: Tensor,
    *,
    scale: int = 1,
    name: str = "image",
    hole: Tensor | None = None,
    lpips: LPIPS | None = None,
) -> ClipScores:
    """The scores of a single image, as a clip of one frame: see :class:`ClipScorer`. Temporal metrics have no value."""
    with ClipScorer(protocol, scale=scale, name=name, lpips=lpips) as scorer:
        scorer.add(result, reference, hole=hole)
        return scorer.finish()
