"""What a user gets wrong is reported in one line, with exit code 1 or 2, and what is on the disk stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import PIL.Image
import pytest
from safetensors.torch import save_file
from tests.cli.conftest import Command

from upframe.models.rt4ksr import RT4KSR


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """An image, a network, clips, and files and folders that are none of these."""
    PIL.Image.new("RGB", (24, 16), "teal").save(tmp_path / "small.png")
    save_file(RT4KSR(2, channels=8, blocks=1).state_dict(), tmp_path / "net.safetensors")
    (tmp_path / "clip/color").mkdir(parents=True)
    (tmp_path / "empty.pth").touch()
    (tmp_path / "deep.yaml").write_text("a: " + "[" * 20_000)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    return tmp_path


def _content(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["upscale", "small.png", "--size", "99999999x99999999"], "there is not enough memory"),
        (["compare", "small.png", "small.png", "--csv", "small.png", "--overwrite"], "small.png: a table is written as .csv"),
        (["models", "import", "net.safetensors", "-o", "net.safetensors", "--overwrite"], "is the input, which is never"),
        (["models", "show", "empty.pth"], "empty.pth: the file is empty"),
        (["models", "show", "small.png"], "small.png: is neither safetensors nor a PyTorch checkpoint"),
        (["check-frames", "clip", "--show", "clip/color", "--overwrite"], "clip/color: is in the capture"),
        (["render", "street", "small.png"], "small.png: cannot be made, because there is a file"),
        (["render", "street", "small.png/clip"], "small.png/clip: cannot be made, because there is a file"),
        (["render", "street", "full"], "full: the folder is not empty"),
        (["render", "street", "out", "--size", "999999x540"], "images with a side of 1999998 pixels are too large"),
        (["data", "prepare", "div2k", "clip", "full"], "clip: no images in this folder"),
        (["train", "deep.yaml"], "deep.yaml: cannot be read as YAML"),
        (["train", "rt4ksr-small", "optimiser.rate=.inf"], "optimiser.rate: input should be a finite number"),
        (["train", "rt4ksr-small", "data.images=small.png"], "data.images: must be a list: data.images=[small.png]"),
        (["train", "rt4ksr-small", "data.images=[drawn:0-99999999999]"], "drawn:0-99999999999: does not say which ones"),
        (["train", "ttvsr", "data.clips=[clip]"], "model.flow: spynet_20210409-c6c1bd09.pth: no such file"),
    ],
)
def test_what_cannot_be_done_is_one_line(upframe: Command, files: Path, arguments: Sequence[str], words: str) -> None:
    before = _content(files)
    outcome = upframe(*arguments)
    assert (outcome.code, outcome.out) == (1, "")
    line, *remedy = outcome.err[outcome.err.index("upframe: ") :].splitlines()
    assert words in line
    assert all(below.startswith("         ") for below in remedy)
    assert outcome.err.count("upframe: ") == 1
    assert "Traceback" not in outcome.err
    assert "fault of Upframe" not in outcome.err
    assert _content(files) == before


@pytest.mark.parametrize("arguments", [["upscale", ""], ["models", "show", ""], ["upscale", "small.png", "-o", ""]])
def test_an_empty_argument_is_not_taken_for_this_folder(upframe: Command, files: Path, arguments: Sequence[str]) -> None:
    before = _content(files)
    outcome = upframe(*arguments)
    assert outcome.code == 2
    assert "one of the arguments is empty" in outcome.err
    assert _content(files) == before
