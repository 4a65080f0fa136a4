"""Results that lie on disk, scored against their reference."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from upframe.errors import InputError
from upframe.evaluation.evaluate import EvaluationProgress
from upframe.evaluation.images import LOOKED_AT, RESULT, WINDOWS, ImageCollector, ImagePlan
from upframe.evaluation.pairs import FramePair, PairedClip, pair_up
from upframe.evaluation.panels import ClipImages, Panel, crops_told, gather
from upframe.evaluation.protocols import PLAIN, ScoringOptions, choose_protocol
from upframe.evaluation.provenance import provenance
from upframe.evaluation.results import Evaluation, Subject, scored
from upframe.metrics import LPIPS, TEMPORAL, ClipScorer, ClipScores, Protocol, frame_tensor
from upframe.metrics.frames import sampled, unit
from upframe.ops.sampling import Sampling, sample_offset
from upframe.ops.shift import centred
from upframe.remedies import Option, way
from upframe.runtime.device import choose_device


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is to be compared: two images, videos, folders, or a video and a folder of frames; and how.

    scale: that of the result, for protocols that cut as many pixels as the scale. sampling: where the samples lay that the
    result was made of, by something that puts them in the middle of their cells: of ``corner`` it is moved to where they were.
    align: leave out what one side has alone. holes: images that are white where a pixel counts. panels: whether images
    are gathered for a page.
    """

    result: str
    reference: str
    scoring: ScoringOptions = field(default_factory=ScoringOptions)
    scale: int = 1
    sampling: Sampling = "centre"
    align: bool = False
    holes: str | None = None
    device: str = "auto"
    panels: bool = False


def compare(
    wanted: Comparison,
    *,
    on_step: Callable[[EvaluationProgress], None] = lambda _: None,
    on_note: Callable[[str], None] = lambda _: None,
) -> tuple[Evaluation, tuple[Panel, ...]]:
    """Score a result against its reference, frame by frame, holding no more than a frame of each.

    Returns the scores and, where asked for, the images of a page. Raises UpframeError: for a side that is missing or cannot
    be read, sizes or numbers of frames that differ, NaN, and whatever metrics raise.
    """
    notes: list[str] = []

    def note(text: str) -> None:
        if text not in notes:
            notes.append(text)
            on_note(text)

    if wanted.sampling == "corner" and wanted.scale == 1:
        raise InputError(
            "samples at the corner of their cells: it is not known how many times the result was upscaled",
            remedy=way("set ", Option("scale")),
        )
    device = choose_device(wanted.device)
    protocol, lpips = choose_protocol(wanted.scoring, PLAIN, device, note)
    if protocol.mask == "hole" and wanted.holes is None:
        raise InputError(f"protocol {protocol.name} counts holes", remedy=way("give their maps as ", Option("holes")))
    clips = pair_up(wanted.result, wanted.reference, holes=wanted.holes, align=wanted.align, on_note=note)
    work = _Work(wanted, protocol, lpips, device, on_step, clips)
    results = [work.clip(number, clip) for number, clip in enumerate(clips)]
    subject = Subject(Path(wanted.result.rstrip("/")).name or wanted.result, {"path": wanted.result})
    evaluation = Evaluation(
        title=f"{subject.name} against {Path(wanted.reference.rstrip('/')).name}",
        protocol=protocol,
        scored=(scored(subject, tuple(scores for scores, _ in results), protocol),),
        about=_about(wanted, len(clips), work.done),
        notes=tuple(notes),
        made=provenance(device),
    )
    absent = [metric for metric in protocol.metrics if metric not in evaluation.metrics]
    if absent and set(absent) <= TEMPORAL:
        raise InputError(f"{', '.join(absent)}: need clips of at least two frames, and {wanted.result} holds none")
    return evaluation, gather([clip_images for _, clip_images in results]) if wanted.panels else ()


def _about(wanted: Comparison, clips: int, frames: int) -> dict[str, str | int]:
    about: dict[str, str | int] = {"result": wanted.result, "reference": wanted.reference, "clips": clips, "frames": frames}
    return about | crops_told(clips if wanted.panels else 0)


class _Work:
    """One comparison at work."""

    def __init__(
        self,
        wanted: Comparison,
        protocol: Protocol,
        lpips: LPIPS | None,
        device: torch.device,
        on_step: Callable[[EvaluationProgress], None],
        clips: list[PairedClip],
    ) -> None:
        self._wanted, self._protocol, self._lpips = wanted, protocol, lpips
        self._device, self._on_step = device, on_step
        counts = [clip.frames for clip in clips]
        self._total = None if None in counts else sum(count or 0 for count in counts)
        self.done = 0

    def clip(self, number: int, clip: PairedClip) -> tuple[ClipScores, ClipImages]:
        watcher, plan = self._watcher(number, clip)
        names: list[str] = []
        scorer = ClipScorer(
            self._protocol, scale=self._wanted.scale, name=clip.name, lpips=self._lpips, frame_rate=clip.rate or 25.0
        )
        with scorer, closing(clip.open()) as pairs:
            for index, pair in enumerate(pairs):
                self._check_sizes(pair)
                result, reference = (frame_tensor(pixels).to(self._device) for pixels in (pair.result, pair.reference))
                result = self._placed(result)
                hole = None if pair.hole is None else unit(frame_tensor(pair.hole))[0]
                scorer.add(result, reference, hole=hole, index=index)
                if not plan.empty:
                    watcher.see(index, result, reference)
                names.append(pair.name)
                self.done += 1
                self._on_step(EvaluationProgress(self.done, self._total, self._wanted.result, clip.name))
            scores = scorer.finish()
        return scores, ClipImages(clip.name, names, {RESULT: watcher.finish()})

    def _placed(self, result: Tensor) -> Tensor:
        """A frame (3, h, w) moved to where its samples were, of the same type."""
        offset = sample_offset(self._wanted.sampling, self._wanted.scale)
        if offset == 0:
            return result
        moved = centred(unit(result)[None], self._wanted.scale, (offset, offset))[0]
        return sampled(moved, "round") if result.dtype is torch.uint8 else moved

    def _watcher(self, number: int, clip: PairedClip) -> tuple[ImageCollector, ImagePlan]:
        few = self._wanted.panels and number < WINDOWS
        plan = ImagePlan(
            window=(clip.frames or 1) // 2 if few else None, profile=few, blocks=self._wanted.panels and number < LOOKED_AT
        )
        return ImageCollector(RESULT, plan), plan

    def _check_sizes(self, pair: FramePair) -> None:
        """Raise InputError for sizes that differ by as many pixels as the scale, or at all where there is none."""
        (height, width), (rows, columns) = pair.result.shape[:2], pair.reference.shape[:2]
        if max(abs(height - rows), abs(width - columns)) >= self._wanted.scale and (height, width) != (rows, columns):
            raise InputError(f"{pair.label}: {width}x{height} and {columns}x{rows}: only images of one size can be compared")
