"""What a result depends on, in a form that tells which of it has changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from upframe import __version__

_WHOLE = 64 << 20  # bytes of a file that is read whole
_BLOCK = 1 << 20
_BLOCKS = 64  # of a larger one, evenly spread
_PACKAGES = ("torch", "av", "numpy")

Fingerprint = Mapping[str, Any]
"""Of each thing that the result depends on, by the word a user knows it by, a plain value."""

_WORDS = {"input": "the input has changed", "model": "the model is another one"}


def input_mark(path: Path) -> str:
    """A file's size, and the SHA-256 of all of it; of one over 64 MiB, of 64 MiB that are spread over it."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= _WHOLE:
            digest.update(file.read())
        else:
            for number in range(_BLOCKS):
                file.seek((size - _BLOCK) * number // (_BLOCKS - 1))
                digest.update(file.read(_BLOCK))
    return f"{size}-{digest.hexdigest()}"


def versions() -> dict[str, str]:
    """The packages that compute and encode. Another one of them may change a result's bytes."""
    found = {"upframe": __version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def changes(before: Fingerprint, now: Fingerprint) -> list[str]:
    """In words, what of a job's fingerprint has changed; empty where nothing has."""
    found = []
    for name in dict.fromkeys((*before, *now)):
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        if name in _WORDS:
            found.append(_WORDS[name])
        else:
            found += _changed_settings(name, old, new)
    return found


def _changed_settings(name: str, old: Any, new: Any) -> list[str]:
    """The entries of a group that differ, or the value itself."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return [f"{name} is {_shown(new)}, and was {_shown(old)}"]
    keys = [key for key in dict.fromkeys((*old, *new)) if old.get(key) != new.get(key)]
    return [f"{key} is {_shown(new.get(key))}, and was {_shown(old.get(key))}" for key in keys]


def _shown(value: Any) -> str:
    return "not set" if value in (None, {}, []) else str(value)
