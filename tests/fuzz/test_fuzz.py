"""Two hundred damaged files of every reader, always the same ones: each is read, or refused in a line."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from tests.fuzz import run
from tests.fuzz.run import faults
from tests.fuzz.samples import Sample, samples


@pytest.mark.long
def test_damaged_files_of_every_kind_are_read_or_refused_in_a_line(tmp_path: Path) -> None:
    made = list(samples(tmp_path))
    assert list(faults(made, 200, seed=2026)) == []


def _ends(path: Path) -> object:
    os.abort()


def _lasts(path: Path) -> object:
    time.sleep(60)
    return None


def _takes_memory(path: Path) -> object:
    return bytearray(2**34)


def _stumbles(path: Path) -> object:
    return {}["missing"]


def _reads(path: Path) -> object:
    return path.read_bytes()


def test_whatever_a_reader_must_not_do_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "SECONDS", 3)
    (tmp_path / "a").write_bytes(b"content" * 100)
    readers = {
        "signal 6": _ends,
        "no end after 3 s": _lasts,
        "MemoryError": _takes_memory,
        "KeyError": _stumbles,
        "fine": _reads,
    }
    made = [Sample(kind, tmp_path, "a", "a", read) for kind, read in readers.items()]
    found = list(faults(made, 5, seed=1))
    assert sorted(fault.kind for fault in found) == sorted(readers.keys() - {"fine"})
    assert all(fault.what.startswith(fault.kind) for fault in found)
