"""The node for video files: from file to file, never all frames in memory."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import upframe

from .host import NodeError, Progress, check_cancelled, line_of, note, one_line
from .images import SCALE
from .loader import MODEL, LoadedModel

CONTAINERS = ["auto", "mp4", "mkv", "mov", "webm"]


class UpscaleVideo:
    """A video from ``Load Video``, upscaled into the host's output folder as the command does it: sound and all."""

    CATEGORY, DESCRIPTION = "upframe", "Upscale a video from file to file, of any length, with its sound, times and colours."
    RETURN_TYPES, RETURN_NAMES, FUNCTION, OUTPUT_NODE = ("VIDEO",), ("video",), "upscale", True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "model": (MODEL,),
                "video": ("VIDEO",),
                "scale": SCALE,
                "filename_prefix": ("STRING", {"default": "video/upframe"}),
                "container": (CONTAINERS, {"tooltip": "auto: that of the input, or mkv."}),
                "resume": (
                    "BOOLEAN",
                    {"default": True, "tooltip": "Go on with a long video that was cancelled."},
                ),
            }
        }

    def upscale(
        self, model: LoadedModel, video: Any, scale: float, filename_prefix: str, container: str, resume: bool
    ) -> dict[str, Any]:
        """The result as a VIDEO, and for the host to show. Raises NodeError for what cannot be read, made or written."""
        folders = import_module("folder_paths")
        with _file_of(video) as source:
            place, name, counter, subfolder, _ = folders.get_save_image_path(filename_prefix, folders.get_output_directory())
            suffix = source.suffix.lower() if container == "auto" else f".{container}"
            suffix = suffix if suffix.removeprefix(".") in CONTAINERS else ".mkv"
            target = Path(place) / f"{name}_{counter:05}_{suffix}"
            job = upframe.JobOptions(resume=resume if upframe.is_unfinished(target) else None)
            run = replace(model.run, target=upframe.Target(scale=scale or None))
            with one_line():
                _make(source, target, upframe.UpscaleOptions(run=run, job=job))
        made = import_module("comfy_api.input_impl").VideoFromFile(str(target))
        shown = {"filename": target.name, "subfolder": subfolder, "type": "output"}
        return {"ui": {"images": [shown], "animated": (True,)}, "result": (made,)}


def _make(source: Path, target: Path, options: upframe.UpscaleOptions) -> None:
    """Run the job to its end, or until the user cancels it; then nothing but a long video's segments stays behind."""
    progress = Progress(1)
    with closing(upframe.upscale_files([str(source)], str(target), options)) as events:
        check_cancelled()
        for event in events:
            said = event.as_dict()
            if said["event"] == "progress":
                progress.reached(said["done"], max(said["frames"] or 0, said["done"] + (said["frames"] is None)))
            elif said["event"] == "failed":
                raise NodeError(line_of(said["error"], getattr(event, "remedy", None)))
            elif said["event"] == "note":
                note(said["text"])
            elif said["event"] == "finished":
                logging.getLogger("upframe").info("upframe: %s: %s frames, %s a second", target, said["frames"], said["fps"])
            check_cancelled()


@contextmanager
def _file_of(video: Any) -> Iterator[Path]:
    """The file of a VIDEO; one that was cut or made by other nodes is written to a temporary file first."""
    source = video.get_stream_source()
    whole = import_module("comfy_api.input_impl").VideoFromFile
    if isinstance(source, str | Path) and vars(video) == vars(whole(source)):
        yield Path(source)
        return
    with TemporaryDirectory(prefix="upframe-") as folder:
        path = Path(folder) / "video.mp4"
        video.save_to(str(path))
        yield path
