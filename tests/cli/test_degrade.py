"""``upframe degrade`` as its users run it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from tests.cli.conftest import Command, is_one_error
from tests.datasets.samples import get, noise, put
from tests.media.video_fixtures import Sound, Video

from upframe.datasets.degradation import DEGRADATIONS, named
from upframe.datasets.evaluation_set import open_set
from upframe.datasets.videos import rgb_of
from upframe.media import Image, read_image, write_image
from upframe.media.video.info import RawFrame
from upframe.media.video.reader import VideoReader


def files(folder: Path) -> set[str]:
    """Everything below a folder, hidden files too."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def decoded(path: Path) -> tuple[list[NDArray[Any]], list[Fraction]]:
    with VideoReader(path) as reader:
        frames = [item for item in reader if isinstance(item, RawFrame)]
        return [rgb_of(frame, reader.info) for frame in frames], [frame.pts * frame.time_base for frame in frames]


def test_a_folder_is_made_smaller_with_its_structure_and_without_loss(upframe: Command, tmp_path: Path) -> None:
    large = put(tmp_path / "HR/a.png", 17, 26)
    put(tmp_path / "HR/deep/b.png")
    PIL.Image.fromarray(noise(16, 16)).save(tmp_path / "HR/c.jpg", quality=60)
    outcome = upframe("degrade", "HR", "LR_bicubic/X2", "--kind", "bi", "--scale", 2)
    assert (outcome.code, outcome.out) == (0, ""), outcome.err
    assert files(tmp_path / "LR_bicubic/X2") == {"a.png", "deep/b.png", "c.png"}
    np.testing.assert_array_equal(get(tmp_path / "LR_bicubic/X2/a.png"), named("bi").pixels(large, 2))
    np.testing.assert_array_equal(get(tmp_path / "LR_bicubic/X2/c.png"), named("bi").pixels(get(tmp_path / "HR/c.jpg"), 2))
    assert open_set(tmp_path, scale=2).low_source == "files", "as an evaluation looks for it"


def test_json_is_one_object_a_line_and_nothing_else(upframe: Command, tmp_path: Path) -> None:
    put(tmp_path / "a.png", 16, 24)
    outcome = upframe("degrade", "a.png", "small.png", "--kind", "bd", "--scale", 4, "--json")
    assert [event["event"] for event in outcome.events] == ["started", "finished", "note"]
    started, finished, note = outcome.events
    assert "upframe upscale --sampling corner" in note["text"], "or what is made of it comes out displaced"
    assert (started["size"], started["output_size"], started["model"]) == ([24, 16], [6, 4], "bd x4")
    assert (finished["output"], finished["frames"]) == ("small.png", 1)


def test_depth_and_transparency_are_kept(upframe: Command, tmp_path: Path) -> None:
    deep = noise(8, 8, channels=4).astype(np.uint16) * 257
    write_image(tmp_path / "a.png", Image(deep[..., :3], deep[..., 3:]))
    assert upframe("degrade", "a.png", "b.png", "-k", "bi", "-s", 2, "-q").code == 0
    small = read_image(tmp_path / "b.png")
    np.testing.assert_array_equal(small.pixels, named("bi").pixels(deep[..., :3], 2))
    assert small.alpha is not None
    np.testing.assert_array_equal(small.alpha, named("bi").pixels(deep[..., 3:], 2))


