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
from upframe.runtime.device import Precision, choose_device
from upframe.runtime.memory import keep_freed_memory
from upframe.errors import InputError
from upframe.evaluation.clips import Clip, CutClip, common_multiple
from upframe.evaluation.exhibits import PLAIN_FAMILY, Exhibit, Showing, crops_told, gather
from upframe.evaluation.gallery import LOOKED_AT, WINDOWS, Place, Plan, Watcher
from upframe.evaluation.journal import Item, Journal
from upframe.evaluation.models import listed, load_models, usual_degradation, warn
from upframe.evaluation.protocols import Asked, choose_protocol, default_protocol
from upframe.evaluation.provenance import provenance
from upframe.evaluation.results import Evaluation, Subject, scored
from upframe.evaluation.runs import Upscaled, Run, RunSettings, make_run
from upframe.evaluation.sampling import sampling_in
from upframe.media.image.file import write_image
from upframe.media.image.image import Image
from upframe.metrics import LPIPS, ClipScorer, Protocol, frame_tensor
from upframe.models.info import ModelInfo
from upframe.ops.resize import upscale
from upframe.ops.sampling import Sampling
from upframe.ops.shift import centred


class Step(NamedTuple):
    """Where an evaluation is: frames done of all, and what is at work."""

    done: int
    frames: int | None
    subject: str
    clip: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be evaluated, and how.

    models: names or files. place: the data set, by name or path. scale: of the models where None. degradation: by name; where
    None, the files of low resolution that are there, else what the models were trained for. low: where low resolution lies.
    multiple: what low resolution is cut to; where None, what all models take without padding.
    cuts: as for :func:`upframe.engine.cuts.choose_cuts`. far: as for :class:`upframe.Supersampler`. journal: the folder of
    finished items, which are not done again. keep: a folder for the results. exhibits: whether to gather images for a page.
    """

    models: tuple[str, ...]
    place: str
    asked: Asked = field(default_factory=Asked)
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
    exhibits: bool = False


def evaluate(
    wish: Wish, *, on_step: Callable[[Step], None] = lambda _: None, on_note: Callable[[str], None] = lambda _: None
) -> tuple[Evaluation, tuple[Exhibit, ...]]:
    """Run every model, and bicubic, over a set; score and time each frame.

    Returns the scores and, where ``wish.exhibits``, the images of a page. Memory holds a frame at a time, and what a model
    looks ahead. Raises UpframeError: for models of different scales, a set or weights that are not there, frames that do not
    fit, and whatever metrics raise.
    """
    notes: list[str] = []

    def note(text: str) -> None:
        if text not in notes:
            notes.append(text)
            on_note(text)

    keep_freed_memory()
    models = load_models(wish.models, wish.scale)
    infos = [model.info for model in models]
    device = choose_device(wish.device)
    dataset = _open(wish, infos)
    protocol, lpips = choose_protocol(wish.asked, default_protocol(dataset, infos), device, note)
    warn(infos, dataset, note)
    sampling = sampling_in(dataset)
    settings = RunSettings(wish.device, wish.precision, wish.cuts, wish.far, sampling)
    runs = [make_run(model, dataset.clips, settings) for model in models]
    multiple = 1 if dataset.kind == "rendered" else wish.multiple or common_multiple(infos)
    clips: Sequence[Clip] = dataset.clips if multiple == 1 else [CutClip(c, dataset.scale, multiple) for c in dataset.clips]
    total = dataset.frames * len(runs)
    work = _Work(wish, dataset, protocol, lpips, on_step, sampling=sampling, multiple=multiple, total=total)
    items = [work.clip(number, clip, runs) for number, clip in enumerate(clips)]
    subjects = [_subject(run.info, [row[column] for row in items]) for column, run in enumerate(runs)]
    for subject in subjects:
        if left_out := dataset.frames - len(subject.milliseconds):
            note(f"{subject.name}: {left_out} of {dataset.frames} frames have no colour and are not among its scores")
    evaluation = Evaluation(
        title=f"{listed(infos)} on {dataset.name}",
        protocol=protocol,
        scored=tuple(
            scored(subject, tuple(row[column].scores for row in items), protocol) for column, subject in enumerate(subjects)
        ),
        about=_about(dataset, sampling, multiple) | crops_told(len(clips) if wish.exhibits else 0),
        notes=tuple(notes),
        made=provenance(device),
    )
    if not evaluation.metrics:
        raise InputError(f"{dataset.name}: {', '.join(protocol.metrics)}: no frame has a value. {protocol}")
    return evaluation, _exhibits(clips, runs, items) if wish.exhibits else ()


def _exhibits(clips: Sequence[Clip], runs: Sequence[Run], items: Sequence[Sequence[Item]]) -> tuple[Exhibit, ...]:
    """What is shown of ``items``, by clip and model."""
    return gather(
        [
            Showing(clip.name, clip.frame_names, {run.info.name: item.images for run, item in zip(runs, row, strict=True)})
            for clip, row in zip(clips, items, strict=True)
        ]
    )


def _open(wish: Wish, infos: Sequence[ModelInfo]) -> EvaluationSet:
    """The set, its low resolution made as is named, else as the models were trained."""
    if wish.far is not None and not wish.far > 0:
        raise InputError(f"the largest depth of STSSNet (far) must be above 0, not {wish.far}")
    degradation = None if wish.degradation is None else named(wish.degradation)
    if degradation is None and wish.low is None:
        degradation = usual_degradation(infos)
    dataset = open_set(wish.place, scale=infos[0].scale, degradation=degradation, layout=wish.layout, low=wish.low)
    if dataset.kind == "rendered" and (wish.degradation is not None or wish.low is not None or wish.multiple is not None):
        raise InputError(f"{wish.place}: rendered frames are scored as they are: leave out --degradation, --low, --multiple")
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


def _subject(info: ModelInfo, items: Sequence[Item]) -> Subject:
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
        wish: Wish,
        dataset: EvaluationSet,
        protocol: Protocol,
        lpips: LPIPS | None,
        on_step: Callable[[Step], None],
        *,
        sampling: Sampling,
        multiple: int,
        total: int,
    ) -> None:
        self._wish, self._set, self._protocol, self._lpips = wish, dataset, protocol, lpips
        self._sampling, self._multiple, self._journal = sampling, multiple, Journal(wish.journal)
        self._on_step, self._done, self._total = on_step, 0, total

    def clip(self, number: int, clip: Clip, runs: Sequence[Run]) -> list[Item]:
        """All models on one clip. The first decides which places are shown of it."""
        plan = self._plan(number, clip)
        places: tuple[Place, ...] | None = None
        items = []
        for run in runs:
            item = self._item(clip, run, plan, places)
            places = tuple(item.images.blocks) if places is None else places
            items.append(item)
        return items

    def _plan(self, number: int, clip: Clip) -> Plan:
        if not self._wish.exhibits:
            return Plan()
        few = number < WINDOWS
        return Plan(window=clip.scored[len(clip.scored) // 2] if few else None, profile=few, blocks=number < LOOKED_AT)

    def _item(self, clip: Clip, run: Run, plan: Plan, places: tuple[Place, ...] | None) -> Item:
        key = self._key(clip, run)
        shown = "" if plan.empty else f"{plan} {places}"
        item = self._journal.find(key)
        if item is not None and shown in ("", item.shown) and self._kept(clip, run):
            self._tell(clip, run, len(clip.frame_names))
            return item
        item = replace(self._run(clip, run, plan, places), shown=shown)
        self._journal.keep(key, item)
        return item

    def _key(self, clip: Clip, run: Run) -> dict[str, Any]:
        """All that the scores of a model on a clip depend on."""
        wish = self._wish
        return {
            "model": run.info.sha256 or f"{run.info.family}-x{run.info.scale}",
            "protocol": self._protocol.digest(),
            "set": str(Path(wish.place).resolve()) if Path(wish.place).exists() else wish.place,
            "low": self._set.low_source if wish.low is None else str(wish.low.resolve()),
            "degradation": self._set.degradation,
            "sampling": [self._sampling, run.info.sampling],
            "clip": clip.name,
            "frames": list(clip.frame_names),
            "scored": list(clip.scored),
            "multiple": self._multiple,
            "scale": run.info.scale,
            "precision": wish.precision,
            "device": run.device.type,
            "cuts": wish.cuts,
            "far": wish.far,
        }

    def _run(self, clip: Clip, run: Run, plan: Plan, places: tuple[Place, ...] | None) -> Item:
        scale, milliseconds = run.info.scale, []
        watcher = Watcher(run.info.name, plan, scale=scale, places=places)
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
        return Item(scores, tuple(milliseconds), watcher.finish())

    def _watch(self, watcher: Watcher, upscaled: Upscaled, reference: Tensor, run: Run, *, first: bool) -> None:
        result = upscaled.image.to(reference.device)
        if not first or upscaled.low is None:
            watcher.see(upscaled.index, result, reference)
            return
        low = upscaled.low.to(reference.device)
        plain = None
        if run.info.family != PLAIN_FAMILY:
            plain = centred(upscale(low[None], run.info.scale), run.info.scale, upscaled.offset)[0]
        watcher.see(upscaled.index, result, reference, low, plain)

    def _result_path(self, folder: Path, clip: Clip, run: Run, index: int) -> Path:
        model = folder / run.info.name
        return (
            model / f"{clip.name}.png" if len(clip.frame_names) == 1 else model / clip.name / f"{clip.frame_names[index]}.png"
        )

    def _kept(self, clip: Clip, run: Run) -> bool:
        """Whether all results are there that are to be kept."""
        folder = self._wish.keep
        return folder is None or all(
            self._result_path(folder, clip, run, index).is_file() for index in range(len(clip.frame_names))
        )

    def _write(self, clip: Clip, run: Run, upscaled: Upscaled) -> None:
        """Keep a result as an 8-bit PNG, under the model's and the clip's name."""
        if self._wish.keep is not None:
            pixels = to_pixels(upscaled.image[None], np.dtype(np.uint8))
            write_image(self._result_path(self._wish.keep, clip, run, upscaled.index), Image(pixels), overwrite=True)

    def _tell(self, clip: Clip, run: Run, frames: int) -> None:
        self._done += frames
        self._on_step(Step(self._done, self._total, run.info.name, clip.name))
