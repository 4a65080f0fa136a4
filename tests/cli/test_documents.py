"""Every command in the documents is one that there is, and those of the README run on small files."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import typer.main
from tests.cli.conftest import Command
from tests.cli.test_images import image
from tests.media.video_fixtures import Video

from upframe.cli.main import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?:bash|sh|shell)?\n(.*?)^```", re.DOTALL | re.MULTILINE)
SYNOPSIS = re.compile(r"\.\.\.|\[--|[A-Z]{3,} |[A-Z]{4,}$|\|")  # KEY=VALUE and the like are not to be typed as they stand

SMALLER = {
    "3840x2160": "96x80",
    "1280x720": "64x48",
    "rt4ksr.onnx": "small.onnx",
}
NOT_RUN = {
    "serve": "tests/serve starts it",
    "evaluate": "Set5 is not ours to hand on",
    "render": "tests/cli/test_render.py renders",
    "play": "tests/cli/test_play.py plays",
    "check-frames": "tests/cli/test_check_frames.py checks rendered clips",
    "train": "tests/cli/test_train.py trains",
    "monitor": "tests/cli/test_monitor.py shows trainings",
}


PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
SPELT_OUT = {
    "colour=..., depth=..., motion=...": "**buffers",
    "colour=colour, depth=depth, motion=motion, ...": "**buffers",
    '"stssnet.safetensors"': '"nsrr-x2"',
    'place="Set5"': "place=place",
}
PYTHON_NOT_RUN = {
    "docs/integration.md": "tests/export/test_hosts.py runs it with the file it names",
    "docs/serve.md": "tests/serve/test_queue.py asks a running page",
    "docs/training.md": "tests/training trains",
    "docs/plugins.md": "VapourSynth runs it; tests/plugins",
    "CONTRIBUTING.md": "tests/models/test_adding.py runs it",
}


def commands(document: Path) -> Iterator[list[str]]:
    """The words of every line that begins with ``upframe`` in a block of code, without its comment."""
    for block in BLOCK.findall(document.read_text()):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("upframe ") and not SYNOPSIS.search(line.partition("#")[0].strip()):
                yield shlex.split(line, comments=True)[1:]


def parse(words: list[str]) -> None:
    """Let the command line read the words, and do nothing."""
    command: Any = typer.main.get_command(app)
    name = "upframe"
    while hasattr(command, "commands") and words and words[0] in command.commands:
        name, words = words[0], words[1:]
        command = command.commands[name]
    assert not hasattr(command, "commands") or not words, f"no such command: {words}"
    command.make_context(name, words, resilient_parsing=False)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_of_a_document_can_be_typed(document: Path) -> None:
    for words in commands(document):
        if words[-1] in {"--help", "--version"}:
            continue
        try:
            parse(list(words))
        except Exception as error:  # noqa: BLE001  # of click, or of the edition of it that typer brings
            pytest.fail(f"upframe {shlex.join(words)}: {error}")


@pytest.fixture
def small_files(tmp_path: Path) -> Path:
    """What the README's commands name, as small as can be."""
    for name in ("holiday.mp4", "video.mkv", "film.mkv", "clip.mp4", "old.mp4"):
        Video(size=(48, 40), times=range(0, 240, 40)).make(tmp_path / name)
    for name in ("large.mp4", "original.mp4"):
        Video(size=(96, 80), times=range(0, 240, 40)).make(tmp_path / name)
    Video("mpeg2video", size=(48, 64), times=range(6), time_base=Fraction(1, 25)).make(tmp_path / "tape.mpg")
    sticker = [PIL.Image.new("RGB", (24, 16), colour) for colour in ("red", "blue")]
    sticker[0].save(tmp_path / "sticker.gif", save_all=True, append_images=sticker[1:], duration=100)
    for name in ("photos/a.png", "photos/more/b.jpg"):
        image(tmp_path / name)
    (tmp_path / "photos/bad.png").write_text("no image")
    shutil.copy(ROOT / "examples/media/stream.png", tmp_path / "image.png")
    return tmp_path


@pytest.mark.long
def test_the_commands_of_the_readme_run(small_files: Path, upframe: Command, subtests: pytest.Subtests) -> None:
    ran = 0
    for words in commands(ROOT / "README.md"):
        line = shlex.join(words)
        if words[0] in NOT_RUN or "-" in words or "exr" in line or ".pth" in line or "fetch" in words or "--published" in words:
            continue
        smaller = [SMALLER.get(word, word) for word in words]
        if words[0] == "compare":
            smaller = [word.replace(",vmaf", "") for word in smaller]  # which another build of FFmpeg measures
        with subtests.test(line):
            outcome = upframe(*smaller)
            bad_one = outcome.code == 1 and "photos/bad.png" in outcome.err
            assert outcome.code == 0 or bad_one, outcome.err
            ran += 1
    assert ran > 8


WITH_PYTHON = [path for path in (*DOCUMENTS, ROOT / "CONTRIBUTING.md") if PYTHON.search(path.read_text())]


@pytest.mark.parametrize("document", WITH_PYTHON, ids=lambda path: path.name)
def test_the_python_of_a_document_runs(document: Path, tmp_path: Path) -> None:
    image(tmp_path / "Set5/one.png", (64, 48))
    colour, motion = np.zeros((24, 32, 3), np.float32), np.zeros((24, 32, 2), np.float32)
    buffers = {"colour": colour, "depth": np.ones((24, 32), np.float32), "motion": motion}
    given = {"buffers": buffers, "image": colour, "frames": [colour, colour], "place": str(tmp_path / "Set5")}
    for text in PYTHON.findall(document.read_text()):
        for short, spelt in SPELT_OUT.items():
            text = text.replace(short, spelt)  # noqa: PLW2901  # the same text, made fit
        code = compile(text, str(document), "exec", dont_inherit=True)
        if document.relative_to(ROOT).as_posix() not in PYTHON_NOT_RUN:
            exec(code, dict(given))
