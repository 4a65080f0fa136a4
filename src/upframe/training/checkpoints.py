"""Checkpoints: written whole or not at all, and read only into the training they belong to."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from upframe.errors import CheckpointError
from upframe.media import atomic_output
from upframe.models.checkpoint import check_finite
from upframe.regular import refuse_irregular
from upframe.remedies import WRITE_ELSEWHERE, either
from upframe.training.objectives.recipe import Recipe

LAST = "last.ckpt"
RECIPE = "recipe"
_FREE = ("name", "run", "validation", "licence")
"""Parts of a recipe that may differ when a training is taken up."""


class WholeCheckpoints(TorchCheckpointIO):
    """Lightning's, but a full disk leaves the file that was there as it was. Raises OutputError."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        check_finite(checkpoint["state_dict"])
        content = io.BytesIO()  # into memory first: torch reports a full disk as an error of its own
        torch.save(checkpoint, content)
        with atomic_output(Path(path), overwrite=True) as temporary:
            temporary.write_bytes(content.getbuffer())


def read_step(path: Path, recipe: Recipe) -> int:
    """The step a checkpoint was saved at. Raises CheckpointError for what is no checkpoint of this recipe."""
    refuse_irregular(path, CheckpointError)
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        before, step = dict(checkpoint[RECIPE]), int(checkpoint["step"])
    except (OSError, pickle.UnpicklingError, RuntimeError, EOFError, LookupError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise CheckpointError(f"{path}: is not a checkpoint of a training, or a damaged one ({reason})") from error
    different = _difference(before, recipe.model_dump(mode="json"))
    if different:
        key, old, new = different
        raise CheckpointError(
            f"{path}: was trained with {key}={old}, but the recipe has {new}", remedy=either("use the same", WRITE_ELSEWHERE)
        )
    return step


def _difference(before: dict[str, Any], now: dict[str, Any], place: str = "") -> tuple[str, Any, Any] | None:
    """The first key whose value is another."""
    for key in dict.fromkeys((*before, *now)):
        if not place and key in _FREE:
            continue
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            if found := _difference(old, new, f"{place}{key}."):
                return found
        elif old != new:
            return f"{place}{key}", old, new
    return None
