"""Every model by its name or its file, ready to run: loaded, fetched, and saved under a name of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from safetensors.torch import save as to_safetensors
from torch import Tensor

from upframe.download import Progress, download
from upframe.errors import CheckpointError, InputError
from upframe.folders import MODELS, made_writable
from upframe.models.cards import (
    FORMULAS,
    NAME,
    SOURCE_KEY,
    imported,
    models_folder,
    named_file,
    named_formula,
    shipped,
)
from upframe.models.checkpoint import read_checkpoint
from upframe.models.info import ModelInfo, from_metadata, to_metadata
from upframe.models.interpolation import Interpolation
from upframe.models.network import Network, merged
from upframe.models.published import PUBLISHED, Published, published_file, published_name
from upframe.models.recognition import found_in, network_in
from upframe.models.taau import TAAU
from upframe.regular import is_reserved
from upframe.remedies import Call, Option, way

_ENDINGS = re.compile(r"(\.(pth|pt|pkl|ckpt|tar|bin|safetensors))+$", re.IGNORECASE)
_UNVERIFIED = "no digest of it is known, so that nothing has been verified but the kind and size of the network"


@dataclass(frozen=True, slots=True)
class Model:
    """A network that is ready to run, in evaluation mode and merged form, with the card of the file it came from.

    ``found``: what was found in the file, a sentence each. ``published``: the name of the published checkpoint it is.

        >>> import torch, upframe
        >>> model = upframe.load("rt4ksr-x2")
        >>> model(torch.zeros(1, 3, 24, 32)).shape
        torch.Size([1, 3, 48, 64])
    """

    network: Network
    info: ModelInfo
    found: tuple[str, ...] = ()
    published: str = ""

    def __call__(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) in [0, 1] -> (n, 3, scale*h, scale*w), not clamped; sizes a multiple of ``info.multiple``."""
        return cast(Tensor, self.network(x))


def load(name_or_path: str | Path, *, scale: int | None = None, merge: bool = True) -> Model:
    """A model ready to run, from a shipped or imported name or any published checkpoint file of a known network.

    ``scale`` is for ``bicubic``, ``lanczos`` and ``taau``, which have none of their own (2 where it is not given).
    ``merge=False`` keeps a training form. Raises CheckpointError for a name or file that is not known, and for an unsafe file.

        >>> import upframe
        >>> upframe.load("frvsr-lite-x4").info.scale
        4
    """
    name = str(name_or_path)
    if formula := named_formula(name, scale):
        family, scale = formula
        network: Network = TAAU(scale) if family == "taau" else Interpolation(family, scale)
        return Model(network.eval(), network.info)
    return load_file(_path_of(name), merge=merge)


def _path_of(name: str) -> Path:
    """The file of a shipped or imported name, or else the name as a path."""
    if path := named_file(name):
        return path
    path = Path(name)
    if path.suffix or path.exists():
        return path
    if any(entry.name == name for entry in PUBLISHED):
        raise CheckpointError(
            f"{name}: is published and not on this machine yet",
            remedy=way("bring it with ", Call("upframe.models.catalog.fetch", (name,))),
        )
    names = ", ".join(info.name for info in (*shipped(), *imported()))
    raise CheckpointError(f"{name}: no model of this name is built in or imported. There are: {names}; or give a weights file")


def load_file(path: Path, *, merge: bool = True, settings: Mapping[str, Any] | None = None) -> Model:
    """A model from a file, whatever it is called; otherwise as :func:`load`.

    ``settings``: switches of the network that no tensor tells, as its ``configuration`` has them.
    """
    checkpoint = read_checkpoint(path)
    described, configuration = from_metadata(checkpoint.metadata)
    try:
        taken = network_in(checkpoint, configuration, settings)
    except CheckpointError as error:
        raise error.at(path) from error
    network, found = taken.network, tuple(found_in(taken))
    if merge:
        network = merged(network)
    info = network.info.with_file(name=_ENDINGS.sub("", path.name), sha256=checkpoint.sha256)
    network = network.eval().requires_grad_(False)
    if described is not None:
        source = checkpoint.metadata.get(SOURCE_KEY)
        return Model(network, _with_card(info, described), (*found, f"imported from {source}") if source else found)
    entry = published_file(path.name, checkpoint.sha256)
    if entry is None or entry.family != info.family or entry.scale != info.scale:
        info = info if taken.verdict.sure else replace(info, experimental=True, summary=f"{taken.verdict.words}.")
        return Model(network, info, found)
    known = "as its authors published it, by its SHA-256" if entry.sha256 else f"by its name alone: {_UNVERIFIED}"
    found = (*found, f"{entry.name}, {known}")
    return Model(network, _with_card(info, entry), found, published=entry.name)


