"""Where the results of a command go: a name for each input, none of them taken twice."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from upframe.errors import InputError, OutputError
from upframe.media.animation import ANIMATION_FORMATS
from upframe.media.files import LONGEST_NAME, VIDEO_SUFFIXES, WILD, FoundInputs, Input
from upframe.media.image.image import IMAGE_SUFFIXES
from upframe.media.numbered import FrameNames, frame_names
from upframe.remedies import WRITE_ELSEWHERE

Target = Path | FrameNames
_SURE_NUMBER = re.compile(r"%0\d+d|##+")  # which nobody has in the name of a single image


@dataclass(frozen=True, slots=True)
class PlannedOutput:
    """An input and where its result goes, or why it can go nowhere; ``note``: what a user should know of the name."""

    item: Input
    target: Target
    refusal: OutputError | None = None
    note: str = ""


def is_folder_name(out: str | Path, *, several: bool) -> bool:
    """Whether ``out`` is a folder: it is there, it ends in a slash, or it has no image's or video's suffix for ``several``."""
    suffix = Path(out).suffix.lower()
    if str(out).endswith(("/", os.sep)) or _is_there(Path(out), Path.is_dir):
        return True
    return several and suffix not in IMAGE_SUFFIXES | VIDEO_SUFFIXES


def may_be_several(arguments: Sequence[str]) -> bool:
    """Whether arguments name more than one input, however many are found."""
    paths = [*map(Path, arguments)]
    return len(paths) > 1 or any(
        _is_there(path, Path.is_dir) or (WILD.search(str(path)) and not _is_there(path, Path.exists)) for path in paths
    )


def _is_there(path: Path, kind: Callable[[Path], bool]) -> bool:
    """Whether there is something of a kind; no name that the system refuses, such as one too long, is there."""
    try:
        return kind(path)
    except OSError:
        return False


def results_folder(arguments: Sequence[str], out: str | Path | None) -> Path | None:
    """The folder that results go to, where they go to one."""
    return Path(out) if out is not None and is_folder_name(out, several=may_be_several(arguments)) else None


def output_path(item: Input, out: str | Path | None, *, label: str, several: bool = False) -> Target:
    """Where the result of one input goes; for frames that are numbered, their names.

    Without ``out``: beside the input, with ``-label`` after the name; a sequence goes to a folder beside its own. A folder
    (:func:`is_folder_name`): the input's ``relative`` path in it. ``out/%05d.png``, a number in the name of an image: the
    frames of a sequence or video. Any other name: the file itself. A still GIF, and an image or animation without a
    suffix of its own, become PNG. A name that is made and too long for the disk is shortened. Raises OutputError for ``out``
    that does not fit.
    """
    suffix = _result_suffix(item)
    if out is None:
        if item.names is not None:
            folder = item.names.folder.absolute()
            return item.names.within(folder.with_name(_fitted(folder, folder.name, f"-{label}")))
        return item.path.with_name(_fitted(item.path, item.relative.stem, f"-{label}{suffix}"))
    if is_folder_name(out, several=several):
        place = Path(out) / item.relative.parent
        return place / _fitted(place / "x", item.relative.stem, suffix) if item.names is None else item.names.within(place)
    return _named(item, Path(out))


def _named(item: Input, target: Path) -> Target:
    """What a user's name for the result of an input means."""
    if len(os.fsencode(target.name)) > (most := _most_bytes(target)):
        raise OutputError(
            f"{target}: its name is {len(os.fsencode(target.name))} bytes long; the disk allows {most}",
            remedy="choose a shorter name",
        )
    try:
        names = frame_names(target)
    except InputError as error:
        raise OutputError(str(error), remedy=error.remedy) from error
    if item.kind in ("image", "animation"):
        if names is not None and _SURE_NUMBER.search(target.name):
            raise OutputError(f"{target}: a numbered name is for the frames of a video or sequence; {item.path} is an image")
        return target
    if names is None and item.kind == "sequence" and target.suffix.lower() in IMAGE_SUFFIXES:
        raise OutputError(
            f"{target}: one name for {len(item.numbers)} frames", remedy=f"give a numbered one, such as %05d{target.suffix}"
        )
    return target if names is None else names


def _result_suffix(item: Input) -> str:
    """A suffix that the input's result can be written under."""
    if item.kind == "video" and item.relative.suffix == item.path.suffix:  # else the caller has chosen
        from upframe.media.video.streams import suitable_suffix  # PyAV, which lists and help do without

        return suitable_suffix(item.path)
    if item.kind == "animation":
        return item.relative.suffix if item.relative.suffix.lower() in ANIMATION_FORMATS else ".png"
    if item.kind == "image" and item.relative.suffix.lower() not in IMAGE_SUFFIXES:
        return ".png"
    return item.relative.suffix


