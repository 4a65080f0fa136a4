"""Running the command as its users do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
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
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=cwd, env=ENVIRONMENT, stdout=pipe, stderr=pipe, stdin=subprocess.DEVNULL, text=True)


@pytest.fixture
def upframe(tmp_path: Path) -> Command:
    """Run ``upframe`` in ``tmp_path`` to its end."""

    def run(*arguments: object) -> Outcome:
        with start(*arguments, cwd=tmp_path) as running:
            out, err = running.communicate(timeout=300)
        return Outcome(running.returncode, out, err)

    return run
