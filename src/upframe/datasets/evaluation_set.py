"""Opening a set of images or clips to measure models on, whatever published layout it is in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from upframe.datasets.clips import EvaluationClip, EvaluationSet
from upframe.datasets.degradation import DEGRADATIONS, Degradation
from upframe.datasets.layouts import SetOptions, open_clips, open_images, open_one_clip, open_videos, open_vimeo
from upframe.datasets.places import locate
from upframe.datasets.published_folders import child, high_folder, images_in, subfolders, videos_in
from upframe.datasets.rendered_clips import clips_in, open_rendered
from upframe.datasets.stssnet_files import open_stssnet, scenes_in
from upframe.errors import InputError
from upframe.media.files import VIDEO_SUFFIXES
from upframe.remedies import set_to

__all__ = ["LAYOUTS", "EvaluationClip", "EvaluationSet", "open_set"]

_READERS: dict[str, Callable[[Path, SetOptions], EvaluationSet]] = {
    "images": open_images,
    "clip": open_one_clip,
    "clips": open_clips,
    "vimeo": open_vimeo,
    "videos": open_videos,
    "stssnet": open_stssnet,
    "rendered": open_rendered,
}
LAYOUTS = ("auto", *_READERS)


def open_set(
    place: str | Path,
    *,
    scale: int,
    degradation: Degradation | None = None,
    layout: str = "auto",
    low: Path | None = None,
) -> EvaluationSet:
    """Open a set by its path, or by its name in the catalog, which is looked for in the folder ``UPFRAME_DATA``.

    layout: ``images`` (a flat folder), ``clip`` (a flat folder whose images are the frames of one clip), ``clips`` (a
    folder for each), ``vimeo``, ``videos`` (one, or a folder of them), ``stssnet``, ``rendered`` (clips of ``upframe
    render``); ``auto`` tells them apart by what is there, and takes a flat folder for images.
    degradation: low-resolution files of its kind are used where there are any, else they are made with it as they are asked
    for. None: any files that are there, else ``bi``. Rendered frames have their own low resolution.
    low: where low resolution is, if not in a folder of a published name.

    The first pair of stored frames is read and compared. Raises InputError for a set that is not there (with the layout
    that is expected and where to get it), is empty, or has files missing.
    """
    if scale < 1:
        raise InputError(f"a scale is a whole number of at least 1, not {scale}")
    root, entry = locate(place)
    wanted = SetOptions(
        scale=scale,
        making=degradation or DEGRADATIONS["bi"],
        asked=degradation is not None,
        low=low,
        only=entry.clips if entry else (),
    )
    if layout not in LAYOUTS:
        raise InputError(f"unknown layout of data sets {layout!r}", remedy=set_to("layout", LAYOUTS))
    try:
        found = _read(root, wanted, layout)
    except InputError as error:
        if entry is None:
            raise
        raise InputError(str(error), remedy=entry.instructions()) from error
    return replace(found, name=entry.name) if entry else found


def _read(root: Path, wanted: SetOptions, layout: str) -> EvaluationSet:
    found = _READERS[_layout_of(root, wanted) if layout == "auto" else layout](root, wanted)
    if not found.clips:
        raise InputError(f"{root}: no images, clips or videos in this folder")
    if found.low_source == "files" or found.kind == "rendered":
        found.clips[0].low(0)
        found.clips[0].high(0)
    return found


def _layout_of(root: Path, wanted: SetOptions) -> str:
    """Which layout is there. Raises InputError for a folder that has none."""
    if root.is_file():
        return "videos" if root.suffix.lower() in VIDEO_SUFFIXES else "images"
    if (root / "sep_testlist.txt").is_file():
        return "vimeo"
    if scenes_in(root):
        return "stssnet"
    if clips_in(root):
        return "rendered"
    high = high_folder(root, wanted.only)
    if not wanted.only and (images_in(high) or child(root, f"image_SRF_{wanted.scale}")):
        return "images"
    if videos_in(high):
        return "videos"
    if any(images_in(sub) or images_in(high_folder(sub)) for sub in subfolders(high)):
        return "clips"
    raise InputError(f"{root}: no images, clips or videos in this folder")
