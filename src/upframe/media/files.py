"""Which files a command is given, and where its results go."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL.GifImagePlugin import GifImageFile

from upframe.errors import InputError, OutputError
from upframe.media.films.containers import result_suffix
from upframe.media.pictures.contents import format_of_content, unread_format
from upframe.media.pictures.picture import PICTURE_SUFFIXES, READ_ONLY_SUFFIXES
from upframe.regular import irregular, refuse_irregular

_FILM_NAMES = """
    3g2 3gp asf avi dv f4v flv gif ivf m2ts m2v m4v mkv mov mp4 mpeg mpg mts mxf nut ogg ogm ogv ts vob webm wmv y4m
"""
FILM_SUFFIXES = frozenset(f".{name}" for name in _FILM_NAMES.split())
"""Suffixes, in lower case and with the dot, that make a file in a folder a film. A GIF of one frame is a picture."""

_NUMBER = re.compile(r"%(?:0(\d+))?d|(#+)")
_WILD = re.compile(r"[*?\[]")

Kind = Literal["picture", "film", "sequence"]


@dataclass(frozen=True, slots=True)
class Input:
    """Something to enlarge.

    path: the file; for a sequence the pattern, with its number written as ``%05d`` or ``%d``.
    relative: the path below the folder or the fixed part of the pattern it was found by; just the name if it was named itself.
    numbers: of a sequence's frames, ascending; they need not start at 0 and may have gaps. Empty for a picture or film.
    """

    path: Path
    kind: Kind
    relative: Path
    numbers: tuple[int, ...] = ()

    @property
    def frames(self) -> tuple[Path, ...]:
        """The files of a sequence in order; the one file of a picture or film."""
        return frame_paths(self.path, self.numbers) if self.kind == "sequence" else (self.path,)

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers between a sequence's first and last frame that have no file."""
        return tuple(sorted(set(range(self.numbers[0], self.numbers[-1])) - set(self.numbers))) if self.numbers else ()


def frame_paths(pattern: Path, numbers: Iterable[int]) -> tuple[Path, ...]:
    """``frames/%05d.png`` and 7 -> ``frames/00007.png``."""
    before, digits, after = _split_pattern(pattern.name)
    return tuple(pattern.with_name(f"{before}{number:0{digits}d}{after}") for number in numbers)


def natural_key(path: Path) -> tuple[tuple[tuple[int, int | str], ...], ...]:
    """A sort key by which frame9 comes before frame10, folder by folder."""

    def part_key(part: str) -> tuple[tuple[int, int | str], ...]:
        pieces = re.split(r"([0-9]+)", part.casefold())
        return tuple((0, int(piece)) if index % 2 else (1, piece) for index, piece in enumerate(pieces))

    return tuple(part_key(part) for part in path.parts)


def find_inputs(arguments: Sequence[str | Path], *, recursive: bool = True) -> list[Input]:
    """What the arguments of a command name, in their order, each file once.

    An argument is a file, a folder (with those in it when ``recursive``; hidden ones are passed over), a glob pattern, or a
    numbered sequence, ``frames/%05d.png`` or ``frames/#####.png``. A name that exists is never taken for a pattern. Raises
    InputError for a file that is missing and for a folder or pattern without a picture or film.
    """
    found: dict[tuple[str, str], Input] = {}
    for argument in arguments:
        try:
            items = _find(str(argument), recursive)
        except OSError as error:
            raise InputError(f"{argument}: cannot be read: {error.strerror or error}") from error
        for item in items:
            found.setdefault((os.path.realpath(item.path), item.kind), item)
    return list(found.values())


def _find(argument: str, recursive: bool) -> list[Input]:
    path = Path(argument)
    if path.is_dir():
        return _in_folder(path, recursive)
    if path.exists():
        refuse_irregular(path)
        return [Input(path, _kind_of_named(path), Path(path.name))]
    if _NUMBER.search(path.name):
        return [_sequence(path)]
    if _WILD.search(argument):
        return _by_glob(argument, recursive)
    raise InputError(f"{argument}: no such file")


def _kind(path: Path) -> Kind | None:
    """By suffix; None for what is neither picture nor film."""
    suffix = path.suffix.lower()
    if suffix in PICTURE_SUFFIXES:
        return "picture"
    if suffix in READ_ONLY_SUFFIXES:
        return _kind_of_still(path)
    if suffix == ".gif":
        return _kind_of_gif(path)
    return "film" if suffix in FILM_SUFFIXES else None


def _kind_of_still(path: Path) -> Kind:
    """Of an AVIF, HEIC or JPEG XL: those of several frames are films."""
    if irregular(path):
        return "picture"  # whose reader refuses it
    try:
        known = format_of_content(path) or unread_format(path)
    except OSError:
        return "picture"  # whose reader says what is wrong with it
    return "picture" if known or path.suffix.lower() == ".jxl" else "film"


def _kind_of_gif(path: Path) -> Kind:
    if irregular(path):
        return "picture"  # whose reader refuses it
    try:
        with GifImageFile(path) as picture:
            return "film" if picture.is_animated else "picture"
    except Exception:  # noqa: BLE001  # a damaged one raises anything, and the reader of pictures says what is wrong with it
        return "picture"


def _kind_of_named(path: Path) -> Kind:
    """By suffix, else by content: what is no picture is left to the film reader to judge."""
    kind = _kind(path)
    if kind is not None:
        return kind
    return "picture" if format_of_content(path) or unread_format(path) else "film"


def _in_folder(folder: Path, recursive: bool) -> list[Input]:
    paths: list[Path] = []

    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be read: {error.strerror}") from error

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        paths += [Path(place, name) for name in names if not name.startswith(".")]
    found = _of_media(paths, folder)
    if not found:
        raise InputError(f"{folder}: no picture or film in this folder")
    return found


