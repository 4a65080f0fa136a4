"""Five seconds of a video, and a folder that is watched."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image
from tests.jobs.killing import make_video
from tests.media.video_fixtures import describe

from upframe.engine.events import Failed, Finished
from upframe.errors import InputError
from upframe.jobs.batch import upscale_files, watch_folder
from upframe.jobs.options import RunOptions, UpscaleOptions, VideoOptions
from upframe.jobs.preview import VideoExcerpt, is_time, parse_time

OPTIONS = UpscaleOptions(RunOptions(model="bicubic-x2", device="cpu", threads=1))


def test_times_are_read_as_people_write_them() -> None:
    assert [parse_time(text) for text in ("90", "12:30", "1:02:03.5")] == [90, 750, Fraction("3723.5")]
    assert not is_time("clip.mp4")
    with pytest.raises(InputError, match="is not a time"):
        parse_time("soon")


def test_a_preview_is_five_seconds_from_a_time(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv")  # two frames a second
    options = replace(OPTIONS, video=VideoOptions(preview=VideoExcerpt(parse_time("0:20"))))
    events = list(upscale_files([str(source)], None, options))
    assert not [event for event in events if isinstance(event, Failed)]
    result = describe(tmp_path / "a-x2-preview.mkv")
    assert len(result.times) == 10
    assert result.times[0] == describe(source).times[0]
    assert [stream.kind for stream in result.streams] == [stream.kind for stream in describe(source).streams]


def test_a_preview_after_the_end_is_refused(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv")
    options = replace(OPTIONS, video=VideoOptions(preview=VideoExcerpt(Fraction(100))))
    [failure] = [event for event in upscale_files([str(source)], None, options) if isinstance(event, Failed)]
    assert "ends before 100 s" in failure.error


def test_files_that_come_into_a_watched_folder_are_upscaled_once_they_have_stopped_growing(tmp_path: Path) -> None:
    Image.new("RGB", (16, 12)).save(tmp_path / "whole.png")
    growing, looks = tmp_path / "growing.png", 0

    def wait(_: float) -> None:
        nonlocal looks
        looks += 1
        if looks < 4:
            growing.write_bytes(b"x" * looks)
        elif looks == 4:
            Image.new("RGB", (16, 12)).save(growing)

    events = watch_folder(str(tmp_path), None, OPTIONS, wait)
    finished: list[str] = []
    while len(finished) < 2:
        event = next(events)
        assert not isinstance(event, Failed), event
        if isinstance(event, Finished):
            finished.append(Path(event.output).name)
    events.close()
    assert finished == ["whole-x2.png", "growing-x2.png"]
    assert looks >= 5


def test_a_file_in_a_watched_folder_that_could_not_be_read_is_taken_again_once_it_has_changed(tmp_path: Path) -> None:
    path, looks = tmp_path / "a.png", 0
    Image.new("RGB", (16, 12)).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:40])  # copied by a network that stands still for a while

    def wait(_: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 4:
            path.write_bytes(whole)

    failures = 0
    for event in watch_folder(str(tmp_path), None, OPTIONS, wait):
        failures += isinstance(event, Failed)
        if isinstance(event, Finished):
            break
        assert looks < 9
    assert failures == 1
