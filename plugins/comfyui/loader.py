"""The node that makes a model ready."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import upframe

from .host import device, note, one_line

FOLDER = "upframe"  # of weights of the user's own, among the host's models
SUFFIXES = {".safetensors", ".pth", ".pt", ".pkl", ".ckpt", ".onnx", ".xml", ".param"}
MODEL = "UPFRAME_MODEL"


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """What goes from node to node: the model made ready, and what says it again to a job."""

    upscaler: upframe.Upscaler
    run: upframe.RunOptions


class LoadModel:
    """A model that Upframe ships or has imported, or a weights file from the host's ``models/upframe``."""

    CATEGORY, DESCRIPTION = "upframe", "Make a super-resolution network ready. Files of your own: in models/upframe."
    RETURN_TYPES, RETURN_NAMES, FUNCTION = (MODEL,), ("model",), "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "model": (models(), {"default": "rt4ksr-x2"}),
                "precision": (["auto", "fp32", "fp16", "bf16"],),
                "tile": (
                    "INT",
                    {"default": 0, "min": 0, "max": 4096, "tooltip": "Side of a tile in pixels; 0: what fits."},
                ),
            }
        }

    @classmethod
    def IS_CHANGED(cls, model: str, **_: Any) -> str:
        """A weights file that has changed is loaded again."""
        path = Path(place_of(model))
        return f"{path.stat().st_mtime_ns} {path.stat().st_size}" if path.is_file() else model

    def load(self, model: str, precision: Any, tile: int) -> tuple[LoadedModel]:
        """Raises NodeError for a file that is missing or not a known network, and for a precision the device lacks."""
        run = upframe.RunOptions(model=place_of(model), device=device(), precision=precision, tile=tile or "auto")
        with one_line():
            assert run.model is not None
            upscaler = upframe.Upscaler(run.model, device=run.device, precision=run.precision, tile=run.tile, on_note=note)
        return (LoadedModel(upscaler, run),)


def models() -> list[str]:
    """The names of networks for images and video, and the files in the host's folder."""
    named = [info.name for info in (*upframe.shipped(), *upframe.imported()) if info.kind != "rendered"]
    return named + [name for name in _folders().get_filename_list(FOLDER) if Path(name).suffix.lower() in SUFFIXES]


def place_of(model: str) -> str:
    """A name as it is, a file of the host's folder with its path."""
    return _folders().get_full_path(FOLDER, model) or model


def _folders() -> Any:
    folders = import_module("folder_paths")
    folders.add_model_folder_path(FOLDER, str(Path(folders.models_dir) / FOLDER))
    return folders
