"""``upframe data`` as its users run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import ENVIRONMENT, Command
from tests.datasets.samples import put


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(ENVIRONMENT, "UPFRAME_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_the_list_has_every_set_and_says_which_are_here(upframe: Command, data_folder: Path) -> None:
    (data_folder / "Set5").mkdir(parents=True)
    listed = upframe("data")
    assert listed.code == 0
    assert listed.out == upframe("data", "list").out
    lines = {line.split()[0]: line for line in listed.out.splitlines() if line.strip()}
    assert "yes" in lines["set5"]
    assert "yes" not in lines["set14"]
    entries = [json.loads(line) for line in upframe("data", "list", "--json").out.splitlines()]
    assert {entry["name"] for entry in entries} <= set(lines)
    assert {entry["name"]: entry["folder"] for entry in entries}["set5"] == str(data_folder / "Set5")


def test_a_set_is_shown_with_its_layout_and_how_to_get_it(upframe: Command) -> None:
    shown = upframe("data", "show", "REDS").out
    for words in ("CC BY 4.0", "REDS/train/train_sharp/000/00000000.png", "https://", "data prepare reds", "REDS4"):
        assert words in shown
    assert json.loads(upframe("data", "show", "reds4", "--json").out)["clips"] == ["000", "011", "015", "020"]


def test_a_set_for_people_alone_ends_with_the_steps(upframe: Command) -> None:
    outcome = upframe("data", "fetch", "udm10")
    assert (outcome.code, outcome.out) == (1, "")
    assert "cannot be downloaded by a program" in outcome.err
    assert "1. Download" in outcome.err
    assert "Traceback" not in outcome.err


def test_a_name_that_is_none_is_said(upframe: Command) -> None:
    outcome = upframe("data", "show", "set6")
    assert (outcome.code, outcome.err.strip()) == (
        1,
        "upframe: set6: unknown data set\n         See `upframe data list`",
    )


def test_sets_are_prepared_for_training(upframe: Command, tmp_path: Path) -> None:
    put(tmp_path / "HR/a.png", 40, 40)
    outcome = upframe("data", "prepare", "div2k", "HR", "sub", "--size", 32, "--step", 8)
    assert (outcome.code, outcome.out.strip()) == (0, "sub: 1 images"), outcome.err
    assert len(list((tmp_path / "sub").iterdir())) == 4
    for clip in ("train/train_sharp/000", "train/train_sharp/001", "val/val_sharp/000"):  # the first is one of REDS4
        put(tmp_path / f"REDS/{clip}/0.png")
    outcome = upframe("data", "prepare", "reds", "REDS", "all", "--json")
    assert json.loads(outcome.out) == {"output": "all", "clips": 2}
    outcome = upframe("data", "prepare", "set5", "HR", "other")
    assert (outcome.code, "needs no preparation" in outcome.err) == (1, True)
