"""``upframe upscale --resume`` and ``upframe jobs``, as their users run them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tests.cli.conftest import Command
from tests.jobs.killing import make_video

from upframe.engine.events import SegmentMade
from upframe.jobs.batch import upscale_files
from upframe.jobs.options import JobOptions, RunOptions, UpscaleOptions


def stopped(folder: Path) -> None:
    """A video of which two of four segments are made."""
    source = make_video(folder / "source.mkv")
    options = UpscaleOptions(RunOptions(model="bicubic-x2", device="cpu", threads=1), job=JobOptions(segmented=True))
    events = upscale_files([str(source)], str(folder / "large.mkv"), replace(options))
    made = 0
    for event in events:
        made += isinstance(event, SegmentMade)
        if made == 2:
            break
    events.close()


def test_an_unfinished_video_is_listed_shown_resumed_and_removed(upframe: Command, tmp_path: Path) -> None:
    stopped(tmp_path)
    [job] = [json.loads(line) for line in upframe("jobs", "list", "--json").out.splitlines()]
    assert (job["result"], job["segments"], job["segments_done"], job["running"]) == ("large.mkv", 4, 2, False)
    shown = upframe("jobs", "show", "large.mkv")
    assert shown.out.count("whole") == 2
    command = ["upscale", "source.mkv", "-o", "large.mkv", "-m", "bicubic-x2", "--threads", "1"]
    refused = upframe(*command, "-q")
    assert (refused.code, refused.err.count("--resume")) == (1, 1)
    resumed = upframe(*command, "--resume", "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.events_of("planned")[0]["segments_done"] == 2
    assert {(event["job"], event["segment"], event["worker"]) for event in resumed.events_of("segmentmade")} == {
        ("large.mkv", 2, "cpu"),
        ("large.mkv", 3, "cpu"),
    }
    assert "no unfinished videos" in upframe("jobs").out


def test_what_was_made_is_removed_when_asked(upframe: Command, tmp_path: Path) -> None:
    stopped(tmp_path)
    assert upframe("jobs", "clean", "large.mkv").code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"source.mkv"}
    missing = upframe("jobs", "clean", "large.mkv")
    assert (missing.code, "no unfinished job" in missing.err) == (1, True)


def test_results_that_are_there_are_left_out_and_listed(upframe: Command, tmp_path: Path) -> None:
    from PIL import Image

    for name in ("a", "b", "c"):
        Image.new("RGB", (16, 12), (90, 60, 30)).save(tmp_path / f"{name}.png")
    assert upframe("upscale", "a.png", "-o", "out/", "-q").code == 0
    before = (tmp_path / "out" / "a.png").stat().st_mtime_ns
    outcome = upframe("upscale", ".", "-o", "out/", "--skip-existing", "--json")
    assert outcome.code == 0, outcome.err
    [summary] = outcome.events_of("summary")
    assert summary["done"] == 2
    assert any("there already" in reason for _, reason in summary["passed_over"])
    assert (tmp_path / "out" / "a.png").stat().st_mtime_ns == before
