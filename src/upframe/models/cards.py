"""Which models there are, and what is known of each without loading it: the built-in ones, and those of the user.

Torch is not imported: listing models answers at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from upframe.errors import CheckpointError, InputError
from upframe.folders import MODELS, is_readable, user_folder
from upframe.models.header import read_header, sha256
from upframe.models.info import ModelInfo, from_metadata

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")  # of a model; whatever else is asked for is a path
DEFAULT_FAMILY = "rt4ksr"
SOURCE_KEY = "source"  # of the metadata of an imported file: the name and SHA-256 of what was imported
Formula = Literal["bicubic", "lanczos", "taau"]
FORMULAS: tuple[Formula, ...] = ("bicubic", "lanczos", "taau")
"""Built in without weights, for comparison, at every scale."""
_REACH = {"bicubic": 2, "lanczos": 3}  # of a kernel, in pixels of the input
_TYPES = {"F16": "float16", "BF16": "bfloat16", "F64": "float64"}  # worth a word where weights are stored as one of them


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a model. ``found``: what its file says beside the numbers of ``info``, a sentence each."""

    info: ModelInfo
    found: tuple[str, ...] = ()


def weights_folder() -> Path:
    """Where the shipped weights and their cards lie."""
    return Path(str(resources.files("upframe") / "weights"))


def models_folder() -> Path:
    """Where imported models lie: see :func:`upframe.folders.user_folder`. Raises InputError for a user without a home."""
    return user_folder("models", MODELS)


def shipped() -> list[ModelInfo]:
    """All built-in models.

    >>> import upframe
    >>> "rt4ksr-x2" in [info.name for info in upframe.shipped()]
    True
    """
    return [formula(name, 2) for name in FORMULAS] + _infos(weights_folder())


def imported() -> list[ModelInfo]:
    """The user's own models; files that are damaged or have no card are passed over.

    >>> import upframe
    >>> all(isinstance(info, upframe.ModelInfo) for info in upframe.imported())
    True
    """
    return [info for folder in _folders()[1:] for info in _infos(folder)]


def _folders() -> list[Path]:
    """Where models are looked for by name: the shipped ones first, which nothing imported can stand in for."""
    try:
        own = models_folder()
    except InputError:  # no home: there is nothing imported
        return [weights_folder()]
    return [weights_folder(), own] if is_readable(own) else [weights_folder()]


def _infos(folder: Path) -> list[ModelInfo]:
    cards = map(_card, sorted(folder.glob("*.safetensors")))
    return [card.info for card in cards if card is not None]


def _card(path: Path) -> Card | None:
    """What a file's header says; None where it cannot be read, or says nothing of ours."""
    try:
        header = read_header(path)
    except CheckpointError:
        return None
    info, configuration = from_metadata(header.metadata)
    if info is None:
        return None
    stored = sorted(_TYPES[kind] for kind in header.types & _TYPES.keys())
    return Card(replace(info, name=path.stem), tuple(_found(configuration, stored, header.metadata.get(SOURCE_KEY))))


def _found(configuration: dict[str, Any], stored: list[str], source: str | None) -> Iterator[str]:
    if configuration:
        yield ", ".join(f"{key.replace('_', ' ')} {word(value)}" for key, value in configuration.items())
    if stored:
        yield f"stored as {', '.join(stored)}"
    if source:
        yield f"imported from {source}"


def word(value: object) -> object:
    """A setting of a network as it is written for people."""
    return ("no", "yes")[value] if isinstance(value, bool) else value


def formula(family: Formula, scale: int) -> ModelInfo:
    """What there is to know of a model without weights."""
    plain = ModelInfo(
        name=f"{family}-x{scale}", family=family, kind="image", scale=scale, degradation="none", licence="Apache-2.0"
    )
    if family == "taau":
        return replace(
            plain,
            kind="rendered",
            inputs=("colour", "depth", "motion"),
            radius=None,  # motion reaches anywhere
            past=1,
            summary="Temporal anti-aliasing with upsampling, as engines have it, for comparison.",
        )
    return replace(
        plain,
        radius=_REACH[family],
        border=0,  # mirrors its edges itself
        summary=f"{family.capitalize()} interpolation, for comparison.",
    )


def named_formula(name: str, scale: int | None = None) -> tuple[Formula, int] | None:
    """Which it is, and the scale, of ``bicubic``, ``lanczos-x3`` and the like; None for another name.

    ``scale`` goes before the name's own, and 2 where there is neither. Raises CheckpointError for a scale that is none.
    """
    for family in FORMULAS:
        if name == family:
            return family, scale or 2
        if name.startswith(f"{family}-x"):
            digits = name.removeprefix(f"{family}-x")
            if not re.fullmatch("[1-9][0-9]?", digits):
                raise CheckpointError(f"{name}: no model of this name is built in; {family}-x2 and the like are")
            return family, scale or int(digits)
    return None


def named_file(name: str) -> Path | None:
    """The file of a shipped or imported model; None where there is none of this name."""
    if not NAME.fullmatch(name):
        return None
    paths = (folder / f"{name}.safetensors" for folder in _folders())
    return next((path for path in paths if path.is_file()), None)


def card_of(name: str) -> Card | None:
    """What is known of a model by its name; None for a name that is none, or whose file says nothing of itself.

    Raises CheckpointError as :func:`named_formula`.
    """
    if found := named_formula(name):
        return Card(formula(*found))
    path = named_file(name)
    card = None if path is None else _card(path)
    if path is None or card is None:
        return None
    return replace(card, info=replace(card.info, sha256=sha256(path)))


def card_text(name: str) -> str:
    """The card of a shipped model, in Markdown: data, licence, training, scores. Empty where there is none."""
    path = weights_folder() / f"{Path(name).name}.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def default_model(scale: float) -> str:
    """The built-in model for an upscaling, none experimental: the smallest scale that reaches it, else the largest."""
    offered = sorted((info.scale, info.name) for info in shipped() if info.family == DEFAULT_FAMILY and not info.experimental)
    return next((name for offer, name in offered if offer >= scale), offered[-1][1])
