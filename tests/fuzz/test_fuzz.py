"""Two hundred damaged files of every reader, always the same ones: each is read, or refused in a line."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.run import faults
from tests.fuzz.samples import samples


def test_damaged_files_of_every_kind_are_read_or_refused_in_a_line(tmp_path: Path) -> None:
    made = list(samples(tmp_path))
    assert list(faults(made, 200, seed=2026)) == []
