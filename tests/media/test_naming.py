"""Where results go: names are names, no two results share one, and none is an input's."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from upframe.errors import OutputError
from upframe.media import FoundInputs, Image, Input, find_inputs, output_path, plan_outputs, write_image
from upframe.media.files import Kind
from upframe.media.naming import may_be_several, results_folder
from upframe.media.numbered import FrameNames, frame_names


def image_at(path: str | Path, relative: str | None = None, kind: Kind = "image") -> Input:
    return Input(Path(path), kind, Path(relative or Path(path).name))


def video_at(path: str | Path) -> Input:
    return image_at(path, kind="video")


def sequence_at(path: str | Path, numbers: tuple[int, ...] = (5, 6)) -> Input:
    return Input(Path(path), "sequence", Path(Path(path).name), frame_names(Path(path)), numbers)


def where(item: Input, out: str | Path | None, *, several: bool = False) -> str:
    return str(output_path(item, out, label="x2", several=several))


def test_without_a_name_the_result_lies_beside_the_input(tmp_path: Path) -> None:
    assert where(image_at(tmp_path / "a.b.jpg"), None) == f"{tmp_path}/a.b-x2.jpg"
    assert where(sequence_at(tmp_path / "in/%05d.exr"), None) == f"{tmp_path}/in-x2/%05d.exr"


def test_a_folder_gets_the_structure_of_the_input(tmp_path: Path) -> None:
    item = image_at("in/deep/a.png", "deep/a.png")
    assert where(item, tmp_path) == f"{tmp_path}/deep/a.png"
    assert where(item, f"{tmp_path}/new/") == f"{tmp_path}/new/deep/a.png"
    assert where(sequence_at("in/%05d.png"), f"{tmp_path}/new/") == f"{tmp_path}/new/%05d.png"


@pytest.mark.parametrize("out", ["large", "results.v2", "50% #2"])
def test_for_several_inputs_a_name_is_a_folder_without_a_slash(out: str) -> None:
    assert where(image_at("in/a.png"), out, several=True) == f"{out}/a.png"
    assert results_folder(["a.png", "b.png"], out) == Path(out)
    assert results_folder(["a.png"], out) is None


def test_a_folder_or_a_pattern_may_be_several_inputs(tmp_path: Path) -> None:
    (tmp_path / "shot [1].png").touch()
    assert may_be_several([str(tmp_path)])
    assert may_be_several([f"{tmp_path}/*.png"])
    assert not may_be_several([str(tmp_path / "shot [1].png")])


def test_one_input_may_get_any_name(tmp_path: Path) -> None:
    assert where(image_at("a.png"), tmp_path / "b.webp") == f"{tmp_path}/b.webp"
    assert where(sequence_at("in/%05d.png"), tmp_path / "b.mp4") == f"{tmp_path}/b.mp4"


@pytest.mark.parametrize("name", ["Episode #1.mp4", "sale 50% off.mp4", "50%discount.mkv", "##.mp4", "%03d.mkv", "-x.mp4"])
def test_a_video_s_name_is_a_name(name: str) -> None:
    for item in (video_at("a.mp4"), video_at(name)):
        assert output_path(item, f"new/{name}", label="x2") == Path("new", name)
    assert output_path(video_at(name), None, label="x2").name == f"{Path(name).stem}-x2{Path(name).suffix}"


@pytest.mark.parametrize("name", ["Photo #1.png", "100%d.png", "a*b?.png", "[x].png", "file:a.png", "-a.png"])
def test_a_image_s_name_is_a_name(name: str) -> None:
    assert output_path(image_at("a.png"), name, label="x2") == Path(name)


@pytest.mark.parametrize(
    ("out", "name"),
    [
        ("f_####.exr", "f_0007.exr"),
        ("f_%04d.exr", "f_0007.exr"),
        ("f_%d.exr", "f_7.exr"),
        ("f#.exr", "f7.exr"),
        ("Episode #1 %05d.png", "Episode #1 00007.png"),
        ("50%d ##.png", "50%d 07.png"),
    ],
)
def test_frames_get_numbered_names(out: str, name: str) -> None:
    for item in (video_at("video.mp4"), sequence_at("in/%05d.png")):
        names = output_path(item, out, label="x2")
        assert isinstance(names, FrameNames)
        assert names.path(7).name == name
        assert names.path(12345).name.count("12345") == 1


def test_frames_of_several_videos_go_to_a_folder_each() -> None:
    plans = plan_outputs(FoundInputs([video_at("a.mp4"), video_at("b.mp4")]), None, label="x2", frames=Path("out"))
    assert [str(plan.target) for plan in plans] == ["out/a/%06d.png", "out/b/%06d.png"]


def test_images_that_cannot_be_written_as_they_were_become_png() -> None:
    assert where(image_at("still.gif"), None) == "still-x2.png"
    assert where(image_at("scan.dat"), None) == "scan-x2.png"


@pytest.mark.parametrize("stem", ["a" * 251, "é" * 125, "名" * 83, "x" * 249])
def test_a_name_that_would_be_too_long_is_shortened_and_said(tmp_path: Path, stem: str) -> None:
    item = image_at(tmp_path / f"{stem}.png")
    (plan,) = plan_outputs(FoundInputs([item]), None, label="x2")
    assert isinstance(plan.target, Path)
    assert 250 < len(os.fsencode(plan.target.name)) <= 255
    assert plan.target.name.endswith("-x2.png")
    assert plan.target.name.startswith(stem[:60])
    assert "shortened" in plan.note
    plan.target.touch()


def test_a_name_that_is_asked_for_and_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="304 bytes long; the disk allows 255"):
        output_path(image_at("a.png"), tmp_path / f"{'x' * 300}.png", label="x2")


@pytest.mark.parametrize(
    ("inputs", "out", "line"),
    [
        ([image_at("a.png")], "out/%05d.png", "is an image"),
        ([image_at("a.png")], "out/##.png", "is an image"),
        ([sequence_at("in/%05d.png")], "out.png", "give a numbered one"),
        ([sequence_at("in/%05d.png")], "%03d_%05d.png", "holds one number"),
        ([image_at("a.png")], "a.png", "inputs are never replaced"),
        ([image_at("a.png")], "./sub/../a.png", "inputs are never replaced"),
        ([sequence_at("in/%05d.png")], "in/#####.png", "inputs are never replaced"),
    ],
)
def test_a_result_that_can_go_nowhere_is_refused_by_itself(inputs: list[Input], out: str, line: str) -> None:
    (plan,) = plan_outputs(FoundInputs(inputs), out, label="x2")
    assert plan.refusal is not None
    assert line in f"{plan.refusal}; {plan.refusal.remedy}".lower()


def test_one_name_for_several_inputs_is_refused() -> None:
    with pytest.raises(OutputError, match="several inputs"):
        plan_outputs(FoundInputs([image_at("a.png"), image_at("b.png")]), "c.png", label="x2")


def test_one_refused_name_leaves_the_others_alone() -> None:
    plans = plan_outputs(FoundInputs([image_at("in/a.png", "a.png"), image_at("b.png")]), "in/", label="x2")
    assert [plan.refusal is None for plan in plans] == [False, True]


@pytest.mark.parametrize(
    ("inputs", "out", "targets"),
    [
        (["b.gif", "b.png"], None, ["b.gif-x2.png", "b-x2.png"]),
        (["b.gif", "b.png"], "out/", ["out/b.gif.png", "out/b.png"]),
        (["x/a.png", "y/a.png", "z/a.png"], "out/", ["out/a.png", "out/a-2.png", "out/a-3.png"]),
        (["b.gif", "b.bin", "b.dat"], None, ["b-x2.png", "b.bin-x2.png", "b.dat-x2.png"]),
        (["a.png", "a.jpg"], None, ["a-x2.png", "a-x2.jpg"]),
    ],
)
def test_results_that_would_share_a_name_get_their_own(inputs: list[str], out: str | None, targets: list[str]) -> None:
    plans = plan_outputs(FoundInputs([*map(image_at, inputs)]), out, label="x2")
    assert [str(plan.target) for plan in plans] == targets
    assert all(plan.refusal is None for plan in plans)


def test_two_clips_of_one_name_go_to_two_folders() -> None:
    plans = plan_outputs(FoundInputs([sequence_at("x/%03d.png"), sequence_at("y/%03d.png")]), "out/", label="x2")
    assert [str(plan.target) for plan in plans] == ["out/%03d.png", "out-2/%03d.png"]
    assert "is the result of" in plans[1].note


def test_a_link_to_an_input_is_that_input(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", Image(np.zeros((2, 2, 3), np.uint8)))
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    (plan,) = plan_outputs(FoundInputs(find_inputs([tmp_path / "a.png"])), tmp_path / "link.png", label="x2")
    assert "inputs are never replaced" in str(plan.refusal)