def _fitted(beside: Path, stem: str, rest: str) -> str:
    """``stem`` and ``rest`` as one name, the stem shortened where it would be too long for the disk."""
    most = _most_bytes(beside)
    while len(os.fsencode(stem + rest)) > most and len(stem) > 1:
        stem = stem[:-1]
    return stem + rest


def _most_bytes(path: Path) -> int:
    """How long a name may be in the folder of ``path``."""
    folder = next((parent for parent in path.absolute().parents if parent.exists()), Path("/"))
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (OSError, ValueError, AttributeError):  # the last: not on Windows
        return LONGEST_NAME


def plan_outputs(
    found: FoundInputs, out: str | Path | None, *, label: str, several: bool = False, frames: Path | None = None
) -> list[PlannedOutput]:
    """Where the result of each input goes, looked at together; ``several``: whether the arguments may name more than one.

    ``frames``: a folder for the frames of videos, one in it for each where there are several. A result that would have the
    name of another gets one of its own, which is noted; one that would be written over an input is refused. Raises
    OutputError for a single name for several inputs.
    """
    several = several or len(found.inputs) > 1
    if out is not None and len(found.inputs) > 1 and not is_folder_name(out, several=True):
        raise OutputError(
            f"{out}: one name for several inputs", remedy="give a folder, with a slash at the end if it does not exist yet"
        )
    sources = {_identity(frame): frame for item in found.inputs for frame in item.frames}
    taken: dict[str, Input] = {}
    plans: dict[Input, PlannedOutput] = {}
    # Those that keep their suffix first: of b.gif and b.png, the second has the better claim to b-x2.png.
    for item in sorted(found.inputs, key=lambda item: _result_suffix(item) != item.path.suffix):
        try:
            target = _frames_target(item, frames, several) if frames else output_path(item, out, label=label, several=several)
        except OutputError as error:
            plans[item] = PlannedOutput(item, item.path, refusal=error)
            continue
        plans[item] = _without_clash(PlannedOutput(item, target), sources, taken)
    return [plans[item] for item in found.inputs]


def _frames_target(item: Input, frames: Path, several: bool) -> Target:
    if item.kind == "image":
        raise OutputError(f"{item.path}: is an image; a folder of frames is for videos", remedy=WRITE_ELSEWHERE)
    if item.names is not None:
        return item.names.within(frames / item.relative.parent)
    return FrameNames(frames / item.relative.with_suffix("") if several else frames, "", 6, ".png")


def _without_clash(plan: PlannedOutput, sources: dict[str, Path], taken: dict[str, Input]) -> PlannedOutput:
    """The plan with a name that no other result has; refused where it is an input's. Its files are added to ``taken``."""
    first = plan.item.path
    for target in _candidates(plan.item, plan.target):
        files = [_identity(file) for file in _files_of(plan.item, target)]
        source = next((sources[file] for file in files if file in sources), None)
        if source is not None:
            error = OutputError(f"{target}: is an input ({source}); inputs are never replaced", remedy=WRITE_ELSEWHERE)
            return replace(plan, refusal=error)
        owner = next((taken[file] for file in files if file in taken), None)
        if owner is None:
            taken |= dict.fromkeys(files, plan.item)
            note = "" if target == plan.target else f"{plan.target} is the result of {first}: this one is named {target}"
            return _noted_if_shortened(replace(plan, target=target, note=note))
        first = owner.path
    both = f"{plan.target}: would be the result of both {first} and {plan.item.path}"
    error = OutputError(both, remedy="give them one by one")
    return replace(plan, refusal=error)


def _candidates(item: Input, target: Target) -> Iterator[Target]:
    """Names for a result: its own, one that says the input's suffix too (``b.gif-x2.png``), and numbered ones."""
    yield target
    if isinstance(target, FrameNames):
        yield from (target.within(target.folder.with_name(f"{target.folder.name}-{number}")) for number in range(2, 1000))
        return
    if item.path.suffix.lower() != target.suffix.lower():
        label = target.stem.removeprefix(item.relative.stem)
        yield target.with_name(_fitted(target, item.path.name, f"{label}{target.suffix}"))
    yield from (target.with_name(_fitted(target, target.stem, f"-{number}{target.suffix}")) for number in range(2, 1000))


def _noted_if_shortened(plan: PlannedOutput) -> PlannedOutput:
    target = plan.target
    if isinstance(target, Path) and not plan.note and not target.name.startswith(plan.item.relative.stem):
        short = len(os.fsencode(target.name)) > _most_bytes(target) - 4  # bytes of the longest character
        return replace(plan, note="the name of its result would be too long and is shortened") if short else plan
    return plan


def _files_of(item: Input, target: Target) -> tuple[Path, ...]:
    """The files of a result, as far as they are known before it is made."""
    if isinstance(target, Path):
        return (target,)
    return target.paths(item.numbers) if item.names is not None else (target.folder / target.name,)


def _identity(path: Path) -> str:
    """One string for one file, however it is written; links are followed, and case counts as the platform has it."""
    return os.path.normcase(os.path.realpath(path))
