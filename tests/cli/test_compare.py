"""``upframe compare`` as its users run it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Command, is_one_error
from tests.evaluation.samples import blemished, moving, save, save_video, scene

QUICK = ("--device", "cpu")


def test_compare_prints_a_table_and_how_it_was_computed(upframe: Command, tmp_path: Path) -> None:
    save(tmp_path / "a.png", blemished(scene()))
    save(tmp_path / "b.png", scene())
    outcome = upframe("compare", "a.png", "b.png", *QUICK)
    assert outcome.code == 0
    for words in ("a.png against b.png", "PSNR RGB ↑", "SSIM Y ↑", "Protocol plain", "1 frame."):
        assert words in outcome.out
    assert outcome.err == ""


def test_compare_prints_one_json_object_and_nothing_else(upframe: Command, tmp_path: Path) -> None:
    frames = moving(4)
    save_video(tmp_path / "a.mkv", [blemished(frame) for frame in frames])
    save_video(tmp_path / "b.mkv", frames)
    outcome = upframe("compare", "a.mkv", "b.mkv", "--metrics", "psnr,tpsnr", "--json", *QUICK)
    assert (outcome.code, outcome.err) == (0, "")
    (found,) = [json.loads(line) for line in outcome.out.splitlines()]
    assert found["about"]["frames"] == 4
    (scores,) = found["scores"]
    assert set(scores["result"]) == {"psnr_rgb", "psnr_y", "tpsnr"}
    assert len(scores["clips"][0]["frames"]) == 4
    assert found["protocol"]["name"] == "plain+metrics"


def test_compare_writes_a_page_and_a_csv(upframe: Command, tmp_path: Path) -> None:
    for name in ("apple", "berry"):
        save(tmp_path / "ours" / f"{name}.png", blemished(scene(128, 128)))
        save(tmp_path / "theirs" / f"{name}.png", scene(128, 128))
    arguments = ("compare", "ours", "theirs", "--report", "page", "--csv", "scores.csv", *QUICK)
    outcome = upframe(*arguments)
    assert outcome.code == 0
    assert outcome.out.splitlines()[-2:] == ["scores.csv", "page/report.html"]
    assert (tmp_path / "page" / "report.html").stat().st_size > 20_000
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["clip"], row["frame"]) for row in rows] == [
        ("apple", "0"),
        ("apple", "mean"),
        ("berry", "0"),
        ("berry", "mean"),
        ("", "result"),
    ]
    assert float(rows[-1]["psnr_y"]) == pytest.approx(np.mean([float(rows[0]["psnr_y"]), float(rows[2]["psnr_y"])]))
    again = upframe(*arguments)
    assert again.code == 1
    assert "exists already" in again.err
    assert upframe(*arguments, "--overwrite").code == 0


def test_compare_says_in_one_line_what_is_wrong(upframe: Command, tmp_path: Path) -> None:
    save(tmp_path / "a.png", scene())
    save(tmp_path / "b.png", scene(60, 90))
    save_video(tmp_path / "short.mkv", moving(3))
    save_video(tmp_path / "long.mkv", moving(5))
    for arguments, words in (
        (("a.png", "none.png"), "none.png: no such file"),
        (("a.png", "b.png"), "96x64 and 90x60"),
        (("short.mkv", "long.mkv"), "ends after 3 frames"),
        (("a.png", "a.png", "--metrics", "beauty"), "'beauty' is not one of the metrics"),
        (("a.png", "a.png", "--metrics", "psnr,,ssim"), "commas"),
        (("a.png", "a.png", "--protocol", "mine"), "'mine' is not one of the protocols"),
        (("a.png", "a.png", "--device", "abacus"), "abacus"),
        (("a.png", "a.png", "--mode", "hole"), "--holes"),
        (("a.png", "a.png", "--report", "b.png"), "b.png: is a file"),
    ):
        outcome = upframe("compare", *arguments)
        assert (outcome.code, outcome.out) == (1, ""), outcome.err
        assert words in outcome.err
        assert is_one_error(outcome.err)
    outcome = upframe("compare", "short.mkv", "long.mkv", "--align", *QUICK)
    assert outcome.code == 0
    assert "note" in outcome.err
    assert upframe("compare", "a.png").code == 2
    assert not list(tmp_path.glob(".upframe-*"))
