"""``upframe check-frames`` as its users run it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from safetensors.torch import save_file
from tests.cli.conftest import Command, is_one_error
from tests.rendered import planes

from upframe.models.info import to_metadata
from upframe.models.nsrr import NSRR
from upframe.rendered.clip import ClipFrame, ClipInfo, ClipWriter
from upframe.rendered.frame import RenderedFrame
from upframe.rendered.layouts import write_nsrr


def capture(folder: Path, *, y: float = 1.0) -> Path:
    """Five frames in the NSRR re-implementation's layout; ``y``: by what the motion's y is multiplied."""
    target = np.zeros((planes.HEIGHT * 2, planes.WIDTH * 2, 3), np.float32)
    clip = [planes.render(time, cut=time == 0) for time in range(5)]
    wrong = [replace(frame, motion=planes.of(frame, "motion") * planes.single((1, y))) for frame in clip]
    write_nsrr(folder, "planes", [(frame, target) for frame in wrong])
    return folder


def clip_of_ours(folder: Path, frames: list[RenderedFrame]) -> Path:
    """A clip with its cameras."""
    known = [
        ClipFrame(view=camera.view.tolist(), projection=camera.projection.tolist(), jitter=frame.jitter, cut=frame.cut)
        for camera, frame in zip(planes.cameras(len(frames)), frames, strict=True)
    ]
    writer = ClipWriter(folder, ClipInfo(render_size=(planes.WIDTH, planes.HEIGHT), fps=30, frames=tuple(known)))
    for number, frame in enumerate(frames):
        writer.write(number, frame)
    writer.finish()
    return folder


def test_our_own_clips_are_checked_by_their_cameras(upframe: Command, tmp_path: Path) -> None:
    frames = planes.clip(5)
    clip_of_ours(tmp_path / "clips" / "clean", frames)
    clip_of_ours(tmp_path / "clips" / "metres", [replace(frame, depth=planes.of(frame, "depth") / 100) for frame in frames])
    outcome = upframe("check-frames", tmp_path / "clips", "--json")
    assert outcome.code == 1
    clean, metres = outcome.events
    assert (clean["clip"], clean["passed"], clean["findings"]) == ("clean", True, [])
    assert (metres["clip"], len(metres["findings"])) == ("metres", 1)
    assert "100 times too small for the camera" in metres["findings"][0]["message"]


def test_a_damaged_frame_is_named_and_the_others_are_checked(upframe: Command, tmp_path: Path) -> None:
    folder = clip_of_ours(tmp_path / "clip", planes.clip(5))
    damaged = folder / "frames" / "00002.exr"
    damaged.write_bytes(damaged.read_bytes()[:-99])
    outcome = upframe("check-frames", folder, "--show", tmp_path / "seen")
    assert (outcome.code, outcome.err) == (1, "")
    assert "clip  5 frames, 2 compared: 1 wrong" in outcome.out
    assert "frame 00002: " in outcome.out
    assert "00002.exr: the file is cut short" in outcome.out
    assert len(list((tmp_path / "seen").iterdir())) == 4


def test_an_unfinished_clip_is_not_checked(upframe: Command, tmp_path: Path) -> None:
    folder = clip_of_ours(tmp_path / "clip", planes.clip(2))
    (folder / "clip.json").rename(folder / "clip.unfinished.json")
    outcome = upframe("check-frames", folder)
    assert (outcome.code, outcome.out) == (1, "")
    assert "unfinished" in outcome.err


def test_a_clean_capture_passes(upframe: Command, tmp_path: Path) -> None:
    outcome = upframe("check-frames", capture(tmp_path / "clean"))
    assert (outcome.code, outcome.err) == (0, "")
    first, second = outcome.out.splitlines()
    assert first == "planes  5 frames, 4 compared: passed"
    assert second.split() == ["note", "the", "frames", "are", "not", "jittered"]


def test_a_mistake_is_one_line_and_fails(upframe: Command, tmp_path: Path) -> None:
    outcome = upframe("check-frames", capture(tmp_path / "wrong", y=-1))
    assert (outcome.code, outcome.err) == (1, "")
    lines = [line for line in outcome.out.splitlines() if line.strip().startswith("wrong")]
    assert len(lines) == 1
    assert "motion y looks inverted: error 0.0" in lines[0]


def test_json_is_one_object_for_a_clip(upframe: Command, tmp_path: Path) -> None:
    outcome = upframe("check-frames", capture(tmp_path / "wrong", y=-1), "--json")
    assert outcome.code == 1
    (report,) = outcome.events
    assert (report["clip"], report["frames"], report["pairs"], report["passed"]) == ("planes", 5, 4, False)
    finding = report["findings"][0]
    assert (finding["check"], finding["kind"], finding["frames"]) == ("motion", "mistake", [])
    assert report["measured"]["motion error of the best reading"] < report["measured"]["motion error"]


def test_every_frame_is_shown_as_a_image(upframe: Command, tmp_path: Path) -> None:
    folder = capture(tmp_path / "clean")
    assert upframe("check-frames", folder, "--show", tmp_path / "seen").code == 0
    names = sorted(path.name for path in (tmp_path / "seen").iterdir())
    assert names == [f"{number:05d}.png" for number in range(5)]
    with PIL.Image.open(tmp_path / "seen" / "00003.png") as image:
        assert image.width == 3 * 3 * planes.WIDTH
    outcome = upframe("check-frames", folder, "--show", tmp_path / "seen")
    assert outcome.code == 1
    assert "exists already" in outcome.err
    assert upframe("check-frames", folder, "--show", tmp_path / "seen", "--overwrite").code == 0


def test_what_a_network_makes_of_the_past_is_shown(upframe: Command, tmp_path: Path) -> None:
    network = NSRR(2)
    save_file(network.state_dict(), tmp_path / "nsrr.safetensors", metadata=to_metadata(network.info, network.configuration))
    folder = capture(tmp_path / "clean")
    for name, model in (("plain", ()), ("maps", ("--model", tmp_path / "nsrr.safetensors"))):
        outcome = upframe("check-frames", folder, "--show", tmp_path / name, *model)
        assert (outcome.code, outcome.err) == (0, "")
    heights = []
    for name in ("plain", "maps"):
        with PIL.Image.open(tmp_path / name / "00004.png") as image:
            heights.append(image.height)
    assert heights[1] > heights[0]


@pytest.mark.parametrize(
    ("folder", "words"),
    [("missing", "no such folder"), ("empty", "holds no rendered clip"), ("stssnet", "only warped frames")],
)
def test_a_folder_without_a_clip_is_refused_in_one_line(folder: str, words: str, upframe: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "stssnet" / "NPY").mkdir(parents=True)
    outcome = upframe("check-frames", tmp_path / folder)
    assert (outcome.code, outcome.out) == (1, "")
    assert words in outcome.err
    assert is_one_error(outcome.err)


def test_a_model_without_images_is_wrong_usage(upframe: Command, tmp_path: Path) -> None:
    assert upframe("check-frames", tmp_path, "--model", "nsrr-x4").code == 2
