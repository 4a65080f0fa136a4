"""Which files ``upframe degrade`` is given, and where its results go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from upframe.errors import OutputError
from upframe.media.files import Input, find_inputs, output_paths
from upframe.media.pictures.picture import PICTURE_SUFFIXES

LOSSLESS = PICTURE_SUFFIXES - {".jpg", ".jpeg", ".jpe", ".jfif", ".webp"}


@dataclass(frozen=True, slots=True)
class Task:
    """An input and where its result goes: a file, or the pattern of numbered ones."""

    item: Input
    target: Path


def plan(arguments: Sequence[str], output: str) -> list[Task]:
    """What the arguments name, and where each goes. ``output`` is a folder unless it has a suffix or a number such as %05d.

    Nothing is written with loss: a JPEG becomes a PNG, a film an .mkv in FFV1. Raises InputError for what is not there,
    OutputError for a name that is written with loss, is an input's, or is that of two results.
    """
    items = [_lossless(item) for item in find_inputs(arguments)]
    target = Path(output)
    if not target.suffix and not numbered(target) and "#" not in target.name and not output.endswith("/"):
        output += "/"
    tasks = [Task(item, path) for item, path in zip(items, output_paths(items, output, label=""), strict=True)]
    for task in tasks:
        if task.item.kind != "film" and task.target.suffix.lower() not in LOSSLESS:
            raise OutputError(f"{task.target}: {task.target.suffix} is written with loss; name it .png")
        if task.item.kind == "film" and not numbered(task.target) and task.target.suffix.lower() != ".mkv":
            raise OutputError(f"{task.target}: a degraded film is written without loss, as .mkv, or as frames/%05d.png")
    return tasks


def _lossless(item: Input) -> Input:
    if item.kind == "film":
        return replace(item, relative=item.relative.with_suffix(".mkv"))
    return item if item.relative.suffix.lower() in LOSSLESS else replace(item, relative=item.relative.with_suffix(".png"))


def numbered(path: Path) -> bool:
    """Whether a name is the pattern of numbered ones."""
    return "%" in path.name
