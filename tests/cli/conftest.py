"""Running the command as its users do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from tempfile import TemporaryDirectory
from typing import Any

import pytest

ENVIRONMENT = {**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines; fails where there is anything else."""
        return [json.loads(line) for line in self.out.splitlines()]

    def events_of(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]


Command = Callable[..., Outcome]


def start(*arguments: object, cwd: Path) -> subprocess.Popen[str]:
    """``upframe`` in a process of its own."""
    command = [sys.executable, "-m", "upframe", *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, env=ENVIRONMENT, stdout=PIPE, stderr=PIPE, stdin=subprocess.DEVNULL, text=True)


@pytest.fixture(scope="session")
def forking() -> Iterator[subprocess.Popen[str]]:
    """The process that is forked for each command; see :mod:`tests.cli.forked`."""
    script = str(Path(__file__).with_name("forked.py"))
    with subprocess.Popen([sys.executable, script], env=ENVIRONMENT, stdin=PIPE, stdout=PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def upframe(tmp_path: Path, forking: subprocess.Popen[str]) -> Iterator[Command]:
    """Run ``upframe`` in ``tmp_path`` to its end, in a process of its own."""
    assert forking.stdin is not None
    assert forking.stdout is not None
    requests, codes = forking.stdin, forking.stdout
    with TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")

        def run(*arguments: object) -> Outcome:
            words = [*map(str, arguments)]
            command = {"arguments": words, "cwd": str(tmp_path), "out": str(out), "err": str(err), "environment": ENVIRONMENT}
            print(json.dumps(command), file=requests, flush=True)
            code = int(codes.readline())
            return Outcome(code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))

        yield run
