"""Running the command as its users do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
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


class Running:
    """A command that goes on beside the test; what it prints is read from ``stdout`` as it comes."""

    def __init__(self, forked: Forked, folder: Path, cwd: Path, arguments: tuple[object, ...]) -> None:
        self._forked, self._err = forked, folder / "err"
        os.mkfifo(folder / "out")
        self.pid = forked.ask(**_command(folder, cwd, arguments), background=True)
        self.stdout = (folder / "out").open(encoding="utf-8")
        self.returncode: int | None = None

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        if self.poll() is None:
            self.kill()
            self.wait(60)
        self.stdout.close()

    def poll(self) -> int | None:
        """The exit code, once there is one."""
        if self.returncode is None:
            self.returncode = self._forked.ask(ended=self.pid)
        return self.returncode

    def wait(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            assert time.monotonic() < deadline, f"no end after {timeout} s"
            time.sleep(0.02)

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float = 120) -> tuple[str, str]:
        """What is printed until the end: on standard output, and of errors."""
        out = self.stdout.read()
        self.wait(timeout)
        return out, self._err.read_text(encoding="utf-8")


class Forked:
    """The process that is forked for each command; see :mod:`tests.cli.forked`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        script = str(Path(__file__).with_name("forked.py"))
        self._process = subprocess.Popen([sys.executable, script], env=environment, stdin=PIPE, stdout=PIPE, text=True)

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def ask(self, **request: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


def _command(folder: Path, cwd: Path, arguments: tuple[object, ...]) -> dict[str, object]:
    """``upframe`` in ``cwd``, with its output in ``folder``."""
    return {
        "arguments": [*map(str, arguments)],
        "cwd": str(cwd),
        "out": str(folder / "out"),
        "err": str(folder / "err"),
        "environment": ENVIRONMENT,
    }


Command = Callable[..., Outcome]
Start = Callable[..., Running]


def is_one_error(text: str) -> bool:
    """Whether standard error is one line that says what is wrong, and at most one below it that says what to do."""
    first, *rest = text.strip().splitlines()
    return len(rest) <= 1 and all(line.startswith("         ") for line in rest) and "Traceback" not in first


@pytest.fixture(scope="session")
def forked() -> Iterator[Forked]:
    with Forked(ENVIRONMENT) as process:
        yield process


@pytest.fixture
def upframe(tmp_path: Path, forked: Forked) -> Iterator[Command]:
    """Run ``upframe`` in ``tmp_path`` to its end, in a process of its own."""
    with TemporaryDirectory() as place:
        folder = Path(place)

        def run(*arguments: object) -> Outcome:
            code = forked.ask(**_command(folder, tmp_path, arguments))
            return Outcome(code, *((folder / name).read_text(encoding="utf-8") for name in ("out", "err")))

        yield run


@pytest.fixture
def start(tmp_path: Path, forked: Forked) -> Iterator[Start]:
    """Begin ``upframe`` in ``tmp_path``, in a process of its own that goes on by itself."""
    with ExitStack() as stack:

        def begin(*arguments: object) -> Running:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            return stack.enter_context(Running(forked, folder, tmp_path, arguments))

        yield begin
