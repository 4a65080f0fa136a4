"""Models on a data set under a protocol: their scores, their speed, and what is shown of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from upframe.datasets.clips import EvaluationSet
from upframe.datasets.degradation import named
from upframe.datasets.evaluation_set import open_set
from upframe.engine.arrays import to_pixels
from upframe.errors import InputError
from upframe.evaluation.clips import CutClip, ScoredClip, common_multiple
from upframe.evaluation.images import LOOKED_AT, WINDOWS, BlockPlace, ImageCollector, ImagePlan
from upframe.evaluation.journal import EvaluationJournal, JournalItem
from upframe.evaluation.models import listed, load_models, usual_degradation, warn, with_temporal
from upframe.evaluation.panels import PLAIN_FAMILY, ClipImages, Panel, crops_told, gather
from upframe.evaluation.protocols import ScoringOptions, choose_protocol, default_protocol
from upframe.evaluation.provenance import provenance
from upframe.evaluation.results import Evaluation, Subject, scored
from upframe.evaluation.runs import ModelRun, RunSettings, UpscaledFrame, make_run
from upframe.evaluation.sampling import sampling_in
from upframe.media.image.file import write_image
from upframe.media.image.image import Image
from upframe.metrics import LPIPS, ClipScorer, Protocol, frame_tensor
from upframe.models.info import ModelInfo
from upframe.ops.resize import upscale
from upframe.ops.sampling import Sampling
from upframe.ops.shift import centred
from upframe.remedies import leave_out
from upframe.runtime.device import choose_device
from upframe.runtime.memory import keep_freed_memory
from upframe.runtime.precision import Precision


class EvaluationProgress(NamedTuple):
    """Where an evaluation is: frames done of all, and what is at work."""

    done: int
    frames: int | None
    subject: str
    clip: str


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """What is to be evaluated, and how.

    models: names or files. place: the data set, by name or path. scale: of the models where None. degradation: by name; where
    None, the files of low resolution that are there, else what the models were trained for. low: where low resolution is.
    multiple: what low resolution is cut to; where None, what all models take without padding.
    cuts: as for :func:`upframe.engine.cuts.choose_cuts`. far: as for :class:`upframe.Supersampler`. journal: the folder of
    finished items, which are not done again. keep: a folder for the results. panels: whether to gather images for a page.
    """

    models: tuple[str, ...]
    place: str
    scoring: ScoringOptions = field(default_factory=ScoringOptions)
    scale: int | None = None
    degradation: str | None = None
    layout: str = "auto"
    low: Path | None = None
    multiple: int | None = None
    device: str = "auto"
    precision: Precision = "auto"
    cuts: str = "off"
    far: float | None = None
    journal: Path | None = None
    keep: Path | None = None
    panels: bool = False


def evaluate(
    options: EvaluationOptions,
    *,
    on_step: Callable[[EvaluationProgress], None] = lambda _: None,
    on_note: Callable[[str], None] = lambda _: None,
) -> tuple[Evaluation, tuple[Panel, ...]]:
    """Run every model, and bicubic (and ``taau``, where one is for rendered clips), over a set; score and time each frame.

    Returns the scores and, where ``options.panels``, the images of a page. Memory holds a frame at a time, and what a model
    looks ahead. Raises UpframeError: for models of different scales, a set or weights that are not there, frames that do not
    fit, and whatever metrics raise.
    """
    notes: list[str] = []

    def note(text: str) -> None:
        if text not in notes:
            notes.append(text)
            on_note(text)

    keep_freed_memory()
    models = load_models(options.models, options.scale)
    device = choose_device(options.device)
    dataset = _open(options, [model.info for model in models])
    models = with_temporal(models, dataset)
    infos = [model.info for model in models]
    protocol, lpips = choose_protocol(options.scoring, default_protocol(dataset, infos), device, note)
    warn(models, dataset, note)
    sampling = sampling_in(dataset)
    settings = RunSettings(options.device, options.precision, options.cuts, options.far, sampling)
    runs = [make_run(model, dataset.clips, settings) for model in models]
    multiple = 1 if dataset.kind == "rendered" else options.multiple or common_multiple(infos)
    clips: Sequence[ScoredClip] = (
        dataset.clips if multiple == 1 else [CutClip(c, dataset.scale, multiple) for c in dataset.clips]
    )
    total = dataset.frames * len(runs)
    work = _Work(options, dataset, protocol, lpips, on_step, sampling=sampling, multiple=multiple, total=total)
    items = [work.clip(number, clip, runs) for number, clip in enumerate(clips)]
    subjects = [_subject(run.info, [row[column] for row in items]) for column, run in enumerate(runs)]
    for subject in subjects:
        if left_out := dataset.frames - len(subject.milliseconds):
            note(f"{subject.name}: {left_out} of {dataset.frames} frames have no colour and do not count in its scores")
    evaluation = Evaluation(
        title=f"{listed(infos)} on {dataset.name}",
        protocol=protocol,
        scored=tuple(
            scored(subject, tuple(row[column].scores for row in items), protocol) for column, subject in enumerate(subjects)
        ),
        about=_about(dataset, sampling, multiple) | crops_told(len(clips) if options.panels else 0),
        notes=tuple(notes),
        made=provenance(device),
    )
    if not evaluation.metrics:
        raise InputError(f"{dataset.name}: {', '.join(protocol.metrics)}: no frame has a value. {protocol}")
    return evaluation, _panels(clips, runs, items) if options.panels else ()


def _panels(clips: Sequence[ScoredClip], runs: Sequence[ModelRun], items: Sequence[Sequence[JournalItem]]) -> tuple[Panel, ...]:
    """What is shown of ``items``, by clip and model."""
    return gather(
        [
            ClipImages(clip.name, clip.frame_names, {run.info.name: item.images for run, item in zip(runs, row, strict=True)})
            for clip, row in zip(clips, items, strict=True)
        ]
    )


def _open(options: EvaluationOptions, infos: Sequence[ModelInfo]) -> EvaluationSet:
    """The set, its low resolution made as is named, else as the models were trained."""
    if options.far is not None and not options.far > 0:
        raise InputError(f"the largest depth of STSSNet (far) must be above 0, not {options.far}")
    degradation = None if options.degradation is None else named(options.degradation)
    if degradation is None and options.low is None:
        degradation = usual_degradation(infos)
    dataset = open_set(options.place, scale=infos[0].scale, degradation=degradation, layout=options.layout, low=options.low)
    if dataset.kind == "rendered" and (options.degradation, options.low, options.multiple) != (None, None, None):
        raise InputError(
            f"{options.place}: rendered frames are scored as they are", remedy=leave_out("degradation", "low", "multiple")
        )
    return dataset


def _about(dataset: EvaluationSet, sampling: Sampling, multiple: int) -> dict[str, str | int]:
    return {
        "set": dataset.name,
        "kind": dataset.kind,
        "scale": dataset.scale,
        "low resolution": dataset.low_source,
        "samples": f"at the {sampling} of their cells",
        "high resolution": "targets"
        if dataset.kind == "rendered"
        else f"cut to a multiple of {dataset.crop_multiple * multiple}",
        "clips": len(dataset.clips),
        "frames": dataset.frames,
    }


def _subject(info: ModelInfo, items: Sequence[JournalItem]) -> Subject:
    described: dict[str, str | int] = {"family": info.family, "trained for": info.degradation, "licence": info.licence}
    if info.parameters:
        described["parameters"] = info.parameters
    if info.sha256:
        described["sha256"] = info.sha256
    return Subject(info.name, described, tuple(value for item in items for value in item.milliseconds))


class _Work:
    """One evaluation at work."""

    def __init__(
        self,
        options: EvaluationOptions,
        dataset: EvaluationSet,
        protocol: Protocol,
        lpips: LPIPS | None,
        on_step: Callable[[EvaluationProgress], None],
        *,
        sampling: Sampling,
        multiple: int,
        total: int,
    ) -> None:
        self._wish, self._set, self._protocol, self._lpips = options, dataset, protocol, lpips
        self._sampling, self._multiple, self._journal = sampling, multiple, EvaluationJournal(options.journal)
        self._on_step, self._done, self._total = on_step, 0, total

    def clip(self, number: int, clip: ScoredClip, runs: Sequence[ModelRun]) -> list[JournalItem]:
        """All models on one clip. The first decides which places are shown of it."""
        plan = self._plan(number, clip)
        places: tuple[BlockPlace, ...] | None = None
        items = []
        for run in runs:
            item = self._item(clip, run, plan, places)
            places = tuple(item.images.blocks) if places is None else places
            items.append(item)
        return items

    def _plan(self, number: int, clip: ScoredClip) -> ImagePlan:
        if not self._wish.panels:
            return ImagePlan()
        few = number < WINDOWS
        return ImagePlan(window=clip.scored[len(clip.scored) // 2] if few else None, profile=few, blocks=number < LOOKED_AT)

    def _item(self, clip: ScoredClip, run: ModelRun, plan: ImagePlan, places: tuple[BlockPlace, ...] | None) -> JournalItem:
        key = self._key(clip, run)
        shown = "" if plan.empty else f"{plan} {places}"
        item = self._journal.find(key)
        if item is not None and shown in ("", item.shown) and self._kept(clip, run):
            self._tell(clip, run, len(clip.frame_names))
            return item
        item = replace(self._run(clip, run, plan, places), shown=shown)
        self._journal.keep(key, item)
        return item

    def _key(self, clip: ScoredClip, run: ModelRun) -> dict[str, Any]:
        """All that the scores of a model on a clip depend on."""
        options = self._wish
        return {
            "model": run.info.sha256 or f"{run.info.family}-x{run.info.scale}",
            "protocol": self._protocol.digest(),
            "set": str(Path(options.place).resolve()) if Path(options.place).exists() else options.place,
            "low": self._set.low_source if options.low is None else str(options.low.resolve()),
            "degradation": self._set.degradation,
            "sampling": [self._sampling, run.info.sampling],
            "clip": clip.name,
            "frames": list(clip.frame_names),
            "scored": list(clip.scored),
            "multiple": self._multiple,
            "scale": run.info.scale,
            "precision": options.precision,
            "device": run.device.type,
            "cuts": options.cuts,
            "far": options.far,
        }

    def _run(self, clip: ScoredClip, run: ModelRun, plan: ImagePlan, places: tuple[BlockPlace, ...] | None) -> JournalItem:
        scale, milliseconds = run.info.scale, []
        watcher = ImageCollector(run.info.name, plan, scale=scale, places=places)
        numbered = self._set.kind == "rendered"  # frames are known by their number, which tells the drawn from the made
        lpips_device = self._lpips.shift.device if self._lpips is not None else run.device
        with ClipScorer(self._protocol, scale=scale, name=clip.name, lpips=self._lpips) as scorer, torch.inference_mode():
            for upscaled in run(clip):
                milliseconds.append(upscaled.milliseconds)
                index = upscaled.index
                if index in clip.scored:
                    reference = frame_tensor(clip.high(index)).to(lpips_device)
                    number = int(clip.frame_names[index]) if numbered else index
                    hole = torch.from_numpy(clip.hole(index)) if self._protocol.mask == "hole" else None
                    scorer.add(upscaled.image.to(lpips_device), reference, hole=hole, index=number)
                    if not plan.empty:
                        self._watch(watcher, upscaled, reference, run, first=places is None)
                self._write(clip, run, upscaled)
                self._tell(clip, run, 1)
            self._tell(clip, run, len(clip.frame_names) - len(milliseconds))
            scores = scorer.finish()
        return JournalItem(scores, tuple(milliseconds), watcher.finish())

    def _watch(
        self, watcher: ImageCollector, upscaled: UpscaledFrame, reference: Tensor, run: ModelRun, *, first: bool
    ) -> None:
        result = upscaled.image.to(reference.device)
        if not first or upscaled.low is None:
            watcher.see(upscaled.index, result, reference)
            return
        low = upscaled.low.to(reference.device)
        plain = None
        if run.info.family != PLAIN_FAMILY:
            plain = centred(upscale(low[None], run.info.scale), run.info.scale, upscaled.offset)[0]
        watcher.see(upscaled.index, result, reference, low, plain)

    def _result_path(self, folder: Path, clip: ScoredClip, run: ModelRun, index: int) -> Path:
        model = folder / run.info.name
        return (
            model / f"{clip.name}.png" if len(clip.frame_names) == 1 else model / clip.name / f"{clip.frame_names[index]}.png"
        )

    def _kept(self, clip: ScoredClip, run: ModelRun) -> bool:
        """Whether all results are there that are to be kept."""
        folder = self._wish.keep
        return folder is None or all(
            self._result_path(folder, clip, run, index).is_file() for index in range(len(clip.frame_names))
        )

    def _write(self, clip: ScoredClip, run: ModelRun, upscaled: UpscaledFrame) -> None:
        """Keep a result as an 8-bit PNG, under the model's and the clip's name."""
        if self._wish.keep is not None:
            pixels = to_pixels(upscaled.image[None], np.dtype(np.uint8))
            write_image(self._result_path(self._wish.keep, clip, run, upscaled.index), Image(pixels), overwrite=True)

    def _tell(self, clip: ScoredClip, run: ModelRun, frames: int) -> None:
        self._done += frames
        self._on_step(EvaluationProgress(self._done, self._total, run.info.name, clip.name))
