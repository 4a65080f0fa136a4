"""Windows and macOS, by stand-ins for what they lack or do otherwise; nothing here has run there."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.web_server import Site, serving

from upframe import locks
from upframe.cli.start import write_all_characters
from upframe.download import download
from upframe.errors import CheckpointError, OutputError
from upframe.jobs.journal import Journal
from upframe.media.atomic import atomic_output
from upframe.models.catalog import usable_name
from upframe.training.sole import LOCK, sole_training

ROOT = Path(__file__).parent.parent
WITHOUT = """
import pkgutil, importlib, sys, os, signal
# Of other packages that is their own affair.
import av, jinja2, lightning, lmdb, numpy, PIL.Image, platformdirs, pydantic, rich.progress, safetensors.torch, torch
import typer, yaml
for name in ("fcntl", "resource", "termios", "pwd", "grp", "tty", "pty", "readline", "syslog"):
    sys.modules[name] = None
for name in ("fork", "forkpty", "killpg", "nice", "getuid", "geteuid", "sched_getaffinity", "sched_getscheduler", "sysconf",
             "mkfifo", "statvfs", "O_NOFOLLOW", "O_NONBLOCK", "setsid", "getpgid", "pread", "pwrite", "posix_fadvise"):
    vars(os).pop(name, None)
for name in ("SIGHUP", "SIGKILL", "SIGCONT", "SIGSTOP", "SIGUSR1", "SIGALRM", "pthread_sigmask", "sigwaitinfo", "sigwait"):
    vars(signal).pop(name, None)
import upframe
modules = [found.name for found in pkgutil.walk_packages(upframe.__path__, "upframe.")]
for name in modules:
    if name != "upframe.__main__" and ".triton." not in name and ".inside." not in name:  # for CUDA; for Blender's own Python
        importlib.import_module(name)
print(len(modules))
"""


@pytest.mark.long
def test_every_module_loads_without_what_windows_lacks() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 300


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """No fcntl; locks of Microsoft's C library; and no file is removed, or replaced, that is open."""
    held: dict[int, int] = {}  # the file behind each number that holds a lock

    def inode(number: int) -> int | None:
        try:
            return os.fstat(number).st_ino
        except OSError:
            return None

    def locking(number: int, _mode: int, _count: int) -> None:
        assert os.lseek(number, 0, os.SEEK_CUR) > 10**6, "what is in the file must stay readable"
        if any(other != number and inode(other) == file == inode(number) for other, file in held.items()):
            raise PermissionError(errno.EACCES, "locked")
        held[number] = os.fstat(number).st_ino

    def refuse_open(path: Path) -> None:
        if path.exists() and any(inode(number) == path.stat().st_ino for number in range(256)):
            raise PermissionError(errno.EACCES, "in use", str(path))

    unlink, replace = Path.unlink, Path.replace

    def removed(self: Path, missing_ok: bool = False) -> None:
        refuse_open(self)
        unlink(self, missing_ok=missing_ok)

    def replaced(self: Path, target: Path) -> Path:
        refuse_open(self)
        refuse_open(Path(target))
        return replace(self, target)

    monkeypatch.setattr(locks, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2))  # type: ignore[arg-type]
    monkeypatch.setattr(Path, "unlink", removed)
    monkeypatch.setattr(Path, "replace", replaced)


@pytest.mark.usefixtures("windows")
def test_what_is_locked_is_locked_there_and_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with serving(Site({"/file": b"content"})) as site:
        download(f"{site.address}/file", tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with sole_training(tmp_path / "run"):
        with (
            pytest.raises(OutputError, match=f"another training writes here .process {os.getpid()}"),
            sole_training(tmp_path / "run"),
        ):
            pass
        assert (tmp_path / "run" / LOCK).exists()
    assert not list((tmp_path / "run").iterdir())
    first, second = Journal(tmp_path / "job"), Journal(tmp_path / "job")
    first.open({"input": "clip.mp4"})
    with pytest.raises(OutputError, match="by another process"):
        second.open({})
    first.remove()
    assert not (tmp_path / "job").exists()


def test_a_result_that_is_open_in_another_program_is_said(tmp_path: Path) -> None:
    in_use = PermissionError(errno.EACCES, "in use")
    in_use.winerror = 32  # type: ignore[attr-defined, unused-ignore]
    with pytest.raises(OutputError, match="is open in another program"), atomic_output(tmp_path / "large.png"):
        raise in_use


def test_names_that_another_system_would_take_for_something_else_are_no_names_of_models() -> None:
    for name in ("nul", "COM1", "aux.v2", "RT4KSR-X2", "Bicubic-x3"):
        with pytest.raises(CheckpointError):
            usable_name(name)
    assert usable_name("auxiliary") == "auxiliary"


def test_a_name_that_the_encoding_of_the_output_lacks_is_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="cp1252", errors="strict"))
    write_all_characters()
    sys.stdout.write("日.png")
    sys.stdout.flush()
    assert written.getvalue() == rb"\u65e5.png"
