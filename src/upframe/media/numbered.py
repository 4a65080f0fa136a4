"""Numbered frames: names that differ in a number alone, as a user writes them or as they lie in a folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from upframe.errors import InputError
from upframe.media.image.image import IMAGE_SUFFIXES

_FORMS = tuple(map(re.compile, (r"%0(?P<width>\d{1,2})d", r"(?P<places>##+)", r"%d", r"#")))
"""How a number is written in a name, the surest first: a single # or %d is the number where there is none of the others."""
_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True, slots=True)
class FrameNames:
    """Names of frames in a folder. ``digits``: the fewest a number is written with; more only where it needs them."""

    folder: Path
    before: str
    digits: int
    after: str

    @property
    def name(self) -> str:
        """As a user writes it: ``%05d.png``."""
        return f"{self.before}{f'%0{self.digits}d' if self.digits > 1 else '%d'}{self.after}"

    @property
    def suffix(self) -> str:
        return Path(f"0{self.after}").suffix

    def path(self, number: int) -> Path:
        """``frames/%05d.png`` and 7 -> ``frames/00007.png``."""
        return self.folder / f"{self.before}{number:0{self.digits}d}{self.after}"

    def paths(self, numbers: Iterable[int]) -> tuple[Path, ...]:
        """Of each number."""
        return tuple(map(self.path, numbers))

    def within(self, folder: Path) -> FrameNames:
        """The same names in another folder."""
        return replace(self, folder=folder)

    def numbers(self) -> tuple[int, ...]:
        """Those that have a file, ascending. Raises OSError where the folder cannot be read."""
        # Longer than the padding only without a leading zero, so that every name is the one its number would be written as.
        number = rf"(\d{{{self.digits}}}|[1-9]\d{{{self.digits},}})"
        pattern = re.compile(re.escape(self.before) + number + re.escape(self.after), re.ASCII)
        matches = map(pattern.fullmatch, (path.name for path in self.folder.iterdir()))
        return tuple(sorted(int(match[1]) for match in matches if match))

    def __str__(self) -> str:
        return str(self.folder / self.name)


def frame_names(pattern: Path) -> FrameNames | None:
    """The names that ``frames/%05d.png`` or ``frames/#####.png`` stands for; None for any other, and for what is no image.

    Raises InputError where two numbers are written in the same form.
    """
    if pattern.suffix.lower() not in IMAGE_SUFFIXES:
        return None
    for form in _FORMS:
        places = list(form.finditer(pattern.name))
        if len(places) > 1:
            raise InputError(f"{pattern}: the name of a sequence holds one number, such as %05d or #####")
        if places:
            place = places[0]
            written = place.groupdict()
            digits = int(written.get("width") or 0) or len(written.get("places") or "") or 1
            return FrameNames(pattern.parent, pattern.name[: place.start()], digits, pattern.name[place.end() :])
    return None


def clips_among(paths: Sequence[Path]) -> list[tuple[FrameNames, tuple[int, ...]]]:
    """The clips that images of numbered names make: two or more in a folder that differ in their last number alone."""
    alike: dict[tuple[Path, str, str], list[list[str]]] = {}
    for path in paths:
        if path.suffix.lower() in IMAGE_SUFFIXES:
            pieces = _DIGITS.split(path.stem)
            alike.setdefault((path.parent, path.suffix, "#".join(pieces[::2])), []).append(pieces)
    clips = []
    for (folder, suffix, _), names in alike.items():
        changing = [place for place in range(1, len(names[0]), 2) if len({pieces[place] for pieces in names}) > 1]
        if changing:
            clips += _clips_of(folder, suffix, names, changing[-1])
    return clips


def _clips_of(folder: Path, suffix: str, names: list[list[str]], place: int) -> list[tuple[FrameNames, tuple[int, ...]]]:
    """Names of the same pieces but numbers, as clips that count at ``place``."""
    counted: dict[tuple[str, str], list[str]] = {}
    for pieces in names:
        counted.setdefault(("".join(pieces[:place]), "".join(pieces[place + 1 :])), []).append(pieces[place])
    clips = []
    for (before, after), written in counted.items():
        padded = {len(number) for number in written if number.startswith("0") and len(number) > 1}
        digits = min(padded or {1})
        numbers = tuple(sorted(map(int, written)))
        found = FrameNames(folder, before, digits, after + suffix)
        if len(written) > 1 and {path.name for path in found.paths(numbers)} == {
            f"{before}{n}{after}{suffix}" for n in written
        }:
            clips.append((found, numbers))
    return clips
