"""The container files: what a linter and their parts say, and the one for a processor built where that can be done."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
from tests.cli.test_documents import parse

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "containers").glob("*.Dockerfile"))
BASE = "python:3.12-slim"
LARGEST = 1_000_000_000  # bytes of the image for a processor


def steps(file: Path) -> list[tuple[str, str]]:
    """The instructions with what is behind each, lines that go on joined."""
    text = re.sub(r"(?m)^\s*#.*\n", "", file.read_text()).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_what_a_container_is_made_from_is_there_and_it_runs_as_nobody_special(file: Path) -> None:
    found = steps(file)
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = [shlex.split(rest)[:-1] for word, rest in found if word == "COPY" and not rest.startswith("--from")]
    sources = [source.removeprefix("./") for words in copied for source in words]
    assert len(sources) > 4
    assert not [source for source in sources if not (ROOT / source).exists() or source not in sent]
    assert [rest for word, rest in found if word == "FROM"] == [f"{BASE} AS build", BASE]
    user = [rest for word, rest in found if word == "USER"][-1].split(":")[0]
    assert user not in {"root", "0"}


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_what_a_container_runs_are_commands_of_the_command_line(file: Path) -> None:
    said = dict(steps(file))
    program, *words = json.loads(said["HEALTHCHECK"].partition("CMD ")[2])
    assert [program] == json.loads(said["ENTRYPOINT"]) == ["upframe"]
    parse(words)
    assert json.loads(said["CMD"]) == ["--help"]


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_a_linter_finds_nothing_in_a_container_file(file: Path) -> None:
    linter = Path(sys.executable).with_name("hadolint")
    if not linter.exists():
        pytest.skip("hadolint is not installed: make installs it on Linux")
    done = subprocess.run([str(linter), str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_but_what_is_needed_is_sent_to_the_builder() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    assert not [line for line in lines if line.startswith("!") and fnmatch(".git", line[1:])]


@pytest.mark.long
def test_the_container_for_a_processor_is_small_and_upscales(tmp_path: Path) -> None:
    builder = next(filter(shutil.which, ("docker", "podman")), None)
    if builder is None or subprocess.run([builder, "pull", "-q", BASE], capture_output=True, check=False).returncode != 0:
        pytest.skip(f"nothing here can build containers: docker or podman, and {BASE} from a registry")
    build = [builder, "build", "-q", "-f", "containers/cpu.Dockerfile", "-t", "upframe-test", "."]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    size = subprocess.run([builder, "image", "inspect", "-f", "{{.Size}}", "upframe-test"], capture_output=True, check=True)
    assert int(size.stdout) < LARGEST
    shutil.copy(ROOT / "examples/media/stream.png", tmp_path / "small.png")
    tmp_path.chmod(0o777)
    run = [builder, "run", "--rm", "-v", f"{tmp_path}:/work", "upframe-test", "upscale", "small.png", "-o", "large.png"]
    subprocess.run(run, check=True)
    assert (tmp_path / "large.png").exists()