def _of_media(paths: Iterable[Path], below: Path) -> list[Input]:
    """The pictures and films among paths, in natural order."""
    kinds = [(path, _kind(path)) for path in sorted(paths, key=natural_key)]
    return [Input(path, kind, path.relative_to(below)) for path, kind in kinds if kind is not None]


def _by_glob(pattern: str, recursive: bool) -> list[Input]:
    parts = Path(pattern).parts
    wild = next(index for index, part in enumerate(parts) if _WILD.search(part))
    fixed = Path(*parts[:wild])
    # glob, not Path.glob: it takes absolute patterns, and passes over hidden files like a shell.
    paths = {Path(name) for name in glob.iglob(pattern, recursive=recursive) if Path(name).is_file()}  # noqa: PTH207
    found = _of_media(paths, fixed)
    if not found:
        reason = "matches no picture or film" if paths else "matches no file"
        raise InputError(f"{pattern}: {reason}")
    return found


def _split_pattern(name: str) -> tuple[str, int, str]:
    """A pattern's text before its number, the least digits, and the text after. Raises InputError unless it has one number."""
    places = list(_NUMBER.finditer(name))
    if len(places) != 1:
        raise InputError(f"{name}: one number is wanted in the name of a sequence, such as %05d or #####")
    place = places[0]
    digits = len(place[2]) if place[2] else int(place[1] or 1)
    return name[: place.start()], digits, name[place.end() :]


def _sequence(pattern: Path) -> Input:
    """The numbered pictures that match a pattern."""
    before, digits, after = _split_pattern(pattern.name)
    if pattern.suffix.lower() not in PICTURE_SUFFIXES:
        raise InputError(f"{pattern}: the frames of a sequence are pictures, such as .png or .exr")
    # Longer than the padding only without a leading zero, so that every name is the one its number would be written as.
    number = re.compile(re.escape(before) + rf"(\d{{{digits}}}|[1-9]\d{{{digits},}})" + re.escape(after))
    names = [path.name for path in pattern.parent.iterdir()]
    numbers = tuple(sorted(int(match[1]) for match in map(number.fullmatch, names) if match))
    if not numbers:
        raise InputError(f"{pattern}: no file is numbered like this")
    plain = pattern.with_name(f"{before}%0{digits}d{after}" if digits > 1 else f"{before}%d{after}")
    return Input(plain, "sequence", Path(plain.name), numbers)


def output_path(item: Input, out: str | Path | None, *, label: str, several: bool = False) -> Path:
    """Where the result of one input goes; for frames that are numbered, the pattern.

    Without ``out``: beside the input, with ``-label`` after the name; a sequence goes to a folder beside its own.
    A folder (one that exists, or a name that ends in a slash): the input's ``relative`` path in it.
    A pattern, ``out/%05d.png``: the frames of a sequence or film.
    Any other name: the file itself, unless there are ``several`` inputs.
    A still GIF and a picture without a suffix of its own become PNG. Raises OutputError for ``out`` that does not fit.
    """
    relative = _writable(item)
    if out is None:
        if item.kind == "sequence":
            folder = item.path.absolute().parent
            return folder.with_name(f"{folder.name}-{label}") / item.path.name
        return item.path.with_name(f"{relative.stem}-{label}{relative.suffix}")
    target = Path(out)
    if str(out).endswith(("/", os.sep)) or target.is_dir():
        return target / relative
    if _NUMBER.search(target.name):
        if item.kind == "picture":
            raise OutputError(f"{out}: a numbered name is for the frames of a film or sequence, and {item.path} is a picture")
        before, digits, after = _split_pattern(target.name)
        target = target.with_name(f"{before}%0{digits}d{after}" if digits > 1 else f"{before}%d{after}")
    elif item.kind == "sequence" and target.suffix.lower() in PICTURE_SUFFIXES:
        raise OutputError(f"{out}: one name for {len(item.numbers)} frames; give a numbered one, such as %05d{target.suffix}")
    if several:
        raise OutputError(f"{out}: one name for several inputs; give a folder, with a slash at the end if it is not there yet")
    return target


def _writable(item: Input) -> Path:
    """The input's relative path, with a suffix its result can be written under."""
    if item.kind == "film":
        return item.relative.with_suffix(result_suffix(item.relative))
    if item.kind == "picture" and item.relative.suffix.lower() not in PICTURE_SUFFIXES:
        return item.relative.with_suffix(".png")
    return item.relative


def output_paths(inputs: Sequence[Input], out: str | Path | None, *, label: str) -> list[Path]:
    """``output_path`` of each input, checked against each other.

    Raises OutputError when two results would have one name, or a result the name of any input.
    """
    targets = [output_path(item, out, label=label, several=len(inputs) > 1) for item in inputs]
    sources = {_identity(frame): frame for item in inputs for frame in item.frames}
    taken: dict[str, Input] = {}
    for item, target in zip(inputs, targets, strict=True):
        for file in _files_of(item, target):
            name = _identity(file)
            if name in sources:
                raise OutputError(
                    f"{file}: is an input ({sources[name]}), which is never written over; choose another name with -o"
                )
            if name in taken:
                raise OutputError(
                    f"{file}: would be the result of both {taken[name].path} and {item.path}; give them separately"
                )
            taken[name] = item
    return targets


def _files_of(item: Input, target: Path) -> tuple[Path, ...]:
    return frame_paths(target, item.numbers) if item.kind == "sequence" and _NUMBER.search(target.name) else (target,)


def _identity(path: Path) -> str:
    """One string for one file, however it is written; links are followed, and case counts as the platform has it."""
    return os.path.normcase(os.path.realpath(path))
