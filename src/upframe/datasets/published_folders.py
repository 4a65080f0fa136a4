"""What the folders of published data sets are called: where high resolution is, and where low resolution beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from upframe.errors import InputError
from upframe.media.files import VIDEO_SUFFIXES, natural_key
from upframe.media.image.image import IMAGE_SUFFIXES

if TYPE_CHECKING:  # it loads torch, which commands that only look at folders do not need
    from upframe.datasets.degradation import Kind

_HIGH = (
    r"hr|gt|gtmod12|original|truth|target|raw",
    r".+_(valid|val|test)_hr",
    r".+_hr",
    r"trainval_sharp|train_sharp",  # REDS4 is taken from the training clips
    r"val_sharp",
)
_ABOVE = (".", "test", "val", "valid", "train")

_LOW: tuple[tuple[str, Kind | None], ...] = (
    ("LR_bicubic/X{s}", "BI"),
    ("LR_bicubic_X{s}", "BI"),
    ("{stem}_LR_bicubic/X{s}", "BI"),
    ("{high}_bicubic/X{s}", "BI"),
    ("BIx{s}", "BI"),
    ("Bicubic{s}xLR", "BI"),
    ("BDx{s}", "BD"),
    ("Gaussian{s}xLR", "BD"),
    ("blur{s}", "BD"),
    ("LR/X{s}", None),
    ("LR_X{s}", None),
    ("LRx{s}", None),
    ("LR{s}", None),
    ("X{s}", None),
    ("LR", None),
    ("LQ", None),
)
_LOW_OF_4: tuple[tuple[str, Kind | None], ...] = (
    ("BI", "BI"),
    ("sharp_bicubic", "BI"),
    ("BD", "BD"),
    ("{high}_BD", "BD"),
)
"""Names without a scale, by authors who knew x4 alone."""
_SAYS_KIND: tuple[tuple[str, Kind], ...] = ((r"bicubic|bix\d|^bi$", "BI"), (r"gaussian|blur|bdx\d|_bd$|^bd$", "BD"))


@dataclass(frozen=True, slots=True)
class LowFolder:
    """A folder, or a file, of low resolution, and how it was made as far as its name says so."""

    path: Path
    kind: Kind | None


def named_low(path: Path) -> LowFolder:
    """The folder that a user names, whatever it is called. Raises InputError when it is not there."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder of low resolution")
    for part in (path.name, path.parent.name):
        for pattern, kind in _SAYS_KIND:
            if re.search(pattern, part, re.IGNORECASE):
                return LowFolder(path, kind)
    return LowFolder(path, None)


def high_folder(root: Path, holding: Iterable[str] = ()) -> Path:
    """The folder of high resolution: one of a published name in ``root``, its test or its training part; else ``root`` itself.

    ``holding``: folders that must be in it.
    """
    places = [place for name in _ABOVE if (place := child(root, name)) is not None]
    for pattern in _HIGH:
        for place in places:
            for folder in subfolders(place):
                if re.fullmatch(pattern, folder.name, re.IGNORECASE) and all((folder / name).is_dir() for name in holding):
                    return folder
    return root


def low_folder(high: Path, root: Path, scale: int, wanted: Kind | None) -> LowFolder | None:
    """The folder of low resolution beside that of high, or in the set's own; one of the ``wanted`` kind, where one is named."""
    stem = re.sub(r"_hr$", "", high.name, flags=re.IGNORECASE)
    places = [high.parent] if high != root or _is_high(high) else []
    for pattern, kind in (*_LOW, *(_LOW_OF_4 if scale == 4 else ())):
        if wanted is None or kind == wanted:
            name = pattern.format(s=scale, high=high.name, stem=stem)
            for place in (*places, root):
                folder = child(place, name)
                if folder is not None and folder != high:
                    return LowFolder(folder, kind)
    return None


def _is_high(folder: Path) -> bool:
    return any(re.fullmatch(pattern, folder.name, re.IGNORECASE) for pattern in _HIGH)


def low_names(stem: str, scale: int) -> Iterator[str]:
    """What the low-resolution file of ``stem`` may be called, the likeliest first."""
    yield from (stem, f"{stem}x{scale}", f"{stem}_x{scale}", f"{stem}_LR")
    if re.search("hr", stem, re.IGNORECASE):
        yield re.sub("hr$", "LR", stem, flags=re.IGNORECASE)


def child(folder: Path, name: str) -> Path | None:
    """A folder below another, in any case of letters."""
    for part in Path(name).parts:
        exact = folder / part
        found = exact if exact.is_dir() else next((sub for sub in subfolders(folder) if sub.name.lower() == part.lower()), None)
        if found is None:
            return None
        folder = found
    return folder


def subfolders(folder: Path) -> list[Path]:
    """Those not hidden, in natural order. Raises InputError where they cannot be listed."""
    return _listed(folder, files=False)


def images_in(folder: Path) -> list[Path]:
    """Image files directly in a folder, in natural order."""
    return [path for path in _listed(folder, files=True) if path.suffix.lower() in IMAGE_SUFFIXES]


def videos_in(folder: Path) -> list[Path]:
    """Video files directly in a folder, in natural order."""
    return [path for path in _listed(folder, files=True) if path.suffix.lower() in VIDEO_SUFFIXES]


def _listed(folder: Path, *, files: bool) -> list[Path]:
    try:
        found = [path for path in folder.iterdir() if not path.name.startswith(".") and path.is_dir() != files]
    except OSError as error:
        raise InputError(f"{folder}: cannot be read: {error.strerror or error}") from error
    return sorted(found, key=natural_key)
