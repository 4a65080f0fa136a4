"""Two trainings never write into one folder, and a full disk ends one with a line."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from tests.training.conftest import Trained, tiny

from upframe.errors import OutputError
from upframe.training.logs import Table
from upframe.training.sole import LOCK, sole_training


def hold(folder: Path) -> None:
    with sole_training(folder):
        (folder / "held").touch()
        time.sleep(60)


def held_by_another(folder: Path) -> multiprocessing.Process:
    process: multiprocessing.Process = multiprocessing.get_context("fork").Process(target=hold, args=(folder,))  # type: ignore[assignment]
    process.start()
    while not (folder / "held").exists():
        time.sleep(0.01)
    return process


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_second_training_in_a_folder_is_refused_until_the_first_has_ended(tmp_path: Path, trained: Trained) -> None:
    folder = tmp_path / "run"
    process = held_by_another(folder)
    try:
        with pytest.raises(
            OutputError,
            match=rf"run: another training writes here \(process {process.pid} on .*\nWait for it, or write elsewhere",
        ):
            trained(tiny("rt4ksr-small"))
        assert {path.name for path in folder.iterdir()} == {LOCK, "held"}, "nothing is written"
    finally:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    assert (folder / LOCK).exists(), "what a process leaves that was killed"
    trained(tiny("rt4ksr-small"))
    assert not (folder / LOCK).exists()


def test_the_folder_is_free_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), sole_training(tmp_path / "run"):
        raise RuntimeError
    with sole_training(tmp_path / "run"):
        pass


def test_processes_that_share_a_training_share_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sole_training(tmp_path):
        monkeypatch.setenv("LOCAL_RANK", "1")
        with sole_training(tmp_path):
            pass
        assert (tmp_path / LOCK).exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file/run: cannot be written"), sole_training(tmp_path / "file/run"):
        pass


def test_a_full_disk_while_logging_is_told_and_spares_the_table(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    Table(path, after=0).add(1, {"loss": 0.5})
    before = path.read_bytes()
    table = Table(path, after=9)
    table._path = Path("/dev/full")  # a disk that is always full
    with pytest.raises(OutputError, match="the disk is full"):
        table.add(2, {"loss": 0.25})
    assert path.read_bytes() == before


def test_a_table_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "losses.csv").write_bytes(b"step,loss\n1,\xff\xfe\n")
    with pytest.raises(OutputError, match=r"losses\.csv: cannot be read as the table"):
        Table(tmp_path / "losses.csv", after=3)
