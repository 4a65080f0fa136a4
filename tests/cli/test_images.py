"""``upframe upscale`` on images, as its users run it."""

from __future__ import annotations

import os
import stat
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from tests.cli.conftest import Command, is_one_error


def image(path: Path, size: tuple[int, int] = (16, 12), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(5).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    PIL.Image.fromarray(noise).convert(mode).save(path)
    return path


def size_of(path: Path) -> tuple[int, int]:
    with PIL.Image.open(path) as opened:
        return opened.size


def files(folder: Path) -> set[str]:
    """Everything below a folder, hidden files too."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_without_a_name_the_result_lies_beside_the_input(upframe: Command, tmp_path: Path) -> None:
    image(tmp_path / "photo.png")
    outcome = upframe("upscale", "photo.png")
    assert outcome.code == 0, outcome.err
    assert outcome.out == ""
    assert "photo-x2.png" in outcome.err
    assert size_of(tmp_path / "photo-x2.png") == (32, 24)


def test_json_is_one_object_a_line_and_nothing_else(upframe: Command, tmp_path: Path) -> None:
    image(tmp_path / "photo.png")
    outcome = upframe("upscale", "photo.png", "--json")
    assert outcome.code == 0
    assert [event["event"] for event in outcome.events] == ["started", "finished"]
    started, finished = outcome.events
    assert (started["size"], started["output_size"], started["model"]) == ([16, 12], [32, 24], "rt4ksr-x2")
    assert (finished["output"], finished["frames"]) == ("photo-x2.png", 1)


def test_quiet_prints_nothing(upframe: Command, tmp_path: Path) -> None:
    image(tmp_path / "photo.png")
    outcome = upframe("upscale", "photo.png", "--quiet")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")


def test_a_folder_keeps_its_structure(upframe: Command, tmp_path: Path) -> None:
    image(tmp_path / "in/a.png")
    image(tmp_path / "in/deep/er/b.jpg")
    (tmp_path / "in/notes.txt").write_text("not an image")
    for out in ("out", "out.v2", "new/"):
        outcome = upframe("upscale", "in", "-o", out, "-m", "bicubic", "-q")
        assert outcome.code == 0, outcome.err
        assert files(tmp_path / out) == {"a.png", "deep/er/b.jpg"}


def test_numbered_frames_keep_their_numbers(upframe: Command, tmp_path: Path) -> None:
    for number in (8, 9, 10, 12):
        image(tmp_path / f"in/shot_{number:04d}.png")
    outcome = upframe("upscale", "in/shot_%04d.png", "-o", "out/big_%06d.png", "--json")
    assert outcome.code == 0, outcome.err
    assert files(tmp_path / "out") == {f"big_{number:06d}.png" for number in (8, 9, 10, 12)}
    assert [event["done"] for event in outcome.events_of("progress")] == [1, 2, 3, 4]
    assert "11" in outcome.events_of("note")[0]["text"]


@pytest.mark.parametrize(
    ("options", "size"),
    [(["-s", "3"], (48, 36)), (["-s", "1.5"], (24, 18)), (["--size", "50x20"], (50, 20)), (["--size", "same"], (16, 12))],
    ids=str,
)
def test_any_size_can_be_asked_for(upframe: Command, tmp_path: Path, options: list[str], size: tuple[int, int]) -> None:
    image(tmp_path / "photo.png")
    assert upframe("upscale", "photo.png", "-o", "big.png", *options).code == 0
    assert size_of(tmp_path / "big.png") == size


def test_the_scale_chooses_the_model(upframe: Command, tmp_path: Path) -> None:
    image(tmp_path / "photo.png")
    for scale, model in ((2, "rt4ksr-x2"), (3, "rt4ksr-x3"), (4, "rt4ksr-x4"), (6, "rt4ksr-x4")):
        outcome = upframe("upscale", "photo.png", "-s", scale, "--json")
        assert outcome.events_of("started")[0]["model"] == model


def test_an_output_that_exists_is_refused_and_untouched(upframe: Command, tmp_path: Path) -> None:
    image(tmp_path / "photo.png")
    (tmp_path / "photo-x2.png").write_text("precious")
    outcome = upframe("upscale", "photo.png", "-q")
    assert outcome.code == 1
    assert is_one_error(outcome.err)
    assert "--overwrite" in outcome.err
    assert (tmp_path / "photo-x2.png").read_text() == "precious"
    assert upframe("upscale", "photo.png", "--overwrite").code == 0
    assert size_of(tmp_path / "photo-x2.png") == (32, 24)


def test_the_input_is_never_written_over(upframe: Command, tmp_path: Path) -> None:
    path = image(tmp_path / "photo.png")
    before = path.read_bytes()
    assert upframe("upscale", "photo.png", "-o", "photo.png", "--overwrite", "-q").code == 1
    assert path.read_bytes() == before


def test_one_bad_image_does_not_stop_the_others(upframe: Command, tmp_path: Path) -> None:
    image(tmp_path / "in/a.png")
    (tmp_path / "in/b.png").write_text("I am a letter")
    image(tmp_path / "in/c.png")
    outcome = upframe("upscale", "in", "-o", "out/", "--json")
    assert outcome.code == 1
    assert files(tmp_path / "out") == {"a.png", "c.png"}
    assert "b.png" in outcome.events_of("failed")[0]["error"]


def bomb(path: Path) -> None:
    """A PNG that says it is 30,000 x 30,000 pixels, in a few kilobytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(90_001 * 20), 9)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


