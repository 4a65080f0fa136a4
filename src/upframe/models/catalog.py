"""Every model by its name or its file: what is built in, what was imported, and which network a checkpoint belongs to."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from upframe.download import Progress, download
from upframe.errors import CheckpointError, InputError
from upframe.models.checkpoint import read_checkpoint
from upframe.models.info import ModelInfo, from_metadata, to_metadata
from upframe.models.interpolation import Interpolation
from upframe.models.published import PUBLISHED, Published, published_file, published_name
from upframe.models.recognition import found_in, network_in
from upframe.ops.resize import Kernel

INTERPOLATIONS: tuple[Kernel, ...] = ("bicubic", "lanczos")
DEFAULT_FAMILY = "rt4ksr"
SOURCE_KEY = "source"  # of the metadata of an imported file: the name and SHA-256 of what was imported
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_ENDINGS = re.compile(r"(\.(pth|pt|pkl|ckpt|tar|bin|safetensors))+$", re.IGNORECASE)


@runtime_checkable
class Mergeable(Protocol):
    """A network whose training form has a smaller equal."""

    def merge(self) -> nn.Module: ...


@dataclass(frozen=True, slots=True)
class Model:
    """A network that is ready to run, in evaluation mode and merged form, with the card of the file it came from.

    ``found``: what was found in the file, a sentence each. ``published``: the name of the published checkpoint it is.
    """

    network: nn.Module
    info: ModelInfo
    found: tuple[str, ...] = ()
    published: str = ""

    def __call__(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) in [0, 1] -> (n, 3, scale*h, scale*w), not clamped; sizes a multiple of ``info.multiple``."""
        return cast(Tensor, self.network(x))


def weights_folder() -> Path:
    """Where the shipped weights and their cards lie."""
    return Path(str(resources.files("upframe") / "weights"))


def models_folder() -> Path:
    """Where imported models lie: ``UPFRAME_MODELS``, else ``upframe/models`` in ``XDG_DATA_HOME``, else in ``~/.local/share``.

    Raises CheckpointError for a user without a home.
    """
    try:
        if folder := os.environ.get("UPFRAME_MODELS"):
            return Path(folder).expanduser()
        data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    except RuntimeError as error:
        raise CheckpointError("there is no home folder to keep models in: set UPFRAME_MODELS to a folder") from error
    return Path(data) / "upframe" / "models"


def shipped() -> list[ModelInfo]:
    """The cards of all built-in models; reads the files' headers alone."""
    return [Interpolation(kernel, 2).info for kernel in INTERPOLATIONS] + _cards(weights_folder())


def imported() -> list[ModelInfo]:
    """The cards of the user's own models; reads the files' headers alone, and passes over files that have no card."""
    return [card for folder in _folders()[1:] for card in _cards(folder)]


def _folders() -> list[Path]:
    """Where models are looked for by name: the shipped ones first, which nothing imported can stand in for."""
    try:
        return [weights_folder(), models_folder()]
    except CheckpointError:  # no home: there is nothing imported
        return [weights_folder()]


def _cards(folder: Path) -> list[ModelInfo]:
    cards = []
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="np") as file:
                info, _ = from_metadata(file.metadata())
        except (SafetensorError, OSError):
            continue
        if info is not None:
            cards.append(replace(info, name=path.stem))
    return cards


def card_text(name: str) -> str:
    """The card of a shipped model, in Markdown: data, licence, training, scores. Empty where there is none."""
    path = weights_folder() / f"{Path(name).name}.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def default_model(scale: float) -> str:
    """The built-in model for an enlargement: the smallest shipped scale that reaches it, else the largest there is."""
    offered = sorted((info.scale, info.name) for info in shipped() if info.family == DEFAULT_FAMILY)
    return next((name for offer, name in offered if offer >= scale), offered[-1][1])


def load(name_or_path: str | Path, *, scale: int | None = None, merge: bool = True) -> Model:
    """A model ready to run, from a shipped or imported name or any published checkpoint file of a known network.

    ``scale`` is for ``bicubic`` and ``lanczos``, which have none of their own (2 where it is not given). ``merge=False``
    keeps a training form. Raises CheckpointError for a name or file that is not known, and for an unsafe file.
    """
    name = str(name_or_path)
    for kernel in INTERPOLATIONS:
        if name == kernel or name.startswith(f"{kernel}-x"):
            return _interpolation(kernel, name, scale)
    return load_file(_path_of(name), merge=merge)


def _interpolation(kernel: Kernel, name: str, scale: int | None) -> Model:
    suffix = name.removeprefix(kernel).removeprefix("-x")
    if suffix and not suffix.isdigit():
        raise CheckpointError(f"{name}: no model of this name is built in; {kernel}-x2 and the like are")
    network = Interpolation(kernel, scale or int(suffix or 2))
    return Model(network.eval(), network.info)


