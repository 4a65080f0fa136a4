"""Which files ``upframe degrade`` is given, and where its results go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from upframe.errors import OutputError
from upframe.media.files import FoundInputs, Input, search_inputs
from upframe.media.image.image import IMAGE_SUFFIXES
from upframe.media.naming import PlannedOutput, is_folder_name, may_be_several, plan_outputs
from upframe.media.numbered import frame_names

LOSSLESS = IMAGE_SUFFIXES - {".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".heic", ".heif", ".jxl", ".jp2"}


def plan(arguments: Sequence[str], output: str) -> tuple[FoundInputs, list[PlannedOutput]]:
    """What the arguments name, and where each goes. ``output`` is a folder unless it has a suffix or a number such as %05d.

    Nothing is written with loss: a JPEG becomes a PNG, a video an .mkv in FFV1. An input whose result would be written with
    loss, or over an input, is refused in its place of the plan. Raises InputError where nothing is found and one argument is
    to blame, OutputError for one name for several inputs.
    """
    several = may_be_several(arguments)
    if not Path(output).suffix and frame_names(Path(f"{output}.png")) is None and not output.endswith("/"):
        output += "/"
    found = search_inputs(arguments, results=Path(output) if is_folder_name(output, several=several) else None)
    if not found.inputs and len(found.refused) == 1:
        raise found.refused[0][1]
    found = replace(found, inputs=[_lossless(item) for item in found.inputs])
    return found, [_checked(planned) for planned in plan_outputs(found, output, label="", several=several)]


def _checked(planned: PlannedOutput) -> PlannedOutput:
    """With the refusal of a name that would be written with loss."""
    target = planned.target
    if planned.refusal is not None:
        return planned
    if planned.item.kind == "video":
        lossless = not isinstance(target, Path) or target.suffix.lower() == ".mkv"
        wrong, remedy = "a degraded video is written without loss", "name it .mkv, or frames/%05d.png"
    else:
        lossless = target.suffix.lower() in LOSSLESS
        wrong, remedy = f"{target.suffix or 'a name without a suffix'} is written with loss", "name it .png"
    return planned if lossless else replace(planned, refusal=OutputError(f"{target}: {wrong}", remedy=remedy))


def _lossless(item: Input) -> Input:
    if item.kind == "video":
        return replace(item, relative=item.relative.with_suffix(".mkv"))
    return item if item.relative.suffix.lower() in LOSSLESS else replace(item, relative=item.relative.with_suffix(".png"))
