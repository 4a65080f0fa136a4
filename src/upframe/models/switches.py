"""The switches of a network that no tensor tells: found out from what each setting makes of a test image, or asked for.

A network that was trained makes of a small image one that is closer to the large original than plain interpolation; with a
wrong switch (a missing residual connection, another activation) it is far from it, by ten decibels or more.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from upframe.errors import CheckpointError
from upframe.models.cards import word
from upframe.models.network import Network
from upframe.ops.blur import downscale_bd
from upframe.ops.interpolate import interpolate
from upframe.ops.resize import downscale, upscale
from upframe.remedies import Call, Option, way

SIDE = 48  # pixels of the small test image
BORDER = 4  # of them that are not judged
NEAR = -1.0  # dB against interpolation; below it an image is not like the original
CLEAR = 0.75  # dB between the best setting and the next that leave no doubt
PLAINLY = 0.2  # dB above interpolation, at which the published setting needs no comparison

Degradation = Literal["BI", "BD"]
Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SwitchSettings:
    """``settings``: all switches. ``words``: how they are known, empty where there was no question. ``sure``: if they are."""

    settings: dict[str, Any]
    words: str = ""
    sure: bool = True


def settle(choices: Mapping[str, tuple[Any, ...]], given: Settings, build: Callable[[Settings], Network]) -> SwitchSettings:
    """The settings of all switches. ``choices``: of each switch that no tensor tells, its values, the published one first.

    ``given`` settles what it holds. Raises CheckpointError where several settings make images of one worth, and the
    published one is not among them.
    """
    open_choices = {name: values for name, values in choices.items() if name not in given}
    published = {name: values[0] for name, values in open_choices.items()}
    if not open_choices:
        return SwitchSettings(dict(given))
    of_published = _score(build({**given, **published}))
    if of_published >= PLAINLY:
        return SwitchSettings({**given, **published})
    others = [dict(zip(open_choices, values, strict=True)) for values in itertools.product(*open_choices.values())][1:]
    scored = sorted(((_score(build({**given, **one})), number) for number, one in enumerate(others)), reverse=True)
    best, number = scored[0]
    if max(best, of_published) < NEAR:
        return SwitchSettings(
            {**given, **published},
            f"no tensor tells {_listed(published)}, and no setting makes an image like its input: taken as published. "
            "If it was trained otherwise, import it with the settings it was trained with",
            sure=False,
        )
    if of_published > best - CLEAR:
        return SwitchSettings({**given, **published})
    if any(best - score < CLEAR for score, _ in scored[1:] if score != best):
        settings = {name: "|".join(str(word(value)) for value in values) for name, values in open_choices.items()}
        raise CheckpointError(
            f"no tensor tells {' and '.join(open_choices)}, and several settings make images of one worth",
            remedy=way(
                "say how it was trained: ",
                Call("upframe.models.catalog.load_file", (Path("FILE"), Option("settings", settings))),
            ),
        )
    taken = others[number]
    return SwitchSettings(
        {**given, **taken}, f"{_listed(taken)}: no tensor tells, a test image came out right with these alone"
    )


def _listed(settings: Settings) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {word(value)}" for name, value in settings.items())


def _score(network: Network) -> float:
    """How much closer to the original a network's image is than interpolation, in dB, with the degradation that suits it."""
    info = network.info
    degradations: tuple[Degradation, ...] = ("BI", "BD")
    fitting = tuple(degradation for degradation in degradations if degradation == info.degradation)
    return max(_gain(network, info.scale, degradation) for degradation in fitting or degradations)


def _gain(network: Network, scale: int, degradation: Degradation) -> float:
    original, small, of_interpolation = _sample(scale, degradation)
    network.eval()
    with torch.inference_mode():
        if network.kind == "video":  # a clip of one frame
            stream = network.stream()
            large = torch.cat(stream.feed(small) + stream.finish())
        else:
            large = network(small)
    return _closeness(large, original, scale) - of_interpolation


@cache
def _sample(scale: int, degradation: Degradation) -> tuple[Tensor, Tensor, float]:
    """The original, the small image made of it, and how close interpolation comes, in dB."""
    original = _original(SIDE * scale)
    small = downscale(original, scale) if degradation == "BI" else downscale_bd(original, scale)
    plain = upscale(small, scale) if degradation == "BI" or scale not in (2, 4) else interpolate(small, scale, "BD")
    return original, small, _closeness(plain, original, scale)


def _closeness(image: Tensor, original: Tensor, scale: int) -> float:
    """PSNR inside the border, in dB."""
    edge = BORDER * scale
    error = float((image - original)[..., edge:-edge, edge:-edge].square().mean())
    return -10 * math.log10(max(error, 1e-12)) if math.isfinite(error) else -math.inf


def _original(side: int) -> Tensor:
    """An image with edges in all directions, (1, 3, side, side): bars of many sizes over one another, a little soft."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    image = torch.full((3, side, side), 0.5)
    for across, down, length, turn, *colour in _bars(60):
        along = (x - across * side) * math.cos(turn * math.pi) + (y - down * side) * math.sin(turn * math.pi)
        beside = (y - down * side) * math.cos(turn * math.pi) - (x - across * side) * math.sin(turn * math.pi)
        half = 4 + length * side / 6
        bar = torch.sigmoid(2 * (half - along.abs())) * torch.sigmoid(2 * (half / 2 - beside.abs()))
        image = image * (1 - bar) + torch.tensor(colour)[:, None, None] * bar
    return image[None]


def _bars(count: int) -> Iterator[list[float]]:
    """Seven numbers in [0, 1] a bar, spread evenly: multiples of square roots of primes."""
    for number in range(1, count + 1):
        yield [(number * math.sqrt(prime)) % 1 for prime in (2, 3, 5, 7, 11, 13, 17)]
