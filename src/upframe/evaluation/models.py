"""The models of an evaluation: loaded, named, and what low resolution they were trained for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from upframe.datasets.clips import EvaluationSet
from upframe.datasets.degradation import DEGRADATIONS, Degradation
from upframe.datasets.rendered_clips import AS_RENDERED, RenderedEvaluationClip
from upframe.errors import InputError
from upframe.evaluation.images import LOW, REFERENCE, RESULT
from upframe.evaluation.panels import PLAIN_FAMILY, TEMPORAL_FAMILY
from upframe.evaluation.sampling import made_by
from upframe.models.catalog import Model, load
from upframe.models.info import ModelInfo


def load_models(names: Iterable[str], scale: int | None) -> list[Model]:
    """The models, and bicubic at the end unless it is named. Raises InputError for different scales."""
    models = [load(name, scale=scale) for name in dict.fromkeys(names)]
    if not models:
        raise InputError("no model is named")
    trained = next((model for model in models if model.info.degradation != "none"), models[0])
    wanted = scale or trained.info.scale
    # What upscales to any size goes by the others.
    models = [load(model.info.family, scale=wanted) if model.info.degradation == "none" else model for model in models]
    for info in (model.info for model in models):
        if info.scale != wanted:
            other = f"x{scale}" if scale else f"{trained.info.name} x{wanted}"
            raise InputError(
                f"{info.name}: upscales x{info.scale}, but {other} was asked for", remedy="compare models of one scale"
            )
    if all(model.info.family != PLAIN_FAMILY for model in models):
        models.append(load(PLAIN_FAMILY, scale=wanted))
    return [replace(model, info=replace(model.info, name=name)) for model, name in zip(models, _names(models), strict=True)]


def with_temporal(models: Sequence[Model], dataset: EvaluationSet) -> list[Model]:
    """The models, and ``taau``, which every engine has, at the end where rendered clips hold what it needs."""
    clips = [clip for clip in dataset.clips if isinstance(clip, RenderedEvaluationClip)]
    if not any(model.info.kind == "rendered" for model in models) or len(clips) < len(dataset.clips):
        return list(models)
    if any(model.info.family == TEMPORAL_FAMILY for model in models):
        return list(models)
    if not all(clips[0].has_low(index) for index in range(len(clips[0].frame_names))[:2]):
        return list(models)  # every other frame was not shaded
    return [*models, load(TEMPORAL_FAMILY, scale=models[0].info.scale)]


def _names(models: Sequence[Model]) -> Iterator[str]:
    """Their names, with a number behind one that came before, or that something else has on the page."""
    seen = dict.fromkeys((REFERENCE, LOW, RESULT), 1)
    for model in models:
        name = model.info.name
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name} ({seen[name]})"


def listed(infos: Iterable[ModelInfo]) -> str:
    """The names of those that are not there for comparison: ``a``, ``a and b``, ``a, b and c``; bicubic where there is none."""
    others = [info for info in infos if info.family != PLAIN_FAMILY]
    networks = [info for info in others if info.family != TEMPORAL_FAMILY]
    *first, last = [info.name for info in networks or others] or [PLAIN_FAMILY]
    return f"{', '.join(first)} and {last}" if first else last


def trained_for(info: ModelInfo) -> Degradation | None:
    """The degradation of a model's training, where that is known and is one."""
    return DEGRADATIONS.get(info.degradation.lower())


def usual_degradation(infos: Iterable[ModelInfo]) -> Degradation | None:
    """The degradation that all trained models were trained for, where it is another than the usual BI."""
    kinds = {info.degradation: trained_for(info) for info in infos if info.degradation not in ("none", "unknown")}
    degradation = next(iter(kinds.values())) if len(kinds) == 1 else None
    return degradation if degradation is not None and degradation.kind == "BD" else None


def warn(models: Iterable[Model], dataset: EvaluationSet, note: Callable[[str], None]) -> None:
    """Note what a reader must know of models that were made for something else than the set holds."""
    interleaved = dataset.low_source == AS_RENDERED
    for model in models:
        info, network = model.info, model.network
        trained = trained_for(info)
        if trained is not None and not _fits(trained, dataset):
            made = "rendered" if dataset.kind == "rendered" else _name_of(dataset)
            note(
                f"{info.name} was trained for {info.degradation}, but low resolution is {made} here: it does worse than it can"
            )
        if info.kind == "video" and dataset.kind == "image":
            note(f"{info.name} is for video: each image is treated as a clip of one frame")
        if network.kind == "rendered" and network.fills_in and interleaved:
            note(f"{info.name} makes odd frames without their colour; other models are given the colour of every frame")


def _name_of(dataset: EvaluationSet) -> str:
    made = made_by(dataset)
    return made.name.upper() if made is not None and made.kind == "BD" else str(dataset.degradation)


def _fits(trained: Degradation, dataset: EvaluationSet) -> bool:
    """Whether low resolution is as in training, as far as is known. The ways to make BI differ by a rounding alone."""
    if dataset.kind == "rendered":
        return False
    made = made_by(dataset)
    if made is not None and made.kind == trained.kind == "BD":
        return made is trained
    return dataset.degradation in (None, trained.kind)
