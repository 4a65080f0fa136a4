"""``upframe evaluate`` as its users run it."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
from tests.cli.conftest import Command, Start, is_one_error
from tests.evaluation.samples import moving, save, save_model, scene

QUICK = ("--device", "cpu")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name, seed in (("apple", 1), ("berry", 2)):
        save(tmp_path / "fruit" / f"{name}.png", scene(112, 128, seed))
    return tmp_path / "fruit"


def test_evaluate_prints_models_with_bicubic_beside_them(upframe: Command, images: Path, tmp_path: Path) -> None:
    save_model(tmp_path / "mine.pth")
    outcome = upframe("evaluate", "mine.pth", "lanczos", images, *QUICK)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0] == "mine and lanczos-x2 on fruit"
    assert [line.split()[0] for line in lines[2:5]] == ["mine", "lanczos-x2", "bicubic-x2"]
    assert "ms a frame" in lines[1]
    assert "Protocol set-y" in outcome.out


def test_evaluate_prints_one_json_object_and_nothing_else(upframe: Command, images: Path) -> None:
    outcome = upframe("evaluate", "bicubic", images, "--scale", "3", "--protocol", "rt4ksr-y", "--json", *QUICK)
    assert (outcome.code, outcome.err) == (0, "")
    (found,) = [json.loads(line) for line in outcome.out.splitlines()]
    (scores,) = found["scores"]
    assert scores["name"] == "bicubic-x3"
    assert scores["milliseconds_per_frame"] > 0
    assert set(scores["result"]) == {"psnr_rgb", "ssim_rgb", "psnr_y", "ssim_y"}
    assert [clip["name"] for clip in scores["clips"]] == ["apple", "berry"]
    assert found["about"]["low resolution"] == "BI, MATLAB bicubic, rounded once"
    assert {"upframe", "torch", "processor", "device", "date"} <= set(found["made"])


def test_evaluate_writes_a_page_a_csv_and_the_results(upframe: Command, images: Path, tmp_path: Path) -> None:
    arguments = ("evaluate", "lanczos", images, "--scale", "2", "--report", "page", "--csv", "all.csv", *QUICK)
    outcome = upframe(*arguments, "--keep-results", "kept")
    assert outcome.code == 0
    assert "Quality and speed" in (tmp_path / "page" / "report.html").read_text()
    assert (tmp_path / "all.csv").read_text().startswith("name,clip,frame,psnr_y,ssim_y\n")
    kept = sorted(str(path.relative_to(tmp_path / "kept")) for path in (tmp_path / "kept").rglob("*.png"))
    assert kept == [f"{model}-x2/{name}.png" for model in ("bicubic", "lanczos") for name in ("apple", "berry")]
    again = upframe(*arguments)
    assert (again.code, again.out) == (1, "")
    assert "exists already" in again.err
    (tmp_path / "page" / "report.html").unlink()
    (tmp_path / "all.csv").unlink()
    started = upframe(*arguments)
    assert started.code == 1
    assert "--resume" in started.err
    assert upframe(*arguments, "--resume").code == 0
    assert upframe(*arguments, "--overwrite").code == 0


def test_an_evaluation_that_was_stopped_goes_on(upframe: Command, start: Start, tmp_path: Path) -> None:
    for number, frame in enumerate(moving(40, 128, 160)):
        for clip in ("a", "b", "c", "d"):
            save(tmp_path / "clips" / clip / f"{number:04d}.png", frame)
    arguments = ("evaluate", "bicubic", "clips", "--scale", "2", "--report", "page", "--json", *QUICK)
    journal = tmp_path / "page" / "journal"
    with start(*arguments) as running:
        while running.poll() is None and len(list(journal.glob("[0-9a-f]*.json"))) < 2:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=120)
    assert (running.returncode, out) == (130, "")
    assert "interrupted" in err
    assert "the same command with --resume does the rest" in err
    assert is_one_error(err)
    kept = {path.name: path.stat().st_mtime_ns for path in journal.glob("*.json")}
    assert 2 <= len(kept) < 4
    assert not (tmp_path / "page" / "report.html").exists()
    outcome = upframe(*arguments, "--resume")
    assert outcome.code == 0
    after = {path.name: path.stat().st_mtime_ns for path in journal.glob("*.json")}
    assert len(after) == 4
    assert kept.items() <= after.items()


def test_evaluate_warns_of_another_degradation(upframe: Command, images: Path) -> None:
    outcome = upframe("evaluate", "rt4ksr-x2", images, "--degradation", "bd", *QUICK)
    assert outcome.code == 0
    assert "rt4ksr-x2 was trained for BI, but low resolution is BD here" in outcome.err


def test_evaluate_says_in_one_line_what_is_wrong(upframe: Command, images: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.pth").write_bytes(b"PK\x03\x04 no weights")
    (tmp_path / "empty").mkdir()
    save(tmp_path / "lows" / "apple.png", scene(56, 64))
    for arguments, words in (
        (("no-such-model", images), "no-such-model"),
        (("broken.pth", images), "broken.pth"),
        (("bicubic", "nowhere"), "nowhere"),
        (("bicubic", "empty"), "empty"),
        (("rt4ksr-x2", "rt4ksr-x3", images), "Compare models of one scale"),
        (("bicubic", images, "--degradation", "blur"), "unknown degradation 'blur'"),
        (("bicubic", images, "--low", "lows", "--scale", "2"), "berry"),
    ):
        outcome = upframe("evaluate", *arguments, *QUICK)
        assert (outcome.code, outcome.out) == (1, ""), outcome.err
        assert words in outcome.err
        assert is_one_error(outcome.err), outcome.err
    assert upframe("evaluate", "bicubic").code == 2
    assert upframe("evaluate", "bicubic", images, "--resume").code == 2
