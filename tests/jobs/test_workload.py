"""How far a command with several inputs is."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from PIL import Image
from tests.media.video_fixtures import Video, steady

from upframe.engine.events import Event, Failed, Finished, Progress
from upframe.jobs import workload
from upframe.jobs.batch import upscale_files
from upframe.jobs.options import RunOptions, UpscaleOptions
from upframe.jobs.workload import Workload, work_on
from upframe.media.files import Input


def item(path: Path, kind: str = "image") -> Input:
    return Input(path, "video" if kind == "video" else "image", Path(path.name))


def test_work_is_pixels_of_all_frames(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    video = Video(times=steady(10)).make(tmp_path / "a.mkv")
    (tmp_path / "bad.png").write_bytes(b"0123456789")
    assert work_on(item(tmp_path / "a.png")) == 600
    assert work_on(item(video, "video")) == pytest.approx(64 * 48 * 10, rel=0.2)
    assert work_on(item(tmp_path / "bad.png")) == 10
    assert work_on(item(tmp_path / "gone.mkv", "video")) == 0


def test_what_was_made_before_or_failed_does_not_count_for_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(workload.time, "monotonic", lambda: now)
    monkeypatch.setattr(workload, "work_on", lambda item: 100.0)
    whole = Workload([item(Path(str(number))) for number in range(4)])
    whole._weighing.join()

    def bad() -> Generator[Event, None, None]:
        yield Failed("0", "cannot be read")

    def resumed() -> Generator[Event, None, None]:
        nonlocal now
        for done in range(51, 101):  # half of it is there already; a second a frame
            now += 1
            yield Progress("1", done, 100, 1.0, None)
        yield Finished("1", "out", 100, 50.0, 1.0)

    list(whole.follow(0, bad()))
    [first, *_, last] = [event for event in whole.follow(1, resumed()) if isinstance(event, Progress | Finished)]
    assert (first.overall, first.overall_seconds_left) == (pytest.approx(151 / 400, abs=1e-4), 249)
    assert (last.overall, last.overall_seconds_left) == (0.5, 200)


def test_events_of_a_folder_tell_how_far_all_of_it_is(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        Image.new("RGB", (16, 12)).save(tmp_path / f"{name}.png")
    options = UpscaleOptions(RunOptions(model="bicubic-x2", device="cpu", threads=1))
    done = [event for event in upscale_files([str(tmp_path)], None, options) if isinstance(event, Finished)]
    assert done[-1].overall == 1.0
    assert done[-1].overall_seconds_left == 0
    [alone] = [event for event in upscale_files([str(tmp_path / "a.png")], str(tmp_path / "d.png"), options)
               if isinstance(event, Finished)]  # fmt: skip
    assert alone.overall is None
