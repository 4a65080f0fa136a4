"""Losses and scores as CSV, in one file over all interruptions."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from upframe.errors import OutputError
from upframe.media.atomic import atomic_output, output_error
from upframe.regular import refuse_irregular

STEP = "step"


class Table:
    """A CSV file of numbers by step. A line is on the disk when :meth:`add` returns.

    ``after``: lines of later steps are dropped first, as a training that is taken up computes them again. A column that is
    new is added to the lines before, empty. Raises OutputError.
    """

    def __init__(self, path: Path, *, after: int) -> None:
        self._path, self._columns = path, [STEP]
        rows = []
        refuse_irregular(path, OutputError)
        if path.is_file():
            try:
                with path.open(newline="", encoding="utf-8") as file:
                    reader = csv.DictReader(file)
                    self._columns = list(reader.fieldnames or [STEP])
                    rows = [row for row in reader if (row.get(STEP) or "").isdecimal() and int(row[STEP]) <= after]
            except (OSError, UnicodeDecodeError, csv.Error) as error:
                raise OutputError(
                    f"{path}: cannot be read as the table of this training ({error})", remedy="move it away"
                ) from error
            if STEP not in self._columns:
                raise OutputError(
                    f"{path}: is not a table of a training, but one is written under this name", remedy="move it away"
                )
        self._write(rows)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """A line."""
        new = [name for name in values if name not in self._columns]
        if new:
            with self._path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            self._columns += new
            self._write(rows)
        try:
            with self._path.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, self._columns).writerow({STEP: step, **{k: repr(float(v)) for k, v in values.items()}})
        except OSError as error:
            raise output_error(self._path, error) from error

    def rows(self) -> list[dict[str, float]]:
        """What it holds, oldest first; a value that is missing or no number is left out."""
        with self._path.open(newline="", encoding="utf-8") as file:
            return [dict(_numbers(row)) for row in csv.DictReader(file)]

    def _write(self, rows: list[dict[str, str]]) -> None:
        with atomic_output(self._path, overwrite=True) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)


def _numbers(row: Mapping[str, str | None]) -> Iterator[tuple[str, float]]:
    for name, text in row.items():
        with suppress(ValueError):
            yield name, float(text or "")
