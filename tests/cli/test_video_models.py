"""``upframe upscale`` with networks that remember: videos, numbered frames and single images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from tests.cli.conftest import Command
from tests.media.video_fixtures import Sound, Video, describe, samples_of, steady, uneven

from upframe.models.frvsr import FRVSR
from upframe.models.ttvsr import TTVSR


@pytest.fixture
def frvsr(tmp_path: Path) -> Path:
    """A small FRVSR x2, saved as the published training code does."""
    torch.manual_seed(0)
    network = FRVSR(2, channels=8, blocks=1, flow_channels=4, degradation="BI")
    torch.save(network.state_dict(), tmp_path / "frvsr.pth")
    return tmp_path / "frvsr.pth"


@pytest.fixture
def ttvsr(tmp_path: Path) -> Path:
    """A small TTVSR x4, saved as the published training code does."""
    torch.manual_seed(0)
    network = TTVSR(channels=8, blocks=1)
    state = {f"generator.{name}": value for name, value in network.state_dict().items()} | {"step_counter": torch.zeros(1)}
    torch.save({"meta": {"epoch": 1}, "state_dict": state}, tmp_path / "ttvsr.pth")
    return tmp_path / "ttvsr.pth"


@pytest.mark.parametrize(("model", "scale"), [("frvsr", 2), ("ttvsr", 4)])
def test_a_video_keeps_its_frames_times_and_sound(
    upframe: Command, tmp_path: Path, request: pytest.FixtureRequest, model: str, scale: int
) -> None:
    weights = request.getfixturevalue(model)
    Video(times=uneven(27), sounds=[Sound()]).make(tmp_path / "video.mp4")
    outcome = upframe("upscale", "video.mp4", "-o", "big.mp4", "--model", weights, "--json")
    assert outcome.code == 0, outcome.err
    before, after = describe(tmp_path / "video.mp4"), describe(tmp_path / "big.mp4")
    assert after.size == (scale * before.size[0], scale * before.size[1])
    assert after.times == before.times
    assert after.streams == before.streams
    assert [event["done"] for event in outcome.events_of("progress")] == list(range(1, 28))


def test_a_video_with_transparency_keeps_it(upframe: Command, tmp_path: Path, frvsr: Path) -> None:
    Video(codec="ffv1", pix_fmt="yuva420p", times=uneven(8)).make(tmp_path / "video.mkv")
    assert upframe("upscale", "video.mkv", "-o", "big.mkv", "--model", frvsr, "--codec", "ffv1", "-q").code == 0
    assert describe(tmp_path / "big.mkv").pix_fmt == "yuva420p"
    assert all(len(planes) == 4 for planes in samples_of(tmp_path / "big.mkv"))


def test_what_was_before_a_listed_cut_does_not_matter_after_it(upframe: Command, tmp_path: Path, frvsr: Path) -> None:
    Video(codec="ffv1", times=steady(12)).make(tmp_path / "video.mkv")
    (tmp_path / "cuts.txt").write_text("5\n")
    for name, cuts in (("off", "off"), ("listed", "cuts.txt")):
        assert (
            upframe("upscale", "video.mkv", "-o", f"{name}.mkv", "-m", frvsr, "--codec", "ffv1", "-q", "--cuts", cuts).code == 0
        )
    off, listed = (samples_of(tmp_path / f"{name}.mkv") for name in ("off", "listed"))
    same = [all(np.array_equal(*planes) for planes in zip(*frames, strict=True)) for frames in zip(off, listed, strict=True)]
    assert all(same[:5])
    assert not same[5]


def test_numbered_frames_are_a_clip(upframe: Command, tmp_path: Path, frvsr: Path) -> None:
    Video(codec="png", pix_fmt="rgb24", times=steady(8)).make(tmp_path / "video.mov")
    assert upframe("upscale", "video.mov", "--frames", "small", "-m", "bicubic", "--size", "same", "-q").code == 0
    assert upframe("upscale", "video.mov", "--frames", "direct", "-m", frvsr, "-q").code == 0
    assert upframe("upscale", "small/%06d.png", "-o", "big/%06d.png", "-m", frvsr, "-q").code == 0
    for number in range(8):
        direct, through_files = (
            np.asarray(PIL.Image.open(tmp_path / folder / f"{number:06d}.png")) for folder in ("direct", "big")
        )
        difference = np.abs(direct.astype(int) - through_files)  # the two ways divide by 255 in other words
        assert difference.max() <= 1
        assert difference.mean() < 0.01


def test_numbered_frames_that_differ_in_kind_are_all_upscaled(upframe: Command, tmp_path: Path, frvsr: Path) -> None:
    (tmp_path / "in").mkdir()
    kinds = [("RGB", (24, 16)), ("RGB", (24, 16)), ("RGBA", (24, 16)), ("RGBA", (20, 18)), ("L", (20, 18))]
    for number, (mode, size) in enumerate(kinds):
        PIL.Image.new(mode, size, 90).save(tmp_path / "in" / f"{number:03d}.png")
    outcome = upframe("upscale", "in/%03d.png", "-o", "out/%03d.png", "-m", frvsr, "-q")
    assert outcome.code == 0, outcome.err
    for number, (mode, (width, height)) in enumerate(kinds):
        with PIL.Image.open(tmp_path / "out" / f"{number:03d}.png") as image:
            assert (image.mode, image.size) == (mode, (2 * width, 2 * height))


def test_a_single_image_is_a_clip_of_one_frame(upframe: Command, tmp_path: Path, ttvsr: Path) -> None:
    PIL.Image.new("RGB", (33, 20), (90, 120, 30)).save(tmp_path / "photo.png")
    assert upframe("upscale", "photo.png", "-o", "big.png", "-m", ttvsr, "-q").code == 0
    with PIL.Image.open(tmp_path / "big.png") as image:
        assert image.size == (132, 80)


def test_a_wrong_list_of_cuts_is_found_before_anything_is_written(upframe: Command, tmp_path: Path, frvsr: Path) -> None:
    Video().make(tmp_path / "video.mkv")
    outcome = upframe("upscale", "video.mkv", "-m", frvsr, "--cuts", "nowhere.txt")
    assert outcome.code == 1
    assert (
        outcome.err.strip()
        == "upframe: nowhere.txt: is not a list of cuts\n         Set --cuts to 'auto', 'off' or a text file of frame numbers"
    )
    assert not (tmp_path / "video-x2.mkv").exists()