def _with_card(info: ModelInfo, card: ModelInfo | Published) -> ModelInfo:
    """What no tensor tells, from a card: how it was trained and what it may be used for. All else is read off the tensors."""
    info = replace(info, licence=card.licence, summary=card.summary, sampling=card.sampling)
    if isinstance(card, ModelInfo):
        info = replace(info, experimental=card.experimental, half=card.half)
    return info if card.degradation == "unknown" else replace(info, degradation=card.degradation)


def fetch(name: str, on_progress: Progress) -> tuple[Path, Model]:
    """Download a published checkpoint into the folder of models, verify it where its digest is known, and load it for training.

    Returns the file as it was published, which is the caller's to remove, and the model with its name and card. Raises
    CheckpointError for a name that is not known, for a file that cannot be had by a program or is not what it should be, and
    OutputError.
    """
    entry = published_name(name)
    if not entry.address:
        raise CheckpointError(
            f"{name}: is published on a page for people alone",
            remedy=way(
                f"download {entry.file} in a browser from {entry.page}, then: ", _importing(entry.file, Option("name", name))
            ),
        )
    path = made_writable(models_folder(), MODELS) / "downloads" / f"{name}{Path(entry.file).suffix or '.pth'}"
    try:
        download(entry.address, path, sha256=entry.sha256, md5=entry.md5, size=entry.size, on_progress=on_progress)
    except InputError as error:
        with suppress(OSError):  # there is something in it
            path.parent.rmdir()
        raise CheckpointError(
            f"{name}: {error}",
            remedy=way("save that address in a browser, then: ", _importing("FILE", Option("name", name))),
        ) from error
    model = load_file(path, merge=False)
    if (model.info.family, model.info.scale) != (entry.family, entry.scale):
        raise CheckpointError(f"{path}: is a {model.info.family} x{model.info.scale}, and {name} was expected")
    known = (
        f"{name}, verified by its {entry.verified_by}"
        if entry.verified_by
        else f"{name}, as its address gave it: {_UNVERIFIED}"
    )
    found = (*(sentence for sentence in model.found if not sentence.startswith(f"{name}, ")), known)
    return path, replace(model, info=_with_card(model.info, entry), found=found, published=name)


def _importing(file: str, *options: Option) -> Call:
    return Call("upframe.models.catalog.load_file", (Path(file), *options))


def name_for(model: Model, name: str | None) -> str:
    """The name to import a model under: the one given, else that of the published file it is, else the file's own.

    Raises CheckpointError for a name that is not one word of letters, digits, ``.``, ``_``, ``+`` and ``-``, and for the name
    of a built-in model.
    """
    chosen = name or model.published or re.sub(r"[^A-Za-z0-9._+-]+", "-", model.info.name).strip("-.")
    return usable_name(chosen or model.info.name)


def usable_name(chosen: str) -> str:
    """The name, where an imported model may have it; raises CheckpointError as :func:`name_for`."""
    if not NAME.fullmatch(chosen) or is_reserved(chosen):
        raise CheckpointError(
            f"{chosen}: not a name for a model",
            remedy=way("give one word of letters and digits as ", Option("name")),
        )
    small = chosen.lower()  # some systems do not tell capitals from small letters in names of files
    if small.partition("-x")[0] in FORMULAS or any(info.name == small for info in shipped()):
        raise CheckpointError(f"{chosen}: the name of a built-in model", remedy=way("give another ", Option("name")))
    return chosen


def save(model: Model, path: Path, *, source: str = "") -> None:
    """Write a model as safetensors, with its ModelInfo, configuration and ``source`` in the metadata. Raises OSError."""
    state = {name: value.detach().clone().contiguous() for name, value in model.network.state_dict().items()}
    metadata = to_metadata(model.info, model.network.configuration) | ({SOURCE_KEY: source} if source else {})
    path.write_bytes(to_safetensors(state, metadata))
