"""A process that has imported what the commands import, and is forked for each of them.

Most of a short command's time goes into importing PyTorch. Here that is done once; each command still is a process of its own,
with its own working directory, standard streams and exit code. Run as a script: a JSON object a line on standard input, with
``arguments``, ``cwd``, ``environment``, ``out`` and ``err``; an exit code a line on standard output.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import sys
from typing import Any

from upframe.offline import go_offline

IMPORTED = ("torch", "av", "PIL.Image", "cv2", "lightning.pytorch", "upframe.engine", "upframe.evaluation", "upframe.training")


def request() -> dict[str, Any] | None:
    """In the child: the command to run. In the parent: None, when there are no more."""
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            wanted: dict[str, Any] = json.loads(line)
            return wanted
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()
    return None


def enter(wanted: dict[str, Any]) -> None:
    """Take on the command's folder, environment, streams and arguments."""
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    go_offline()  # as the command does when it is started by itself
    new = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for stream, path, flags in ((0, os.devnull, os.O_RDONLY), (1, wanted["out"], new), (2, wanted["err"], new)):
        os.dup2(os.open(path, flags), stream)
    sys.argv = ["upframe", *wanted["arguments"]]


if __name__ == "__main__":
    for module in IMPORTED:
        with contextlib.suppress(ImportError):  # of an extra that is not installed
            importlib.import_module(module)
    if command := request():
        enter(command)
        runpy.run_module("upframe", run_name="__main__", alter_sys=True)
