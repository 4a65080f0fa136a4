"""The one job at a time: started as the command it is, watched, paused, ended, and taken up again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

from upframe import locks
from upframe.errors import InputError, as_upframe_error
from upframe.serve.queued import ACTIVE, OVER, JobQueue, QueuedJob
from upframe.serve.telling import Listener, Told
from upframe.serve.wishes import command, program

CAN_PAUSE = sys.platform != "win32"
_LOOK = 0.3  # seconds between two looks at a job that runs
_PATIENCE = 30.0  # seconds a command has to end cleanly
_GONE = "was ended by the system, perhaps for want of memory; what was whole is kept: go on to take it up again"


class Runner:
    """Makes the jobs of a queue in a thread: the next when the last is over, or has been stopped.

    A job's command is in a session of its own and prints into files, so that nothing of it is lost if this program ends. It
    holds a lock as long as it lives; a runner that finds that lock held waits for it instead of starting another.
    """

    def __init__(self, queue: JobQueue, program: Callable[[], Sequence[str]] = program) -> None:
        self._queue, self._program = queue, program
        self._listeners: dict[str, Listener] = {}
        self._wanted: dict[str, str] = {}  # the state that is asked of a job while it runs
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="upframe-jobs", daemon=True)

    def start(self) -> None:
        """Go on with the queue."""
        self._thread.start()

    def close(self) -> None:
        """End the command that runs, cleanly; its job waits for the next start."""
        with self._queue.changed:
            self._closing = True
            for job in self._queue.jobs():
                if job.state in ACTIVE:
                    _send(job, "SIGTERM", "SIGCONT")
            self._queue.changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE + 5)

    def told(self, name: str) -> Told:
        """What a job has told by now."""
        with self._queue.changed:
            return self._listeners.setdefault(name, Listener(self._queue.events(name))).listen()

    def pause(self, name: str) -> None:
        """Hold a job that runs where it is; it keeps its memory. Where the system cannot, it is stopped."""
        job = self._queue.job(name)
        if job.state == "waiting":
            self._queue.change(name, lambda job: {"state": "stopped"} if job.state == "waiting" else {})
        elif job.state == "running" and CAN_PAUSE:
            _send(job, "SIGSTOP")
            self._queue.change(name, lambda job: {"state": "paused"} if job.state == "running" else {})
        elif job.state == "running":
            self.stop(name)

    def go_on(self, name: str) -> None:
        """Let a job run again that was paused, stopped, or has failed."""
        job = self._queue.job(name)
        if job.state == "paused":
            self._queue.change(name, lambda job: {"state": "running"} if job.state == "paused" else {})
            _send(job, "SIGCONT")
        elif job.state in ("stopped", "failed"):
            self._queue.change(name, lambda job: {"state": "waiting", "error": ""} if job.state in OVER else {})

    def stop(self, name: str) -> None:
        """End a job; the parts that are whole are kept, and going on begins there."""
        with self._queue.changed:
            job = self._queue.job(name)
            if job.state in ACTIVE:
                self._wanted[name] = "stopped"
                _send(job, "SIGTERM", "SIGCONT")
            elif job.state == "waiting":
                self._queue.change(name, lambda _: {"state": "stopped"})

    # --- the thread

    def _work(self) -> None:
        while not self._closing:
            job = self._next()
            if job is None:
                with self._queue.changed:
                    self._queue.changed.wait(1.0)
                self._queue.write_late()
                continue
            try:
                self._make(job)
            except Exception as error:  # noqa: BLE001  # a job that cannot be started does not end the others
                failed = {"state": "failed", "pid": None, "error": str(as_upframe_error(error))}
                self._queue.change(job.name, partial(_constant, failed))

    def _next(self) -> QueuedJob | None:
        """The job that a program of before has left running, else the first that waits."""
        jobs = self._queue.jobs()
        active = next((job for job in jobs if job.state in ACTIVE), None)
        return active or next((job for job in jobs if job.state == "waiting"), None)

    def _make(self, job: QueuedJob) -> None:
        lock = self._lock(job.name)
        if lock is None:  # its command outlived the program that started it
            self._watch(job.name, None)
            return
        with lock:
            if job.state in ACTIVE:  # it did not: it is taken up again
                job = self._queue.change(job.name, lambda _: {"state": "waiting", "pid": None})
            started = self._start(job, lock)
        if started is not None:
            self._watch(job.name, started)

    def _start(self, job: QueuedJob, lock: IO[bytes]) -> subprocess.Popen[bytes] | None:
        missing = next((path for path in job.inputs if not Path(path).exists()), None)
        if missing is not None:
            raise InputError(f"{missing}: is not there any more")
        Path(job.results).mkdir(parents=True, exist_ok=True)
        _end_line(self._queue.events(job.name))
        words = [*self._program(), *command(job.inputs, job.results, job.wishes)]
        kept: dict[str, Any] = {"pass_fds": [lock.fileno()]} if CAN_PAUSE else {}
        with (
            self._queue.events(job.name).open("ab") as out,
            self._queue.errors(job.name).open("wb") as err,
            self._queue.changed,
        ):
            if self._closing or self._queue.job(job.name).state != "waiting":
                return None  # somebody was faster
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=job.results, start_new_session=True, **kept
            )
            self._queue.change(job.name, lambda _: {"state": "running", "pid": process.pid, "error": ""})
        return process

    def _watch(self, name: str, process: subprocess.Popen[bytes] | None) -> None:
        """Until the command is over. ``process``: None for one that was started before this program."""
        patience = _PATIENCE
        while process.poll() is None if process is not None else self._is_held(name):
            with self._queue.changed:
                self._queue.changed.wait(_LOOK)
            self._queue.write_late()
            if self._closing or name in self._wanted:
                patience -= _LOOK
                if patience < 0:
                    _send(self._queue.job(name), "SIGKILL")
                    patience = _PATIENCE
        wanted = self._wanted.pop(name, None)
        outcome = self._outcome(name, None if process is None else process.returncode, wanted)
        self._queue.change(name, lambda _: {"pid": None, "error": "", **outcome})

    def _outcome(self, name: str, code: int | None, wanted: str | None) -> dict[str, Any]:
        """What a job is when its command is over. ``code``: its exit code; None where nobody could ask for it: it is run again
        then, which finds what is whole.
        """
        if code == 0:
            return {"state": "done"}
        if wanted is not None:
            return {"state": wanted}
        if code is None or self._closing:
            return {"state": "waiting"}
        if code < 0:
            return {"state": "failed", "error": _GONE}
        if self.told(name).failed:  # the page shows them, each with what to do
            return {"state": "failed"}
        return {"state": "failed", "error": _last_words(self._queue.errors(name)) or f"ended with code {code}"}

    def _lock(self, name: str) -> IO[bytes] | None:
        """The lock of a job; None where a command holds it. On Windows a child cannot hold one."""
        file = (self._queue.folder / f"{name}.lock").open("ab")
        if locks.taken(file):
            return file
        file.close()
        return None

    def _is_held(self, name: str) -> bool:
        lock = self._lock(name)
        if lock is None:
            return True
        lock.close()
        return False


def _constant(changes: dict[str, Any], _: QueuedJob) -> dict[str, Any]:
    return changes


def _send(job: QueuedJob, *names: str) -> None:
    """Send signals to a job's command and all that it has started; those that the system lacks are left out."""
    if job.pid is None:
        return
    for name in names:
        if (number := getattr(signal, name, None)) is None:
            continue
        with suppress(OSError):  # it has ended: Windows says so by an error of its own
            if hasattr(os, "killpg"):
                os.killpg(job.pid, number)
            else:
                os.kill(job.pid, number)


def _end_line(path: Path) -> None:
    """End a line that was torn when a command was killed, so that the next one begins by itself."""
    with suppress(FileNotFoundError), path.open("rb+") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")


def _last_words(path: Path) -> str:
    """What a command has said on standard error, as the command line shows it, without the name of the program."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return " ".join(line.removeprefix("upframe: ").strip() for line in lines[-4:])
