"""``upframe train``: killed, interrupted, on several processes, and told what is wrong."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from PIL import Image
from tests.cli.conftest import Command, start
from tests.training.conftest import COMMON, TINY, rows

from upframe.models import load


def recipe_of(name: str, *changes: str) -> list[str]:
    return ["train", name, *COMMON, *TINY[name], "run.tensorboard=false", *changes]


def wait_for(path: Path, running: object) -> None:
    """Until a file is there."""
    for _ in range(1200):
        if path.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} never came: {running}")


@pytest.mark.long
@pytest.mark.parametrize("name", ["frvsr-small", "tecogan-small"])
def test_a_killed_training_goes_on_as_if_it_had_not_been(upframe: Command, tmp_path: Path, name: str) -> None:
    changes = ["iterations=40", "run.save_every=3"]
    assert upframe(*recipe_of(name, *changes), "-o", "whole", "--json").code == 0
    with start(*recipe_of(name, *changes), "-o", "cut", cwd=tmp_path) as running:
        wait_for(tmp_path / "cut/last.ckpt", running)
        running.kill()
        running.communicate()
    assert not (tmp_path / f"cut/{name}.safetensors").exists()
    outcome = upframe(*recipe_of(name, *changes), "-o", "cut", "--json", "--resume")
    assert outcome.code == 0, outcome.err
    assert 0 < outcome.events_of("started")[0]["step"] < 40
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")
    assert (tmp_path / f"cut/{name}.safetensors").read_bytes() == (tmp_path / f"whole/{name}.safetensors").read_bytes()


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_saves_and_says_how_to_go_on(upframe: Command, tmp_path: Path, number: int) -> None:
    changes = ["iterations=100000", "run.save_every=100000"]
    with start(*recipe_of("frvsr-small", *changes), "-o", "run", cwd=tmp_path) as running:
        wait_for(tmp_path / "run/losses.csv", running)
        while not rows(tmp_path / "run"):
            time.sleep(0.05)
        running.send_signal(number)
        _, err = running.communicate(timeout=120)
    assert running.returncode == 130
    assert "interrupted after step" in err
    assert "--resume goes on" in err
    assert "Traceback" not in err
    assert load(tmp_path / "run/frvsr-small.safetensors").info.scale == 2
    steps = rows(tmp_path / "run")
    with start(*recipe_of("frvsr-small", *changes), "-o", "run", "--resume", "--json", cwd=tmp_path) as running:
        assert running.stdout is not None
        assert f'"step": {steps[-1]["step"]}, ' in running.stdout.readline()
        running.terminate()
        running.communicate(timeout=120)


@pytest.mark.long
def test_two_processes_learn_what_one_learns_from_both_their_samples(upframe: Command, tmp_path: Path) -> None:
    changes = ["batch=4", "iterations=4"]
    assert upframe(*recipe_of("frvsr-small", *changes), "-o", "one").code == 0
    outcome = upframe(*recipe_of("frvsr-small", *changes, "run.devices=2"), "-o", "two", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.events_of("started")[0]["processes"] == 2
    one, two = (load(tmp_path / folder / "frvsr-small.safetensors").network.state_dict() for folder in ("one", "two"))
    for name in one:
        assert (one[name] - two[name]).abs().max() < 1e-6, name


@pytest.mark.long
def test_what_was_trained_enlarges(upframe: Command, tmp_path: Path) -> None:
    assert upframe(*recipe_of("frvsr-small"), "-o", "run").code == 0
    Image.new("RGB", (24, 16), (200, 90, 30)).save(tmp_path / "small.png")
    outcome = upframe("upscale", "small.png", "-o", "large.png", "-m", "run/frvsr-small.safetensors", "-q")
    assert outcome.code == 0, outcome.err
    with Image.open(tmp_path / "large.png") as picture:
        assert picture.size == (48, 32)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere: no such recipe"),
        (["frvsr-smal"], "did you mean frvsr-small?"),
        (["frvsr-small", "data.corp=16"], "data.corp: there is no such key; did you mean crop?"),
        (["frvsr-small", "batch=many"], "batch: "),
        (["frvsr-small", "crop"], "write key=value"),
        (["frvsr-small", "data.photographs=[nowhere]"], "nowhere: no such file or folder"),
        (["frvsr"], "data.clips=[FOLDER]"),
    ],
)
def test_a_wrong_recipe_is_one_line_and_nothing_is_written(
    upframe: Command, tmp_path: Path, arguments: list[str], words: str
) -> None:
    outcome = upframe("train", *arguments)
    assert outcome.code == 1
    assert words in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
