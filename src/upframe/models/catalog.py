"""Every model by its name or its file: what is built in, and which network a checkpoint belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import cast

from safetensors import safe_open
from torch import Tensor, nn

from upframe.errors import CheckpointError
from upframe.models import rt4ksr
from upframe.models.checkpoint import read_checkpoint
from upframe.models.info import ModelInfo, from_metadata
from upframe.models.interpolation import Interpolation
from upframe.ops.resize import Kernel

INTERPOLATIONS: tuple[Kernel, ...] = ("bicubic", "lanczos")
DEFAULT_FAMILY = "rt4ksr"


@dataclass(frozen=True, slots=True)
class Model:
    """A network that is ready to run, in evaluation mode and merged form, with the card of the file it came from."""

    network: nn.Module
    info: ModelInfo

    def __call__(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) in [0, 1] -> (n, 3, scale*h, scale*w), not clamped; sizes a multiple of ``info.multiple``."""
        return cast(Tensor, self.network(x))


def weights_folder() -> Path:
    """Where the shipped weights and their cards lie."""
    return Path(str(resources.files("upframe") / "weights"))


def shipped() -> list[ModelInfo]:
    """The cards of all built-in models; reads the files' headers alone."""
    cards = [Interpolation(kernel, 2).info for kernel in INTERPOLATIONS]
    for path in sorted(weights_folder().glob("*.safetensors")):
        with safe_open(path, framework="np") as file:
            info, _ = from_metadata(file.metadata())
        if info is not None:
            cards.append(info)
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
    """A model ready to run, from a shipped name or any published checkpoint file of a known network.

    ``scale`` is for ``bicubic`` and ``lanczos``, which have none of their own (2 where it is not given). ``merge=False``
    keeps a training form. Raises CheckpointError for a name or file that is not known, and for an unsafe file.
    """
    name = str(name_or_path)
    for kernel in INTERPOLATIONS:
        if name == kernel or name.startswith(f"{kernel}-x"):
            return _interpolation(kernel, name, scale)
    path = weights_folder() / f"{name}.safetensors"
    if not path.is_file():
        path = Path(name)
        if not path.suffix and not path.exists():
            names = ", ".join(info.name for info in shipped())
            raise CheckpointError(f"{name}: no model of this name is built in. There are: {names}; or give a weights file")
    return _from_file(path, merge=merge)


def _interpolation(kernel: Kernel, name: str, scale: int | None) -> Model:
    suffix = name.removeprefix(kernel).removeprefix("-x")
    if suffix and not suffix.isdigit():
        raise CheckpointError(f"{name}: no model of this name is built in; {kernel}-x2 and the like are")
    network = Interpolation(kernel, scale or int(suffix or 2))
    return Model(network.eval(), network.info)


def _from_file(path: Path, *, merge: bool) -> Model:
    checkpoint = read_checkpoint(path)
    described, configuration = from_metadata(checkpoint.metadata)
    if not rt4ksr.recognises(checkpoint.state):
        raise CheckpointError(f"{path}: {_looks_like(checkpoint.state)}, which is no network Upframe knows")
    try:
        network = rt4ksr.build(checkpoint.state, configuration)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    if merge:
        network = network.merge()
    info = (described or network.info).with_file(name=path.stem, sha256=checkpoint.sha256)
    return Model(network.eval().requires_grad_(False), info)


def _looks_like(state: Mapping[str, Tensor]) -> str:
    names = ", ".join(list(state)[:3])
    values = sum(value.numel() for value in state.values())
    return f"holds {len(state)} tensors with {values:,} values ({names}, ...)"
