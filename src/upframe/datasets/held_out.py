"""What stays out of training: clips and images that models are measured on, known by where they lie and what they are called.

Of a set whose test part is among its training part, the test part is left out: REDS4, Vimeo-90K's test list, the validation
and test images of DIV2K and of the NTIRE challenges, GoPro's test scenes. Sets that are for testing alone are not taken away
from who asks for them, and named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from upframe.datasets.catalog_entries import REDS4
from upframe.errors import InputError
from upframe.media.files import VIDEO_SUFFIXES
from upframe.media.image.image import IMAGE_SUFFIXES

_T = TypeVar("_T")
_SUFFIXES = IMAGE_SUFFIXES | VIDEO_SUFFIXES
_REDS_TRAINING = re.compile(r"(?:train|trainval)_(?:sharp|orig|blur).*|(?:.*[^a-z])?reds4?(?:[^a-z].*)?", re.IGNORECASE)
_REDS_VALIDATION = re.compile(r"val_(?:sharp|orig|blur).*|(?:.*[^a-z])?reds[^a-z]val.*", re.IGNORECASE)
_REDS_CLIPS = 200  # of three digits, together in a folder or an LMDB: no other set has so many
_GOPRO = frozenset({
    "GOPR0384_11_00", "GOPR0384_11_05", "GOPR0385_11_01", "GOPR0396_11_00", "GOPR0410_11_00", "GOPR0854_11_00",
    "GOPR0862_11_00", "GOPR0868_11_00", "GOPR0869_11_00", "GOPR0871_11_00", "GOPR0881_11_01",
})  # fmt: skip
_DIV2K = re.compile(r"(?:.*[^a-z0-9])?div2k(?:[^a-z].*)?", re.IGNORECASE)
_PART = re.compile(r"(?:div2k|lsdir|flickr2k)_(?:valid|val|test)(?:_.*)?", re.IGNORECASE)
_DIV2K_TEST = re.compile(
    r"(?:08(?!00)\d\d|09\d\d|0900|1000)(?!\d).*"
)  # 0801 to 0900 are for validation, 0901 to 1000 for testing
_TEST_ALONE: dict[str, str] = {
    "Set5": r"set5", "Set14": r"set14", "B100": r"b(?:sd|sds)?100", "Urban100": r"urban100", "Manga109": r"manga109",
    "Vid4": r"vid4", "ToS3": r"tos3", "UDM10": r"udm10", "SPMCS": r"spmcs(?:-?30)?", "NTIRE234K": r"ntire23-?4k",
}  # fmt: skip
_TOGETHER: dict[str, frozenset[str]] = {
    "Set5": frozenset(["baby", "bird", "butterfly", "head", "woman"]),
    "Vid4": frozenset(["calendar", "city", "foliage", "walk"]),
    "ToS3": frozenset(["bridge", "face", "room"]),
    "UDM10": frozenset(
        ["archpeople", "archwall", "auditorium", "band", "caffe", "camera", "clap", "lake", "photography", "polyflow"]
    ),
}  # fmt: skip
"""Clips and images of sets that are known by lying together, whatever their folder is called."""


@dataclass(slots=True)
class HeldOut:
    """What was met on the way; :meth:`notes` says it."""

    left_out: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    met: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def keep(self, source: str, items: Sequence[_T], place: Callable[[_T], Path]) -> list[_T]:
        """The items without those that stay out of training. ``place``: where one is, its own name last.

        Raises InputError where nothing is left.
        """
        places = [place(item) for item in items]
        names = [_own_name(where) for where in places]
        many_numbers = len(names) >= _REDS_CLIPS and all(re.fullmatch(r"\d{3}", name) for name in names)
        kept = []
        for item, where, name in zip(items, places, names, strict=True):
            test_set = _test_part(where, may_be_reds=many_numbers)
            if test_set is None:
                kept.append(item)
            else:
                self.left_out.setdefault((source, test_set), []).append(name)
        for test_set, found in _meets(places, names):
            self.met.setdefault((source, test_set), []).extend(found)
        if items and not kept:
            sets = " and ".join(sorted({test_set for at, test_set in self.left_out if at == source}))
            raise InputError(f"{source}: holds only {sets}, which is for testing and stays out of training")
        return kept

    def notes(self) -> tuple[str, ...]:
        """A line for each source and set."""
        lines = [
            f"{source}: {len(names)} of {test_set} ({_some(names)}) are for testing and stay out of training"
            for (source, test_set), names in self.left_out.items()
        ]
        return (
            *lines,
            *(
                f"{source}: overlaps a known test clip: {test_set} ({_some(names)}): scores on {test_set} will say nothing"
                for (source, test_set), names in self.met.items()
            ),
        )


def _some(names: Iterable[str]) -> str:
    unique = list(dict.fromkeys(names))
    return ", ".join(unique[:5]) + (f" and {len(unique) - 5} more" if len(unique) > 5 else "")


def _own_name(place: Path) -> str:
    return place.stem if place.suffix.lower() in _SUFFIXES else place.name


@lru_cache(maxsize=4096)
def _above(folder: Path) -> tuple[tuple[str, ...], ...]:
    """The parts of a folder's path as it is given, and as it is behind links."""
    return tuple({folder.absolute().parts, folder.resolve().parts})


