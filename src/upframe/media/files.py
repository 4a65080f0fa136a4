"""Which files a command is given."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from upframe.errors import InputError
from upframe.media.kinds import VIDEO_SUFFIXES, Kind, kind_of_found, kind_of_named
from upframe.media.numbered import FrameNames, clips_among, frame_names
from upframe.regular import refuse_irregular

__all__ = ["VIDEO_SUFFIXES", "FoundInputs", "Input", "SkippedFile", "find_inputs", "natural_key", "search_inputs"]

WILD = re.compile(r"[*?\[]")
"""A sign of a glob pattern."""
LONGEST_NAME = 255
"""Bytes of a name on nearly every file system."""


@dataclass(frozen=True, slots=True)
class Input:
    """Something to upscale.

    path: the file; for a sequence the pattern, as a user writes it. relative: the path below the folder or the fixed part of
    the pattern it was found by; just the name if it was named itself. names, numbers: of a sequence's frames, ascending; they
    need not start at 0 and may have gaps. None and empty for everything else.
    """

    path: Path
    kind: Kind
    relative: Path
    names: FrameNames | None = None
    numbers: tuple[int, ...] = ()

    @property
    def frames(self) -> tuple[Path, ...]:
        """The files of a sequence in order; the one file of an image or video."""
        return (self.path,) if self.names is None else self.names.paths(self.numbers)

    @property
    def gaps(self) -> str:
        """In words, how many numbers between a sequence's first and last frame have no file; empty where none is missing."""
        missing = self.numbers[-1] - self.numbers[0] + 1 - len(self.numbers) if self.numbers else 0
        if not missing:
            return ""
        first = next(number + 1 for number, after in zip(self.numbers, self.numbers[1:], strict=False) if after > number + 1)
        if missing == 1:
            return f"number {first} has no file and stays missing"
        return f"{missing} numbers have no file, the first is {first}: they stay missing"


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """Something in a folder that is not upscaled, and why in a few words."""

    path: Path
    reason: str


@dataclass(slots=True)
class FoundInputs:
    """What the arguments of a command name. refused: the arguments and folders that could not be read or hold nothing."""

    inputs: list[Input] = field(default_factory=list)
    passed_over: list[SkippedFile] = field(default_factory=list)
    refused: list[tuple[str, InputError]] = field(default_factory=list)

    def without_results(self, label: str) -> FoundInputs:
        """Without what an earlier run has written beside its inputs: ``a-x2.png`` where ``a.png`` is an input too.

        label: what this run's results are called; those of other scales are known too, of other exact sizes not.
        """
        result = re.compile(rf"(.+)-(?:{re.escape(label)}|x[0-9]+(?:\.[0-9]+)?)(?:-[0-9]+)?")
        files: dict[Path, set[str]] = {}
        for item in self.inputs:
            files.setdefault(item.path.parent, set()).update((item.path.stem, item.path.name))
        folders = {folder for item in self.inputs for folder in item.path.parents}

        def is_result(item: Input) -> bool:
            if item.names is not None:
                return False
            above = [item.path.parents[level] for level in range(len(item.relative.parts) - 1)]
            inner = ((folder, result.fullmatch(folder.name)) for folder in above)
            if any(match is not None and folder.with_name(match[1]) in folders for folder, match in inner):
                return True
            match, others = result.fullmatch(item.path.stem), files[item.path.parent]
            if match is None or match[1] in others:
                return match is not None
            shortened = len(os.fsencode(item.path.name)) > LONGEST_NAME - 4  # bytes of a character that did not fit
            return shortened and any(other.startswith(match[1]) for other in others - {item.path.stem, item.path.name})

        own = dict.fromkeys(filter(is_result, self.inputs))
        passed_over = [*self.passed_over, *(SkippedFile(item.path, "a result of an earlier run") for item in own)]
        return FoundInputs([item for item in self.inputs if item not in own], passed_over, self.refused)

    def with_clips(self) -> FoundInputs:
        """With images of one folder that are numbered as a sequence, which is in the place of its first frame."""
        images = {item.path: item for item in self.inputs if item.kind == "image"}
        clip_of: dict[Path, Input] = {}
        for names, numbers in clips_among(list(images)):
            frames = names.paths(numbers)
            place = images[frames[0]].relative.parent / names.name
            clip_of |= dict.fromkeys(frames, Input(Path(str(names)), "sequence", place, names, numbers))
        inputs = dict.fromkeys(clip_of.get(item.path, item) for item in self.inputs)
        return FoundInputs(list(inputs), self.passed_over, self.refused)


def natural_key(path: Path) -> tuple[tuple[tuple[int, int | str], ...], ...]:
    """A sort key by which frame9 comes before frame10, folder by folder."""

    def part_key(part: str) -> tuple[tuple[int, int | str], ...]:
        pieces = re.split(r"([0-9]+)", part.casefold())
        return tuple((0, int(piece)) if index % 2 else (1, piece) for index, piece in enumerate(pieces))

    return tuple(part_key(part) for part in path.parts)


def find_inputs(arguments: Sequence[str | Path], *, recursive: bool = True) -> list[Input]:
    """What the arguments of a command name, as :func:`search_inputs`; raises InputError for the first that names nothing."""
    found = search_inputs(arguments, recursive=recursive)
    if found.refused:
        raise found.refused[0][1]
    return found.inputs


