"""What a training has written into its folder so far, read while it goes on or after it has ended."""

from __future__ import annotations

import csv
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from upframe.errors import InputError
from upframe.regular import refuse_irregular

RECIPE, LOSSES, SCORES, TIMES = "recipe.yaml", "losses.csv", "validation.csv", "timing.csv"
STEP = "step"
_SAMPLE = re.compile(r"(\d{8,})-(\d+)\.png")

Curve = list[tuple[int, float]]
"""Values by step, in order; those that are no number are left out."""


@dataclass(frozen=True, slots=True)
class ValidationImage:
    """A validation image of a step: bicubic, the network and the truth, side by side; of the ``number``-th clip."""

    step: int
    number: int
    path: Path


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """A training so far.

    ``name``: of its folder, longer where several have the same. ``recipe``: plain values, empty where there is no file.
    ``losses``, ``scores`` and ``times``: curves by the name of their column. ``step``: the last that was logged. ``ended``:
    its weights are written. ``written``: when the last line was, seconds since 1970; 0 before the first.
    """

    name: str
    folder: Path
    recipe: dict[str, Any]
    losses: dict[str, Curve]
    scores: dict[str, Curve]
    times: dict[str, Curve]
    samples: tuple[ValidationImage, ...]
    step: int
    ended: bool
    written: float

    @property
    def total(self) -> int | None:
        """The steps it is to have, where the recipe says so."""
        iterations = self.recipe.get("iterations")
        return iterations if isinstance(iterations, int) else None

    def state(self, now: float | None = None) -> str:
        """In words."""
        if self.ended:
            return "complete" if self.total is not None and self.step >= self.total else "stopped, weights saved"
        if not self.written:
            return "just started"
        return f"last line {_ago(max((time.time() if now is None else now) - self.written, 0))} ago"


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def find_runs(folders: Sequence[str]) -> list[Path]:
    """The folders of trainings: those named, or for a folder of folders, those in it.

    Raises InputError for what is missing and for what is no training.
    """
    found: list[Path] = []
    for name in folders:
        folder = Path(name).expanduser()
        if not folder.is_dir():
            raise InputError(
                f"{folder}: {'is a file' if folder.exists() else 'no such folder'}", remedy="name the folder of a training"
            )
        inner = [folder] if _is_run(folder) else sorted(path for path in folder.iterdir() if path.is_dir() and _is_run(path))
        if not inner:
            raise InputError(f"{folder}: is not a training and holds none: it has neither {RECIPE} nor {LOSSES}")
        found += [path for path in inner if path not in found]
    return found


def _is_run(folder: Path) -> bool:
    return (folder / LOSSES).is_file() or ((folder / RECIPE).is_file() and "system" in _recipe(folder / RECIPE))


def read_record(folder: Path, name: str | None = None) -> TrainingRecord:
    """A training's folder. What is not there yet is empty. Raises InputError for files that are damaged."""
    losses = _curves(folder / LOSSES)
    weights = [path.stat().st_mtime for path in folder.glob("*.safetensors")]
    written = (folder / LOSSES).stat().st_mtime if losses else 0.0
    return TrainingRecord(
        name=name or folder.resolve().name,
        folder=folder,
        recipe=_recipe(folder / RECIPE),
        losses=losses,
        scores=_curves(folder / SCORES),
        times=_curves(folder / TIMES),
        samples=_samples(folder / "samples"),
        step=max((curve[-1][0] for curve in losses.values()), default=0),
        ended=bool(losses) and max(weights, default=0.0) >= written,
        written=written,
    )


def _recipe(path: Path) -> dict[str, Any]:
    refuse_irregular(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as a recipe: {' '.join(str(error).split())[:120]}") from error
    return values if isinstance(values, dict) else {}


def _curves(path: Path) -> dict[str, Curve]:
    """Columns of numbers by step. A last line that is still being written is left out."""
    refuse_irregular(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not a table of a training, or a damaged one: {error}") from error
    lines = text[: text.rfind("\n") + 1].splitlines()
    if not lines:
        return {}
    columns, *rows = csv.reader(lines)
    if columns[:1] != [STEP]:
        raise InputError(f"{path}: is not a table of a training: its first column is not {STEP!r}")
    curves: dict[str, Curve] = {}
    for line, row in enumerate(rows, start=2):
        try:
            step, values = int(row[0]), [float(value) if value else math.nan for value in row[1:]]
        except (ValueError, IndexError):
            raise InputError(f"{path}: line {line} is not a line of numbers: {','.join(row)[:60]!r}") from None
        for name, value in zip(columns[1:], values, strict=False):
            if math.isfinite(value):
                curves.setdefault(name, []).append((step, value))
    return curves


def _samples(folder: Path) -> tuple[ValidationImage, ...]:
    if not folder.is_dir():
        return ()
    matches = ((_SAMPLE.fullmatch(path.name), path) for path in folder.iterdir())
    return tuple(
        sorted((ValidationImage(int(m[1]), int(m[2]), path) for m, path in matches if m), key=lambda s: (s.step, s.number))
    )


def named(folders: Sequence[Path]) -> list[str]:
    """A name for each folder: its own, with those above it where two would be the same."""
    parts = [folder.resolve().parts for folder in folders]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            break
    return names