def _path_of(name: str) -> Path:
    """The file of a shipped or imported name, or else the name as a path."""
    if _NAME.fullmatch(name):
        for folder in _folders():
            path = folder / f"{name}.safetensors"
            if path.is_file():
                return path
    path = Path(name)
    if path.suffix or path.exists():
        return path
    if any(entry.name == name for entry in PUBLISHED):
        raise CheckpointError(f"{name}: is published and not on this machine yet. `upframe models fetch {name}` brings it")
    names = ", ".join(info.name for info in (*shipped(), *imported()))
    raise CheckpointError(f"{name}: no model of this name is built in or imported. There are: {names}; or give a weights file")


def load_file(path: Path, *, merge: bool = True) -> Model:
    """A model from a file, whatever it is called; otherwise as :func:`load`."""
    checkpoint = read_checkpoint(path)
    described, configuration = from_metadata(checkpoint.metadata)
    try:
        network, weights = network_in(checkpoint, configuration)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    found = tuple(found_in(network, weights))
    if merge and isinstance(network, Mergeable):
        network = network.merge()
    info = cast(ModelInfo, network.info).with_file(name=_ENDINGS.sub("", path.name), sha256=checkpoint.sha256)
    network = network.eval().requires_grad_(False)
    if described is not None:
        source = checkpoint.metadata.get(SOURCE_KEY)
        return Model(network, _with_card(info, described), (*found, f"imported from {source}") if source else found)
    entry = published_file(path.name, checkpoint.sha256)
    if entry is None or entry.family != info.family or entry.scale != info.scale:
        return Model(network, info, found)
    how = "SHA-256" if entry.sha256 else "name"
    found = (*found, f"{entry.name} as its authors published it, known by its {how}")
    return Model(network, _with_card(info, entry), found, published=entry.name)


def _with_card(info: ModelInfo, card: ModelInfo | Published) -> ModelInfo:
    """What no tensor tells, from a card: how it was trained and what it may be used for. All else is read off the tensors."""
    info = replace(info, licence=card.licence, summary=card.summary)
    if isinstance(card, ModelInfo):
        info = replace(info, experimental=card.experimental)
    return info if card.degradation == "unknown" else replace(info, degradation=card.degradation)


def fetch(name: str, on_progress: Progress) -> tuple[Path, Model]:
    """Download a published checkpoint into the folder of models, verify it, and load it in its training form.

    Returns the file as it was published, which is the caller's to remove, and the model with its name and card. Raises
    CheckpointError for a name that is not known, for a file that cannot be had by a program or is not what it should be, and
    OutputError.
    """
    entry = published_name(name)
    if not entry.address:
        raise CheckpointError(
            f"{name}: is published on a page for people alone. Download {entry.file} in a browser from {entry.page}, then: "
            f"upframe models import {entry.file} --name {name}"
        )
    path = models_folder() / "downloads" / f"{name}{Path(entry.file).suffix or '.pth'}"
    try:
        download(entry.address, path, sha256=entry.sha256, md5=entry.md5, size=entry.size, on_progress=on_progress)
    except InputError as error:
        with suppress(OSError):  # there is something in it
            path.parent.rmdir()
        raise CheckpointError(
            f"{name}: {error}. By hand: save that address in a browser, then: upframe models import FILE --name {name}"
        ) from error
    model = load_file(path, merge=False)
    if (model.info.family, model.info.scale) != (entry.family, entry.scale):
        raise CheckpointError(f"{path}: is a {model.info.family} x{model.info.scale}, and {name} was expected")
    return path, replace(model, info=_with_card(model.info, entry), published=name)


def name_for(model: Model, name: str | None) -> str:
    """The name to import a model under: the one given, else that of the published file it is, else the file's own.

    Raises CheckpointError for a name that is not one word of letters, digits, ``.``, ``_``, ``+`` and ``-``, and for the name
    of a built-in model.
    """
    chosen = name or model.published or re.sub(r"[^A-Za-z0-9._+-]+", "-", model.info.name).strip("-.")
    if not _NAME.fullmatch(chosen):
        raise CheckpointError(
            f"{chosen or model.info.name}: is no name for a model: give one word of letters and digits with --name"
        )
    if chosen.partition("-x")[0] in INTERPOLATIONS or any(info.name == chosen for info in shipped()):
        raise CheckpointError(f"{chosen}: is the name of a built-in model: give another with --name")
    return chosen


def save(model: Model, path: Path, *, source: str = "") -> None:
    """Write a model as safetensors, with its ModelInfo, configuration and ``source`` in the metadata. Raises OSError."""
    state = {name: value.detach().clone().contiguous() for name, value in model.network.state_dict().items()}
    configuration = cast(Mapping[str, Any], model.network.configuration)
    metadata = to_metadata(model.info, configuration) | ({SOURCE_KEY: source} if source else {})
    path.write_bytes(to_safetensors(state, metadata))