def search_inputs(arguments: Sequence[str | Path], *, recursive: bool = True, results: Path | None = None) -> FoundInputs:
    """What the arguments of a command name, in their order, each file once.

    An argument is a file, a folder (with those in it when ``recursive``; hidden ones are passed over), a glob pattern, or a
    numbered sequence, ``frames/%05d.png`` or ``frames/#####.png``. A name that exists is never taken for a pattern.
    ``results``: the folder that results go to, which is not searched where it is in a folder that is.
    """
    search = _Search(recursive, results)
    for argument in map(str, arguments):
        try:
            search.add(argument)
        except InputError as error:
            search.found.refused.append((argument, error))
        except (OSError, ValueError) as error:  # the second: a name with a zero byte
            reason = getattr(error, "strerror", None) or error
            search.found.refused.append((argument, InputError(f"{argument}: cannot be read: {reason}")))
    search.found.inputs = list(search.items.values())
    return search.found


class _Search:
    def __init__(self, recursive: bool, results: Path | None) -> None:
        self._recursive = recursive
        self._results = None if results is None else os.path.realpath(results)
        self.found = FoundInputs()
        self.items: dict[tuple[str, str], Input] = {}

    def add(self, argument: str) -> None:
        path = Path(argument)
        if path.is_dir():
            self._add_found(self._below(path), path, f"{argument}: no image or video in this folder")
        elif path.exists():
            refuse_irregular(path)
            self._keep(Input(path, kind_of_named(path), Path(path.name)))
        elif (names := frame_names(path)) is not None and path.parent.is_dir():
            if not (numbers := names.numbers()):
                raise InputError(f"{argument}: no file is numbered like this")
            self._keep(Input(Path(str(names)), "sequence", Path(names.name), names, numbers))
        elif WILD.search(argument):
            fixed, paths = _by_glob(argument, self._recursive)
            if not paths:
                raise InputError(f"{argument}: matches no file")
            self._add_found(self._outside_results(paths, fixed), fixed, f"{argument}: matches no image or video")
        else:
            raise InputError(f"{argument}: no such file")

    def _keep(self, item: Input) -> None:
        self.items.setdefault((os.path.realpath(item.path), item.kind), item)

    def _pass_over(self, path: Path, reason: str) -> None:
        self.found.passed_over.append(SkippedFile(path, reason))

    def _add_found(self, paths: Iterable[Path], below: Path, nothing: str) -> None:
        """The images and videos among paths, in natural order. Raises InputError, saying ``nothing``, where there are none."""
        refused, passed_over, kept = len(self.found.refused), len(self.found.passed_over), 0
        for path in sorted(paths, key=natural_key):
            kind = kind_of_found(path)
            if kind in ("image", "animation", "video"):
                self._keep(Input(path, cast(Kind, kind), path.relative_to(below)))
                kept += 1
            else:
                self._pass_over(path, kind)
        if not kept and refused == len(self.found.refused):
            others = len(self.found.passed_over) - passed_over
            raise InputError(f"{nothing}{f' ({others} other entries)' if others else ''}")

    def _refuse(self, path: Path, error: OSError) -> None:
        self.found.refused.append((str(path), InputError(f"{path}: cannot be read: {error.strerror or error}")))

    def _below(self, folder: Path) -> Iterator[Path]:
        """The files in a folder; what is left out is reported."""

        def refuse(error: OSError) -> None:
            self._refuse(Path(error.filename), error)

        for place, folders, names in os.walk(folder, onerror=refuse):
            kept = []
            for name in sorted(folders):
                reason = self._reason_against(Path(place, name))
                if reason:
                    self._pass_over(Path(place, name), reason)
                elif self._recursive:
                    kept.append(name)
            folders[:] = kept
            for name in names:
                if name.startswith("."):
                    self._pass_over(Path(place, name), "hidden")
                else:
                    yield Path(place, name)

    def _outside_results(self, paths: Iterable[Path], fixed: Path) -> Iterator[Path]:
        """The paths that a pattern matched, without those in the folder of the results, unless the pattern begins in it."""
        for path in paths:
            if self._in_results(path) and not self._in_results(fixed / "*"):
                self._pass_over(path, "in the folder of the results")
            else:
                yield path

    def _in_results(self, path: Path) -> bool:
        return self._results is not None and Path(self._results) in Path(os.path.realpath(path)).parents

    def _reason_against(self, folder: Path) -> str | None:
        """Why a folder in a folder is not searched."""
        if folder.name.startswith("."):
            return "hidden"
        if folder.is_symlink():
            return "a link to a folder"
        if self._results is not None and os.path.realpath(folder) == self._results:
            return "the folder of the results"
        return None


def _by_glob(pattern: str, recursive: bool) -> tuple[Path, list[Path]]:
    """The fixed part of a pattern, and the files that match. A folder whose name exists is no pattern, whatever is in it."""
    parts = Path(pattern).parts
    fixed, count = Path(), 0
    for part in parts[:-1]:
        if WILD.search(part) and not (fixed / part).is_dir():
            break
        fixed, count = fixed / part, count + 1
    # glob, not Path.glob: it takes absolute patterns, and passes over hidden files like a shell.
    names = glob.iglob(os.path.join(glob.escape(str(fixed)), *parts[count:]), recursive=recursive)  # noqa: PTH118, PTH207
    return fixed, [path for path in map(Path, names) if path.is_file()]
