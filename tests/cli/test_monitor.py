"""``upframe monitor``: the page of trainings, once and while they go on, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Command, Start, is_one_error
from tests.reports.test_training import run


def test_a_training_gets_its_page_into_its_folder(upframe: Command, tmp_path: Path) -> None:
    run(tmp_path / "one")
    outcome = upframe("monitor", "one")
    assert outcome.code == 0, outcome.err
    assert outcome.out == "one/monitor.html: one 40\n"
    assert "<h1>one</h1>" in (tmp_path / "one/monitor.html").read_text()
    assert upframe("monitor", "one").code == 0, "a page is written over an older one"


def test_several_trainings_share_a_page(upframe: Command, tmp_path: Path) -> None:
    run(tmp_path / "runs/one")
    run(tmp_path / "runs/two")
    outcome = upframe("monitor", "runs", "--json")
    assert outcome.code == 0, outcome.err
    (event,) = outcome.events
    assert event["runs"] == {name: {"step": 40, "ended": False} for name in ("one", "two")}
    assert (tmp_path / "monitor.html").is_file()


def test_a_page_follows_a_training_to_its_end(start: Start, tmp_path: Path) -> None:
    folder = run(tmp_path / "one", steps=10)
    with start("monitor", "one", "--follow", "--every", "0.2", "--json") as running:
        assert json.loads(running.stdout.readline())["runs"]["one"]["step"] == 10
        with (folder / "losses.csv").open("a") as losses:
            losses.write("40,0.5,0.1,0.1,0.1\n")
        (folder / "one.safetensors").touch()
        lines = [json.loads(line) for line in running.communicate(timeout=60)[0].splitlines()]
    assert running.returncode == 0
    assert lines[-1]["runs"]["one"] == {"step": 40, "ended": True}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere: no such folder"),
        (["."], "is not a training and holds none"),
        (["one", "-o", "mine.html"], "mine.html"),
    ],
)
def test_what_cannot_be_shown_is_one_line(upframe: Command, tmp_path: Path, arguments: list[str], words: str) -> None:
    if "one" in arguments:
        run(tmp_path / "one")
        (tmp_path / "mine.html").write_text("mine")
    outcome = upframe("monitor", *arguments)
    assert outcome.code == 1
    assert words in outcome.err
    assert is_one_error(outcome.err)
