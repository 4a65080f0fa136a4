"""Moving averages among the weights of a training: which sets of tensors they are, and names for those saved without them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor

COUNTER = "n_averaged"  # the tensor that torch's AveragedModel keeps beside the weights it averages
SWAPPED = "ema_state_dict"  # where mmengine puts the weights as trained, having put their average in their place

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_AVERAGE = {"ema", "swa", "swag", "averaged", "average", "averaging", "avg", "polyak", "shadow", "lawa"}
_NETWORK = (
    "model|models|net|netg|params|param|parameters|weights|weight|generator|gen|g|state|dict|statedict|module|network|unet"
)
_RUN_TOGETHER = re.compile(rf"({_NETWORK})*(ema|swa|averaged|avg)({_NETWORK})*")
_OPTIMISER = {"optimizer", "optimizers", "optim", "optimiser", "moment", "moments", "momentum", "exp", "adam", "scheduler"}


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name)]


def average_in(place: Sequence[str]) -> str:
    """``EMA`` or ``SWA`` where the keys and prefixes that lead to a set of tensors name such an average, ``moving average``
    where they name another; empty for none. Any spelling: ``params_ema``, ``modelEMA``, ``netGema``, ``averaged_model``.
    """
    for part in place:
        words = _words(part)
        if _OPTIMISER & {*words}:
            continue
        for word in words:
            for kind in ("ema", "swa"):
                if word == kind or (kind in word and _RUN_TOGETHER.fullmatch(word)):
                    return kind.upper()
            if word in _AVERAGE or _RUN_TOGETHER.fullmatch(word):
                return "moving average"
    return ""


def of_an_optimiser(place: Sequence[str]) -> bool:
    """Whether these are what an optimiser remembers of the weights, under the weights' own names."""
    return any(_OPTIMISER & {*_words(part)} for part in place)


def squashed(name: str) -> str:
    """A name without its separators, which some averages are saved under (a module's buffers cannot have a dot)."""
    return name.replace(".", "").replace("_", "")


def renamed(average: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """An average whose names have lost their separators, under the names of ``weights``; None where they are not the same."""
    by_name = {squashed(name): value for name, value in average.items()}
    found = {name: by_name[squashed(name)] for name in weights if squashed(name) in by_name}
    whole = all(name in found or not value.is_floating_point() for name, value in weights.items())
    fits = all(value.shape == weights[name].shape for name, value in found.items())
    return {**weights, **found} if found and whole and fits and not found.keys() <= average.keys() else None


def named(average: Sequence[Tensor], weights: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """An average saved as a list without names, in the order of ``weights``; None where the shapes are not theirs in turn.

    Buffers, which are not averaged, may stand between the weights.
    """
    left = list(average)
    found = {}
    for name, value in weights.items():
        if left and left[0].shape == value.shape:
            found[name] = left.pop(0)
    missing = sum(value.numel() for name, value in weights.items() if name not in found)
    small = missing * 20 <= sum(value.numel() for value in weights.values())
    return {**weights, **found} if found and not left and small else None


def nameless(content: Any, place: tuple[str, ...] = (), depth: int = 4) -> Iterator[tuple[tuple[str, ...], list[Tensor]]]:
    """Every list of tensors under a name of an average, with the keys that lead to it."""
    if isinstance(content, Mapping):
        for name, inner in content.items():
            if isinstance(name, str) and depth:
                yield from nameless(inner, (*place, name), depth - 1)
    elif not isinstance(content, list | tuple):
        return
    elif content and average_in(place[-2:]) and all(isinstance(value, Tensor) for value in content):
        if "collected" not in place[-1]:  # the weights themselves, put aside
            yield place, list(content)
    elif depth:
        for number, inner in enumerate(content[:4]):
            yield from nameless(inner, (*place, str(number)), depth - 1)