def _test_part(place: Path, *, may_be_reds: bool = False) -> str | None:
    """The name of the set whose test part is there, among its training part; None for anything else."""
    if may_be_reds and _own_name(place) in REDS4:
        return "REDS4"
    places = [(above, _own_name(place)) for above in _above(place.parent)]
    if place.is_symlink():
        target = place.resolve()
        places.append((target.parent.parts, _own_name(target)))
    for above, name in places:
        if _is_reds4((*above, name)):
            return "REDS4"
        if any(part[:14] in _GOPRO for part in (*above, name)):
            return "GoPro's test scenes"
        if any(map(_PART.fullmatch, above)):
            return "a validation or test part"
        if any(map(_DIV2K.fullmatch, above)) and _DIV2K_TEST.fullmatch(name):
            return "DIV2K's validation and test images"
    return "Vimeo-90K's test list" if _is_vimeo_test(place.absolute()) else None


def _is_reds4(names: Sequence[str]) -> bool:
    """Whether a clip of REDS4, or a file in one, is there: below a folder of REDS' training part."""
    for level, name in enumerate(names):
        if name in REDS4 and not any(map(_REDS_VALIDATION.fullmatch, names[:level])):
            return any(map(_REDS_TRAINING.fullmatch, names[:level]))
    return False


def _is_vimeo_test(path: Path) -> bool:
    """Whether a clip, or a file in one, is in the list of test clips that is above it."""
    for folder in [*path.parents][:4]:
        for listed in _vimeo_lists(folder):
            inner = path.relative_to(folder).parts
            names = {f"{group}/{clip}" for group, clip in pairwise(inner)} | {
                path.name.replace("_", "/")
            }  # the last: of an LMDB
            return not names.isdisjoint(listed)
    return False


@lru_cache(maxsize=4096)
def _vimeo_lists(folder: Path) -> tuple[frozenset[str], ...]:
    """The clips that the lists of Vimeo-90K in a folder keep for testing, as ``00001/0266``. Raises InputError."""
    paths = [path for name in ("sep_testlist.txt", "tri_testlist.txt") if (path := folder / name).is_file()]
    try:
        texts = [path.read_text(encoding="utf-8") for path in paths]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{paths[0]}: cannot be read: {error}") from error
    return tuple(frozenset(line.split()[0] for line in text.splitlines() if line.strip()) for text in texts)


def _meets(places: Sequence[Path], names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """The sets for testing alone that are met, and what of them."""
    found: dict[str, list[str]] = {}
    for place, name in zip(places, names, strict=True):
        for test_set in _test_sets_above(place.parent):
            found.setdefault(test_set, []).append(name)
    plain = [re.sub(r"(?:_?HR|_?GT|x\d)$", "", name).lower() for name in names]
    for test_set, together in _TOGETHER.items():
        if test_set not in found and len(together & set(plain)) >= max(3, len(together) // 2):
            found[test_set] = [name for name, short in zip(names, plain, strict=True) if short in together]
    yield from found.items()


@lru_cache(maxsize=4096)
def _test_sets_above(folder: Path) -> tuple[str, ...]:
    """The sets for testing alone in whose folder another is."""
    parts = [part.lower() for above in _above(folder) for part in above]
    found = [name for name, pattern in _TEST_ALONE.items() if any(re.fullmatch(pattern, part) for part in parts)]
    if any(part.startswith("stssnet") for part in parts) and any(re.match("test|arena", part) for part in parts):
        found.append("STSSNet's test scenes")
    return tuple(found)