def test_bad_input_is_one_clear_line_and_leaves_nothing(upframe: Command, tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "letter.png").write_text("I am a letter")
    (tmp_path / "folder").mkdir()
    bomb(tmp_path / "bomb.png")
    whole = image(tmp_path / "whole.png", (200, 200)).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    before = files(tmp_path)
    for name, words in {
        "nowhere.png": "no such file",
        "folder": "no image or video",
        "empty.png": "empty",
        "letter.png": "text",
        "bomb.png": "--max-pixels",
        "cut.png": "--allow-truncated",
    }.items():
        outcome = upframe("upscale", name, "-q")
        assert outcome.code == 1, name
        assert is_one_error(outcome.err), outcome.err
        assert name in outcome.err
        assert words in outcome.err
    assert files(tmp_path) == before
    assert upframe("upscale", "cut.png", "--allow-truncated", "-q").code == 0


def test_a_weights_file_of_another_network_is_refused(upframe: Command, tmp_path: Path) -> None:
    image(tmp_path / "photo.png")
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "other.pth")
    outcome = upframe("upscale", "photo.png", "-m", "other.pth")
    assert outcome.code == 1
    assert is_one_error(outcome.err)
    assert "not a network Upframe itself knows" in outcome.err


def test_wrong_usage_is_code_two(upframe: Command, tmp_path: Path) -> None:
    assert upframe("upscale").code == 2
    assert upframe("upscale", "a.png", "--tile", "big").code == 2
    assert upframe("upscale", "a.png", "--nonsense").code == 2


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="a superuser may write anywhere")
def test_a_folder_that_cannot_be_written_is_one_clear_line(upframe: Command, tmp_path: Path) -> None:
    image(tmp_path / "photo.png")
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(stat.S_IRUSR | stat.S_IXUSR)
    outcome = upframe("upscale", "photo.png", "-o", "locked/", "-q")
    assert outcome.code == 1
    assert "no permission" in outcome.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file system of Linux")
def test_a_folder_that_is_no_folder_is_one_clear_line(upframe: Command, tmp_path: Path) -> None:
    image(tmp_path / "photo.png")
    outcome = upframe("upscale", "photo.png", "-o", "/proc/nowhere/x.png", "-q")
    assert outcome.code == 1
    assert is_one_error(outcome.err)
