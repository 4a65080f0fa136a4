"""A process that has imported what the commands import, and is forked for each of them.

Most of a short command's time goes into importing PyTorch, and into freeing it at the end. Here the first is done once and the
second left out; each command still is a process of its own, with its own working directory, standard streams and exit code.
Run as a script: a JSON object a line on standard input, with ``arguments``, ``cwd``, ``environment``, ``out`` and ``err``; an
exit code a line on standard output. With ``free`` everything is freed at the end as well. With ``background`` the answer is
the number of the process, at the head of a group of its own; ``{"ended": number}`` asks for its exit code, null before its end.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import sys
import threading
from typing import Any, NoReturn

import upframe
from upframe.offline import go_offline

PACKAGES = ("torch", "av", "PIL.Image", "PIL.PngImagePlugin", "cv2", "lightning.pytorch")
OUTSIDE = ("upframe.__main__", "upframe.renderers.blender.inside")  # they run as soon as they are imported
OURS = [module.name for module in pkgutil.walk_packages(upframe.__path__, "upframe.") if not module.name.startswith(OUTSIDE)]


def request() -> dict[str, Any] | None:
    """In the child: the command to run. In the parent: None, when there are no more."""
    for line in sys.stdin:
        wanted: dict[str, Any] = json.loads(line)
        if "ended" in wanted:
            answer(exit_code(wanted["ended"], os.WNOHANG))
            continue
        if (child := os.fork()) == 0:
            return wanted
        answer(child if "background" in wanted else exit_code(child))
    return None


def answer(number: int | None) -> None:
    sys.stdout.write(f"{json.dumps(number)}\n")
    sys.stdout.flush()


def exit_code(child: int, options: int = 0) -> int | None:
    """Of a child that has ended; None while it goes on, where it is not to be waited for."""
    ended, status = os.waitpid(child, options)
    return os.waitstatus_to_exitcode(status) if ended else None


def enter(wanted: dict[str, Any]) -> None:
    """Take on the command's folder, environment, streams and arguments."""
    if "background" in wanted:
        os.setsid()
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    go_offline()  # as the command does when it is started by itself
    new = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for stream, path, flags in ((0, os.devnull, os.O_RDONLY), (1, wanted["out"], new), (2, wanted["err"], new)):
        os.dup2(os.open(path, flags), stream)
    sys.argv = ["upframe", *wanted["arguments"]]


def end(code: int) -> NoReturn:
    """End as the interpreter does, with threads waited for and exit functions called, but without freeing every object."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def run() -> int:
    """Run the command in ``sys.argv``; the exit code."""
    try:
        runpy.run_module("upframe", run_name="__main__", alter_sys=True)
    except SystemExit as exiting:
        return exiting.code if isinstance(exiting.code, int) else int(exiting.code is not None)
    return 0


if __name__ == "__main__":
    gc.disable()
    for module in (*PACKAGES, *OURS):
        with contextlib.suppress(ImportError):  # of an extra that is not installed
            importlib.import_module(module)
    gc.freeze()  # what is imported stays: no command looks for garbage in it
    gc.enable()
    if command := request():
        enter(command)
        code = run()
        if command.get("free"):
            sys.exit(code)
        end(code)
