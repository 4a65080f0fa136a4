"""A command that is interrupted before it has started, or whose output goes nowhere, ends in a line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import ENVIRONMENT

from upframe.errors import OutputError, as_upframe_error

_INTERRUPTED_WHILE_IMPORTING = """
import os, signal, sys
from importlib.abc import MetaPathFinder

class Interrupting(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "upframe.cli.upscale":
            os.kill(os.getpid(), signal.{signal})
        return None

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["upframe", "--version"]
from upframe.cli.start import main
main()
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 130), ("SIGHUP", 129)])
def test_a_command_that_is_interrupted_while_it_starts_ends_in_a_line(tmp_path: Path, name: str, code: int) -> None:
    command = [sys.executable, "-c", _INTERRUPTED_WHILE_IMPORTING.replace("{signal}", name)]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == "upframe: interrupted; nothing unfinished was left behind\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full, a disk that is always full")
def test_a_full_disk_under_what_is_printed_is_called_one(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "upframe", "models", "--json"]
        done = subprocess.run(
            command, cwd=tmp_path, env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "the disk is full" in done.stderr


def test_a_full_disk_is_an_output_error() -> None:
    error = as_upframe_error(OSError(28, os.strerror(28), "losses.csv"))
    assert isinstance(error, OutputError)
    assert str(error) == "the disk is full (losses.csv)"
    assert str(error.remedy) == "Make room on the disk, or write elsewhere"
