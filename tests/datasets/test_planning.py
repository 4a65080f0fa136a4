"""Where the results of ``upframe degrade`` go, and which names are refused before anything is started."""

from __future__ import annotations

import re
from pathlib import Path

import PIL.Image
import pytest
from tests.datasets.samples import noise, put
from tests.media.video_fixtures import Video

from upframe.datasets.planning import plan
from upframe.errors import InputError, OutputError


@pytest.fixture(autouse=True)
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few files in the folder one stands in."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "in_01.png", "in_02.png", "same/x.png"):
        put(tmp_path / name)
    PIL.Image.fromarray(noise(8, 8)).save(tmp_path / "same/x.jpg")
    PIL.Image.fromarray(noise(8, 8)).save(tmp_path / "photo.jpg")
    (tmp_path / "empty").mkdir()
    Video(times=[0, 3600], size=(16, 24)).make(tmp_path / "walk.mp4")


@pytest.mark.parametrize(
    ("arguments", "out", "targets"),
    [
        (["a.png"], "b.png", ["b.png"]),
        (["a.png"], "b.tif", ["b.tif"]),
        (["a.png"], "out", ["out/a.png"]),
        (["photo.jpg", "a.png"], "out/", ["out/photo.png", "out/a.png"]),
        (["walk.mp4"], "out", ["out/walk.mkv"]),
        (["walk.mp4"], "frames/%03d.png", ["frames/%03d.png"]),
        (["in_%02d.png"], "out", ["out/in_%02d.png"]),
        (["in_##.png"], "out/####.png", ["out/%04d.png"]),
    ],
)
def test_results_have_names_that_lose_nothing(arguments: list[str], out: str, targets: list[str]) -> None:
    assert [str(task.target) for task in plan(arguments, out)[1]] == targets


@pytest.mark.parametrize(
    ("arguments", "out", "words"),
    [
        (["a.png"], "b.jpg", r"b\.jpg: \.jpg is written with loss\nName it \.png"),
        (["walk.mp4"], "b.mp4", r"b\.mp4: .* without loss\nName it \.mkv, or frames/%05d\.png"),
        (["a.png"], "a.png", "is an input"),
        (["in_%02d.png"], "b.png", "one name for 2 frames"),
    ],
)
def test_names_that_do_not_fit_are_refused(arguments: list[str], out: str, words: str) -> None:
    (task,) = plan(arguments, out)[1]
    assert task.refusal is not None
    assert re.search(words, f"{task.refusal}\n{task.refusal.remedy}")


def test_one_name_for_several_inputs_is_refused() -> None:
    with pytest.raises(OutputError, match="one name for several inputs"):
        plan(["a.png", "walk.mp4"], "b.png")


def test_results_that_would_share_a_name_get_their_own() -> None:
    assert sorted(str(task.target) for task in plan(["same"], "out")[1]) == ["out/x.jpg.png", "out/x.png"]


def test_inputs_that_are_not_there_are_refused() -> None:
    with pytest.raises(InputError, match="no such file"):
        plan(["none.png"], "out")
    with pytest.raises(InputError, match="no image or video in this folder"):
        plan(["empty"], "out")