def test_numbered_frames_keep_their_numbers(upframe: Command, tmp_path: Path) -> None:
    frames = {number: put(tmp_path / f"in/{number:04d}.png", seed=number) for number in (8, 9, 11)}
    outcome = upframe("degrade", "in/%04d.png", "out/small_%06d.png", "-k", "bd", "-s", 2, "--json")
    assert outcome.code == 0, outcome.err
    assert [event["done"] for event in outcome.events_of("progress")] == [1, 2, 3]
    assert "10" in outcome.events_of("note")[0]["text"]
    for number, frame in frames.items():
        np.testing.assert_array_equal(get(tmp_path / f"out/small_{number:06d}.png"), named("bd").pixels(frame, 2))


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "gray", "gbrp10le"])
def test_a_video_becomes_one_without_loss_that_keeps_its_times_and_sound(
    upframe: Command, tmp_path: Path, pix_fmt: str
) -> None:
    codec = "libx264" if pix_fmt == "yuv420p" else "ffv1"
    times = [0, 40, 85, 120]
    video = Video(codec, pix_fmt, (20, 26), times, time_base=Fraction(1, 1000), sounds=[Sound()]).make(tmp_path / "walk.mkv")
    outcome = upframe("degrade", "walk.mkv", "small", "--kind", "bd", "--scale", 4, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.events_of("started")[0]["output_size"] == [6, 5]
    frames, before = decoded(video)
    small, after = decoded(tmp_path / "small/walk.mkv")
    assert after == before
    for frame, made in zip(frames, small, strict=True):
        np.testing.assert_array_equal(made, named("bd").pixels(frame, 4))
    with VideoReader(tmp_path / "small/walk.mkv") as reader:
        assert [stream.kind for stream in reader.info.streams] == ["video", "audio"]
        assert reader.info.codec == "ffv1"


def test_a_video_becomes_numbered_frames_where_that_is_asked(upframe: Command, tmp_path: Path) -> None:
    video = Video(times=[0, 3600, 7200], size=(16, 24)).make(tmp_path / "walk.mp4")
    assert upframe("degrade", "walk.mp4", "frames/%03d.png", "-k", "bi", "-s", 2).code == 0
    assert files(tmp_path / "frames") == {"000.png", "001.png", "002.png"}
    np.testing.assert_array_equal(get(tmp_path / "frames/002.png"), named("bi").pixels(decoded(video)[0][2], 2))


def test_what_exists_is_kept_unless_it_may_be_replaced(upframe: Command, tmp_path: Path) -> None:
    put(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("precious")
    outcome = upframe("degrade", "a.png", "b.png", "-k", "bi", "-s", 2, "-q")
    assert outcome.code == 1
    assert outcome.err.splitlines() == [
        "upframe: b.png: exists already",
        "         Write elsewhere, or replace it with --overwrite",
    ]
    assert (tmp_path / "b.png").read_text() == "precious"
    assert upframe("degrade", "a.png", "b.png", "-k", "bi", "-s", 2, "--overwrite").code == 0


def test_one_input_that_fails_is_told_and_the_others_are_done(upframe: Command, tmp_path: Path) -> None:
    put(tmp_path / "in/a.png", 2, 2)
    (tmp_path / "in/b.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    put(tmp_path / "in/c.png")
    outcome = upframe("degrade", "in", "out", "-k", "bi", "-s", 4, "--json")
    assert outcome.code == 1
    failures = outcome.events_of("failed")
    assert [Path(event["input"]).name for event in failures] == ["a.png", "b.png"]
    assert "2x2 is too small" in failures[0]["error"]
    assert failures[0]["remedy"] is None
    assert files(tmp_path / "out") == {"c.png"}
    assert "Traceback" not in outcome.err


def test_what_cannot_be_is_said_in_one_line(upframe: Command, tmp_path: Path) -> None:
    put(tmp_path / "a.png")
    for arguments, words in (
        (("none.png", "out"), "none.png: no such file"),
        (("a.png", "b.jpg"), "is written with loss\n         Name it .png"),
    ):
        outcome = upframe("degrade", *arguments, "--kind", "bi", "--scale", 2)
        assert outcome.code == 1
        assert words in outcome.err
        assert is_one_error(outcome.err)
    assert files(tmp_path) == {"a.png"}


@pytest.mark.parametrize(
    "options", [(), ("--kind", "blur", "--scale", "2"), ("--kind", "bi"), ("--kind", "bi", "--scale", "1")]
)
def test_wrong_usage_ends_with_2(upframe: Command, tmp_path: Path, options: tuple[str, ...]) -> None:
    put(tmp_path / "a.png")
    assert upframe("degrade", "a.png", "b.png", *options).code == 2


def test_every_degradation_can_be_asked_for() -> None:
    from upframe.cli.degrade import degrade

    assert get_args(get_type_hints(degrade)["kind"]) == (*DEGRADATIONS, "film", "photo")
