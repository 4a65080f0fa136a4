"""``upframe upscale`` on many inputs: one that is bad never ends the rest, and what is passed over is listed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from tests.cli.conftest import Command
from tests.cli.test_images import files, image, size_of
from tests.media.video_fixtures import Video


def test_a_bad_name_a_clash_and_a_bad_file_leave_the_others_alone(upframe: Command, tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.jpg", f"{'l' * 250}.png", os.fsdecode(b"caf\xe9.png")):
        image(tmp_path / "in" / name)
    image(tmp_path / "in/b.gif", mode="P")
    (tmp_path / "in/bad.png").write_text("I am a letter")
    (tmp_path / "in/notes.txt").write_text("words")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    (tmp_path / "empty").mkdir()
    outcome = upframe("upscale", "in", "./in/", "nowhere.png", "empty", "-m", "bicubic", "--json")
    assert outcome.code == 1
    failed = {event["input"] for event in outcome.events_of("failed")}
    assert failed == {"nowhere.png", "empty", "in/bad.png"}
    done = {Path(event["output"]).name for event in outcome.events_of("finished")}
    assert done == {"a-x2.png", "b-x2.png", "b.gif-x2.png", "c-x2.jpg", f"{'l' * 248}-x2.png", os.fsdecode(b"caf\xe9-x2.png")}
    (summary,) = outcome.events_of("summary")
    assert (summary["done"], set(summary["failed"])) == (6, failed)
    assert ["in/notes.txt", "no image or video"] in summary["passed_over"]
    assert dict(summary["errors"]) == {event["input"]: event["error"] for event in outcome.events_of("failed")}
    assert ["in/loop", "a link to a folder"] in summary["passed_over"]


def test_a_second_run_upscales_no_result_of_the_first(upframe: Command, tmp_path: Path) -> None:
    image(tmp_path / "in/a.png")
    assert upframe("upscale", "in", "-m", "bicubic").code == 0
    assert upframe("upscale", "in", "-m", "bicubic", "-o", "in/large").code == 0
    image(tmp_path / "in/b.png")
    outcome = upframe("upscale", "in", "-m", "bicubic", "-o", "in/large", "--overwrite")
    assert outcome.code == 0, outcome.err
    assert files(tmp_path / "in") == {"a.png", "a-x2.png", "b.png", "large/a.png", "large/b.png"}
    assert "in/a-x2.png: a result of an earlier run" in outcome.err
    assert "in/large: the folder of the results" in outcome.err


def test_a_folder_of_numbered_images_is_a_clip_to_a_network_for_video(upframe: Command, tmp_path: Path) -> None:
    for number in (1, 2, 4):
        image(tmp_path / f"shot/f_{number:04d}.png")
    image(tmp_path / "shot/cover.png")
    outcome = upframe("upscale", "shot", "-o", "whole", "-m", "frvsr-lite-x2", "--json")
    assert outcome.code == 0, outcome.err
    assert {(event["input"], event["kind"]) for event in outcome.events_of("started")} == {
        ("shot/cover.png", "image"),
        ("shot/f_%04d.png", "sequence"),
    }
    notes = " ".join(event["text"] for event in outcome.events_of("note"))
    assert "3 numbered images, 1 to 4, are the frames of one clip" in notes
    assert "number 3 has no file" in notes
    assert "is for video, and this is one image" in notes
    assert upframe("upscale", "shot/f_%04d.png", "-o", "named/", "-m", "frvsr-lite-x2", "-q").code == 0
    assert files(tmp_path / "whole") == {"cover.png", "f_0001.png", "f_0002.png", "f_0004.png"}
    for name in files(tmp_path / "named"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "named" / name).read_bytes(), "the same clip"
    outcome = upframe("upscale", "shot", "-o", "alone", "-m", "bicubic", "--json")
    assert [event["kind"] for event in outcome.events_of("started")] == ["image"] * 4


@pytest.mark.parametrize("name", ["sale 50% off.mp4", "Episode #1.mp4", "12:30.mp4", "file:a.mp4", "a*b?[c].mp4"])
def test_a_video_s_name_is_a_name(upframe: Command, tmp_path: Path, name: str) -> None:
    Video(times=[0, 3600], size=(16, 24)).make(tmp_path / "plain.mp4")
    assert upframe("upscale", "plain.mp4", "-o", name, "-m", "bicubic", "-q").code == 0
    outcome = upframe("upscale", name, "-m", "bicubic", "-q")
    assert outcome.code == 0, outcome.err
    assert files(tmp_path) == {"plain.mp4", name, f"{Path(name).stem}-x2.mp4"}


def test_a_name_may_begin_with_a_dash(upframe: Command, tmp_path: Path) -> None:
    image(tmp_path / "-a.png")
    assert upframe("upscale", "-m", "bicubic", "-q", "--", "-a.png").code == 0
    assert size_of(tmp_path / "-a-x2.png") == (32, 24)


def test_in_a_folder_a_video_of_a_suffix_of_old_is_found(upframe: Command, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Video(times=[0, 3600], size=(16, 24)).make(tmp_path / "in/a.avi")
    (tmp_path / "in/a.avi").rename(tmp_path / "in/a.divx")
    assert upframe("upscale", "in", "-m", "bicubic", "-q").code == 0
    assert files(tmp_path / "in") == {"a.divx", "a-x2.mkv"}


def test_several_inputs_may_be_degraded_though_one_is_bad(upframe: Command, tmp_path: Path) -> None:
    image(tmp_path / "in/a.png")
    image(tmp_path / "in/a.jpg")
    (tmp_path / "in/bad.png").write_text("I am a letter")
    outcome = upframe("degrade", "in", "nowhere.png", "small", "-k", "bi", "-s", "2", "--json")
    assert outcome.code == 1
    assert {event["input"] for event in outcome.events_of("failed")} == {"nowhere.png", "in/bad.png"}
    assert files(tmp_path / "small") == {"a.png", "a.jpg.png"}


def test_a_image_too_large_for_the_memory_does_not_end_the_others(upframe: Command, tmp_path: Path) -> None:
    PIL.Image.fromarray(np.zeros((10, 12_000), np.uint8)).save(tmp_path / "wide.png")
    image(tmp_path / "zz.png")
    outcome = upframe("upscale", "wide.png", "zz.png", "-m", "bicubic", "--size", "300x200", "--max-pixels", "50000", "--json")
    assert outcome.code == 1
    assert [event["input"] for event in outcome.events_of("failed")] == ["wide.png"]
    assert [event["input"] for event in outcome.events_of("finished")] == ["zz.png"]
    outcome = upframe("upscale", "wide.png", "zz.png", "-m", "bicubic", "--size", "300000x300000", "--json")
    assert outcome.code == 1
    wide, _ = (event["error"] for event in outcome.events_of("failed"))
    assert "wide.png, upscaled to 300000x300000: there is not enough memory" in wide
