"""Which network a checkpoint belongs to, and what was found in it."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from upframe.errors import CheckpointError, MissingExtra
from upframe.models import families, zoo
from upframe.models.cards import word
from upframe.models.checkpoint import Checkpoint, check_finite, check_sound
from upframe.models.network import Family, Network
from upframe.models.switches import SwitchSettings, settle
from upframe.models.tensor_sets import Weights

LARGEST_SCALE = 16  # of a network; a file that claims more is damaged or means harm

PARTS = (
    (
        "discriminator_block.block1.0.weight",
        "a discriminator of TecoGAN: it judges images in training and makes none. Give the file of the generator",
    ),
    (
        "basic_module.0.basic_module.0.conv.weight",
        "a SPyNet: it estimates motion inside TTVSR and upscales nothing by itself. Give the file of a whole TTVSR",
    ),
)
"""Networks that are published by themselves and are no upscalers: a name that tells them, and what to say of them."""


@dataclass(frozen=True, slots=True)
class RecognisedNetwork:
    """A network, the set of tensors that it was built from, and how what no tensor tells is known."""

    network: Network
    weights: Weights
    verdict: SwitchSettings


def network_in(
    checkpoint: Checkpoint, configuration: Mapping[str, Any], asked: Mapping[str, Any] | None = None
) -> RecognisedNetwork:
    """The network in a file. ``configuration``: its switches as the file says them; ``asked``: as the user does.

    Raises CheckpointError.
    """
    failure: CheckpointError | None = None
    for weights in checkpoint.sets:
        family = next((family for family in families.FAMILIES if family.recognises(weights.state)), None)
        if family is None:
            continue
        try:
            network, verdict = _build(family, weights.state, configuration, asked or {})
        except CheckpointError as error:
            failure = failure or error
        else:
            return RecognisedNetwork(network, weights, verdict)
    most = [weights for weights in checkpoint.sets if 2 * weights.values >= checkpoint.largest.values]
    for weights in most:
        for name, words in PARTS:
            if name in weights.state and failure is None:
                raise CheckpointError(words)
    try:
        network, weights = _from_zoo(checkpoint.largest, most)
        check_asked(network, asked or {})
        return RecognisedNetwork(network, weights, SwitchSettings({}))
    except CheckpointError as error:
        raise failure or error from None


def _build(
    family: Family, state: Mapping[str, Tensor], configuration: Mapping[str, Any], asked: Mapping[str, Any]
) -> tuple[Network, SwitchSettings]:
    """Build a network first without memory, which settles whether the sizes agree, then in earnest."""
    check_sound(state)
    given = {**configuration, **asked}
    try:
        with warnings.catch_warnings(), torch.device("meta"):
            warnings.simplefilter("ignore")  # that nothing is copied, which is the point
            family.build(state, given)
        network = family.build(state, given)
    except (RuntimeError, LookupError, ValueError, TypeError, ArithmeticError, AttributeError, MemoryError) as error:
        words = next(iter(str(error).splitlines()), type(error).__name__)
        raise CheckpointError(f"its names are those of a known network, its tensors are not ({words})") from error
    scale = network.info.scale
    if not 1 <= scale <= LARGEST_SCALE:
        raise CheckpointError(f"claims to upscale x{scale}, and x{LARGEST_SCALE} is the most that is believed")
    check_finite(network.state_dict())
    check_asked(network, asked)
    choices = family.choices(state)
    verdict = settle(choices, given, partial(family.build, state))
    return (family.build(state, verdict.settings) if choices else network), verdict


def check_asked(network: Network, asked: Mapping[str, Any]) -> None:
    """Raises CheckpointError for a switch that a network has not, or of which it did not take the value."""
    has = network.configuration
    for name, value in asked.items():
        if name not in has:
            some = f"it has {', '.join(has)}" if has else "its tensors tell all of them"
            raise CheckpointError(f"{name} is no switch of a {type(network).__name__}: {some}")
        if has[name] != value or type(has[name]) is not type(value):
            raise CheckpointError(f"{name} cannot be {word(value)}, it is {word(has[name])}")


def _from_zoo(largest: Weights, most: list[Weights]) -> tuple[Network, Weights]:
    names = ", ".join(list(largest.state)[:3])
    looks = f"holds {len(largest.state)} tensors with {largest.values:,} values ({names}, ...)"
    try:
        for weights in most:
            check_sound(weights.state)
        known = zoo.find([weights.state for weights in most])
    except (CheckpointError, MissingExtra) as error:
        raise CheckpointError(f"{looks}, not a network Upframe itself knows. {error}", remedy=error.remedy) from error
    if known is None:
        raise CheckpointError(f"{looks}, not a network that Upframe or spandrel knows")
    network, number = known
    check_finite(network.state_dict())
    return network, most[number]


def found_in(found: RecognisedNetwork) -> Iterator[str]:
    """What a file holds, in sentences: the network with its hyper-parameters, where it lay, what was left out."""
    network, weights = found.network, found.weights
    info = network.info
    what = network.model if isinstance(network, zoo.ZooNetwork) else network
    settings = (f"{name.replace('_', ' ')} {word(value)}" for name, value in _settings(what))
    yield ", ".join((f"{type(what).__name__} x{info.scale}", info.kind, f"{info.parameters:,} parameters", *settings))
    if found.verdict.words and found.verdict.sure:
        yield found.verdict.words
    if weights.place:
        where = " / ".join(weights.place)
        yield (
            f"took the averaged{_of(weights.average)} weights, {where}" if weights.average else f"the weights lay under {where}"
        )
    elif weights.average:
        yield f"took the averaged{_of(weights.average)} weights"
    if weights.beside:
        yield f"left out {_some(weights.beside)}, which {'is' if len(weights.beside) == 1 else 'are'} not its weights"
    unused = [] if what is not network else [name for name in weights.state if name not in network.state_dict()]
    if unused:
        yield f"left out {_some(unused)}, which the network does not use"
    kinds = {str(value.dtype).removeprefix("torch.") for value in weights.state.values() if value.is_floating_point()}
    if kinds - {"float32"}:
        yield f"stored as {', '.join(sorted(kinds))}"


def _of(average: str) -> str:
    return f" ({average})" if average.isupper() else ""


def _settings(network: object) -> Iterator[tuple[str, object]]:
    """The arguments a network was made with, as far as it keeps them under their name."""
    for name in inspect.signature(type(network)).parameters:
        value = getattr(network, name, None)
        if name != "scale" and isinstance(value, bool | int | float | str):
            yield name, value


def _some(names: Iterable[str]) -> str:
    different = list(dict.fromkeys(names))
    return ", ".join(different[:4]) + (f" and {len(different) - 4} more" if len(different) > 4 else "")
