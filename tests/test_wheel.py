"""The wheel and the source distribution: they hold what is needed and nothing else, and work without the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
WEIGHTS = 40_000_000  # bytes at most of all weights together; docs/models.md says where larger ones come from
WHEEL = WEIGHTS + 4_000_000
BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"


class Built(NamedTuple):
    """What was made of a commit with the tag v7.8.9."""

    wheel: Path
    source: Path
    wheel_of_source: Path


def run(*command: str, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def build(kind: str, source: Path, folder: Path) -> Path:
    """What a build by a Python package's front end makes, without another environment."""
    return folder / run(sys.executable, "-c", BUILD, f"build_{kind}", str(folder), folder=source).splitlines()[-1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built from a copy of what git holds, tagged, and once more from the source distribution."""
    pytest.importorskip("setuptools", minversion="77", reason="setuptools 77 is not installed: make installs it")
    pytest.importorskip("setuptools_scm", reason="setuptools-scm is not installed: make installs it")
    folder = tmp_path_factory.mktemp("built")
    tree, unpacked = folder / "tree", folder / "unpacked"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("this is no checkout of git: a copy of what belongs to it cannot be made")
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        if name.startswith(("src/", "pyproject", "README", "LICENSE", "NOTICE", "CHANGELOG")) and (ROOT / name).exists():
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false")
    for words in (("init", "-q"), ("add", "--all"), (*identity, "commit", "-qm", "all"), ("tag", "v7.8.9")):
        run("git", *words, folder=tree)
    source = build("sdist", tree, folder)
    with tarfile.open(source) as archive:
        archive.extractall(unpacked, filter="data")
    again = folder / "again"
    again.mkdir()
    (inside,) = unpacked.iterdir()
    return Built(build("wheel", tree, folder), source, build("wheel", inside, again))


@pytest.fixture(scope="module")
def wheel(built: Built) -> Path:
    return built.wheel


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_version_is_the_tag(built: Built) -> None:
    assert built.wheel.name == "upframe-7.8.9-py3-none-any.whl"
    assert built.source.name == "upframe-7.8.9.tar.gz"


def test_a_copy_without_git_has_a_version_too(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    pytest.importorskip("setuptools_scm", reason="setuptools-scm is not installed: make installs it")
    assert run(sys.executable, "-m", "setuptools_scm", folder=tmp_path).splitlines()[-1] == "0.1.0"


def test_the_source_distribution_builds_the_same_wheel(built: Built) -> None:
    assert built.wheel_of_source.name == built.wheel.name
    assert contents(built.wheel_of_source) == contents(built.wheel)


def test_the_weights_are_within_their_limit(wheel: Path) -> None:
    held = [(len(content), name) for name, content in contents(wheel).items() if "/weights/" in name]
    assert sum(size for size, _ in held) <= WEIGHTS, f"fetch the largest instead: {sorted(held, reverse=True)[:3]}"


def test_it_holds_every_file_of_the_package_that_is_needed(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "src" / "upframe"
    needed = {
        path.relative_to(ROOT / "src").as_posix()
        for path in package.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and "__pycache__" not in path.parts
    }
    assert not needed - held


def test_it_holds_nothing_else_and_is_small(wheel: Path) -> None:
    held = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].partition("-")[0] for name in held} == {"upframe"}
    assert wheel.stat().st_size < WHEEL
    assert any(name.endswith("licenses/LICENSE") for name in held)


def test_it_works_without_the_repository(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "installed"), "OMP_NUM_THREADS": "1"}
    program = (
        "import sys, upframe; print(upframe.__file__); sys.argv = ['upframe', 'doctor']; "
        "from upframe.cli.start import main; main()"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "installed"))
    assert "image: rt4ksr-x2" in done.stdout
    assert "commit                   a release" in done.stdout
