"""What a killed run leaves behind is removed by the next one, and what a living one writes never is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from upframe.media import leftovers
from upframe.media.atomic import atomic_output

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells enough of a process")
_WRITER = """
import sys, time
from upframe.media.atomic import atomic_output
with atomic_output(sys.argv[1]) as file, atomic_output(sys.argv[2], folder=True) as folder:
    file.write_bytes(b"half")
    (folder / "000000.png").write_bytes(b"half")
    print("written", flush=True)
    time.sleep(60)
"""


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_a_later_run_removes_what_a_killed_one_left_and_nothing_else(tmp_path: Path) -> None:
    mine = [tmp_path / ".upframe-notes", tmp_path / ".upframe-0123456789ab.mp4"]
    for path in mine:
        path.touch()
    command = [sys.executable, "-c", _WRITER, str(tmp_path / "video.mkv"), str(tmp_path / "frames")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "written\n"
        leftovers.remove_leftovers(tmp_path)
        assert len(hidden(tmp_path)) == 4  # it lives
        running.kill()
    leftovers._seen.clear()
    with atomic_output(tmp_path / "other.txt") as other:
        assert hidden(tmp_path) == sorted(path.name for path in mine)
        other.write_text("whole")
    assert (tmp_path / "other.txt").read_text() == "whole"


def test_names_of_another_machine_are_left_alone(tmp_path: Path) -> None:
    ours = leftovers.unfinished_name(".mkv")
    _, place, uptime, pid, started, random = ours.removesuffix(".mkv").split("-")
    foreign = tmp_path / f".upframe-{'f' * 8 if place != 'f' * 8 else '0' * 8}-{uptime}-{pid}-{started}-{random}.mkv"
    switched_off = tmp_path / f".upframe-{place}-{'0' * 8}-{pid}-{started}-{random}.mkv"
    another = tmp_path / f".upframe-{place}-{uptime}-{os.getpid()}-{int(started) + 1}-{random}.mkv"
    living = tmp_path / ours
    for path in (foreign, switched_off, another, living):
        path.touch()
    leftovers.remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {foreign.name, living.name}
