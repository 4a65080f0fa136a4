"""All sets of named tensors in what a training script saved: dictionaries in dictionaries, prefixes before every name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from upframe.models import averages
from upframe.models.numpy_values import array_of
from upframe.models.pickles import Record

DEPTH = 8  # of dictionaries in one another, and of prefixes before one another
MODULES = 64  # of modules in one another
WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"}
"""Parts of names that come from what a network was wrapped in, before the names or in their middle."""


@dataclass(frozen=True, slots=True)
class Weights:
    """One set of named tensors in a file. ``place``: the keys and prefixes that lead to it; ``beside``: what else lay there.

    ``average``: ``EMA``, ``SWA`` or ``moving average`` for one of those, which gives the better images; else empty.
    """

    state: dict[str, Tensor]
    place: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    average: str = ""

    @property
    def values(self) -> int:
        """How many numbers there are, in all tensors."""
        return sum(value.numel() for value in self.state.values())


def sets_in(content: Any) -> list[Weights]:
    """Every set of named tensors: averages first, as saved before renamed, outer before inner. An optimiser's come last."""
    found = list(_sets(content, set()))
    made = list(_unwrapped(found))
    made += _from_squashed_names([*found, *made])
    made += _from_lists(content, [*found, *made])
    in_order = [*sorted(found, key=_depth), *sorted(made, key=_depth)]
    in_order = [replace(one, average=_said_elsewhere(one, _entries(content))) for one in in_order]
    return sorted(in_order, key=lambda one: (_is_memory(one), not one.average))


def _depth(weights: Weights) -> int:
    return len(weights.place)


def _is_memory(weights: Weights) -> bool:
    return not weights.average and averages.of_an_optimiser(weights.place)


def _sets(content: Any, seen: set[int], place: tuple[str, ...] = (), beside: tuple[str, ...] = ()) -> Iterator[Weights]:
    entries = _entries(content)
    if not entries or id(content) in seen or len(place) > DEPTH:
        return
    seen.add(id(content))
    values = {name: _tensor(value) for name, value in entries.items()}
    tensors = {name: value for name, value in values.items() if isinstance(name, str) and isinstance(value, Tensor)}
    others = tuple(str(name) for name in entries if name not in tensors and isinstance(name, str | int | float))
    if tensors:
        yield from _groups(Weights(tensors, place, beside + others, averages.average_in(place)))
    for name, inner in entries.items():
        if isinstance(name, str) and name not in tensors:
            siblings = tuple(other for other in (*others, *_first_parts(tensors)) if other != name)
            yield from _sets(inner, seen, (*place, name), beside + siblings)


def _tensor(value: Any) -> Any:
    return array_of(value) if isinstance(value, Record) else value


def _entries(content: Any) -> Mapping[Any, Any]:
    """What a dictionary, or a record that is one or has attributes, holds by name."""
    if isinstance(content, Mapping):
        return content
    if not isinstance(content, Record):
        return {}
    state = content.state[0] if isinstance(content.state, tuple) and content.state else content.state
    attributes = state if isinstance(state, dict) else {}
    if "_parameters" in attributes or "_modules" in attributes:
        return dict(_of_module(content, set(), ""))
    return {**attributes, **content.entries}


def _of_module(content: Any, seen: set[int], prefix: str) -> Iterator[tuple[str, Tensor]]:
    """The named tensors of a whole network that was pickled with its classes, which are not imported."""
    if not isinstance(content, Record) or not isinstance(content.state, dict) or id(content) in seen:
        return
    if prefix.count(".") > MODULES:
        return
    seen.add(id(content))
    for kind in ("_parameters", "_buffers"):
        for name, value in _entries(content.state.get(kind)).items():
            if isinstance(name, str) and isinstance(value, Tensor):
                yield f"{prefix}{name}", value
    for name, inner in _entries(content.state.get("_modules")).items():
        if isinstance(name, str):
            yield from _of_module(inner, seen, f"{prefix}{name}.")


def _groups(weights: Weights) -> Iterator[Weights]:
    """A set, and the smaller ones of the tensors that share the beginning of their names, without that beginning."""
    yield weights
    if len(weights.place) > DEPTH:
        return
    parts = _first_parts(weights.state)
    counted = averages.COUNTER in weights.state
    inner: dict[str, dict[str, Tensor]] = {}
    for name, value in weights.state.items():
        first, dot, rest = name.partition(".")
        if dot:
            inner.setdefault(first, {})[rest] = value
    for part, state in inner.items():
        siblings = tuple(other for other in parts if other != part)
        average = weights.average or averages.average_in((part,)) or ("moving average" if counted else "")
        yield from _groups(Weights(state, (*weights.place, part), weights.beside + siblings, average))


def _first_parts(state: Mapping[str, Tensor]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.partition(".")[0] for name in state))


def _unwrapped(found: list[Weights]) -> Iterator[Weights]:
    """The sets in which some names, not all, or names in their middle, tell of a wrapper: without it."""
    for weights in found:
        if not any(WRAPPERS & {*name.split(".")} for name in weights.state):
            continue
        state: dict[str, Tensor] = {}
        for name, value in weights.state.items():
            state.setdefault(".".join(part for part in name.split(".") if part not in WRAPPERS), value)
        if len(state) == len(weights.state):
            average = weights.average or ("moving average" if averages.COUNTER in weights.state else "")
            yield replace(weights, state=state, average=average)


def _plain(found: list[Weights]) -> list[Weights]:
    """The sets that an average may be of: not averages themselves, the outermost first."""
    plain = [one for one in found if not one.average and not averages.of_an_optimiser(one.place) and len(one.state) > 1]
    return sorted(plain, key=_depth)


def _from_squashed_names(found: list[Weights]) -> Iterator[Weights]:
    """Averages whose names have lost their dots, under the names of the weights they are of."""
    for average in [one for one in found if one.average and not any("." in name for name in one.state)]:
        for weights in _plain(found):
            if (state := averages.renamed(average.state, weights.state)) is not None:
                yield replace(average, state=state)


def _from_lists(content: Any, found: list[Weights]) -> Iterator[Weights]:
    """Averages that were saved as lists of tensors without names."""
    for place, tensors in averages.nameless(content):
        for weights in _plain(found):
            if (state := averages.named(tensors, weights.state)) is not None:
                yield Weights(state, place, weights.beside, averages.average_in(place))


def _said_elsewhere(weights: Weights, entries: Mapping[Any, Any]) -> str:
    """The kind of average a set is, where what is beside it says so: two frameworks save averages in the weights' place."""
    first = weights.place[:1]
    mmengine = {"mmengine_version", "mmengine"} & {*_entries(entries.get("meta"))} or "message_hub" in entries
    if averages.SWAPPED in entries and mmengine and first in (("state_dict",), (averages.SWAPPED,)):
        return "EMA" if first == ("state_dict",) else ""
    if {"current_model_state", "averaging_state"} <= entries.keys() and first == ("state_dict",):
        return "moving average"
    return weights.average
