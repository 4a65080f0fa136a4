"""The files of weights that a recipe names: one that is missing is reported by its key, before anything is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from upframe.errors import InputError
from upframe.models.cards import NAME, named_file
from upframe.training.objectives.recipe import Recipe


class _Wanted(NamedTuple):
    """``key``: where a recipe names files. ``remedy``: what to do without. ``weight``: the loss that alone needs them."""

    key: str
    remedy: str
    weight: str = ""


_WANTED = (
    _Wanted("model.start", "give a weights file or the name of a model, or start from random weights: model.start=null"),
    _Wanted("model.widen", "give a weights file or the name of a model, or leave it out: model.widen=null"),
    _Wanted("model.unfold", "give a weights file, or leave it out: model.unfold=null"),
    _Wanted("model.flow", "give the weights of SPyNet as BasicVSR publishes them, or start from random ones: model.flow=null"),
    _Wanted("losses.features.file", "give torchvision's file, or do without: losses.feature=0", "losses.feature"),
    _Wanted("losses.lpips_files", "give those of LPIPS and of its classifier, or do without: losses.lpips=0", "losses.lpips"),
    _Wanted("validation.lpips_files", "give those of LPIPS and of its classifier, or leave it out"),
)


def require_files(recipe: Recipe) -> None:
    """Raise InputError for the first file that is named and missing; what may be a model's name is not looked for."""
    values = recipe.model_dump()
    for wanted in _WANTED:
        if wanted.weight and not _at(values, wanted.weight):
            continue
        named = _at(values, wanted.key) or ()
        for name in (named,) if isinstance(named, str) else named:
            if not _is_there(name):
                raise InputError(f"{recipe.name}: {wanted.key}: {name}: no such file", remedy=wanted.remedy)


def _is_there(name: str) -> bool:
    path = Path(name).expanduser()
    return path.is_file() or named_file(name) is not None or (not path.suffix and NAME.fullmatch(name) is not None)


def _at(values: Any, key: str) -> Any:
    """The value at ``a.b``; None where there is none."""
    for part in key.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values
