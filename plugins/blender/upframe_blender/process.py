"""The two commands: a clip rendered with all that the networks need, and large images made of it. Knows nothing of Blender."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

MODELS = ("nsrr-x2", "rt4ksr-x2")
VARIABLE = "UPFRAME_COMMAND"
"""Environment variable: the `upframe` program, where it is not on the path."""


class Refusal(Exception):
    """What cannot be done, in one line."""


def find_upframe(named: str = "") -> str:
    """The `upframe` program: the one that is named, that of ``UPFRAME_COMMAND``, or the one on the path. Raises Refusal."""
    asked = named or os.environ.get(VARIABLE, "")
    found = shutil.which(Path(asked or "upframe").expanduser())
    if found is None:
        raise Refusal(
            f"{asked}: no such program"
            if asked
            else f"upframe was not found: pip install 'upframe[render]', then name it in the preferences or by {VARIABLE}"
        )
    return found


def render_command(upframe: str, file: Path, clip: Path, size: tuple[int, int], frames: int, samples: int) -> list[str]:
    """Of a copy of the file, at ``size`` (width, height). ``samples``: in each pixel, of which Blender takes a quarter."""
    width, height = size
    choices = ["--size", f"{width}x{height}", "--scale", "0", "--frames", str(frames), "--samples", str(4 * samples)]
    return [upframe, "render", str(file), str(clip), "--maker", "blender", *choices, "--json"]


def supersample_command(upframe: str, clip: Path, out: Path, model: str, first: int) -> list[str]:
    """Of a clip, to images numbered from ``first``."""
    return [upframe, "supersample", str(clip), str(out), "--model", model, "--first", str(first), "--overwrite", "--json"]


class Work:
    """A command that runs, and how far it says it is."""

    def __init__(self, command: Sequence[str], blender: str) -> None:
        """``blender``: the program that renders. Raises Refusal where the command cannot be run."""
        self.done, self.frames = 0, 1
        self.notes: list[str] = []
        self._words: list[str] = []
        try:
            self._process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=os.environ | {"UPFRAME_BLENDER": blender},
                start_new_session=os.name != "nt",
            )
        except OSError as error:
            raise Refusal(f"{command[0]}: cannot be run: {error.strerror or error}") from error
        self._listener = Thread(target=self._listen, daemon=True)
        self._listener.start()

    def ended(self) -> bool:
        """Whether it has ended, without waiting for it. Raises Refusal with the command's own words where it failed."""
        if self._process.poll() is None:
            return False
        self._listener.join()
        if code := self._process.returncode:
            raise Refusal(" ".join(self._words[-2:]).removeprefix("upframe: ") or f"upframe ended with exit code {code}")
        return True

    def wait(self) -> None:
        """Until it has ended. Raises Refusal."""
        self._process.wait()
        self.ended()

    def cancel(self) -> None:
        """End it, and the Blender that it has started, as Ctrl-C does."""
        if self._process.poll() is None:
            if sys.platform == "win32":
                self._process.terminate()
            else:
                os.killpg(self._process.pid, signal.SIGINT)
            self._process.wait()
            self._listener.join()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                if not line.startswith(b"{"):
                    self._words += [line.decode(errors="replace").strip()] if line.strip() else []
                    continue
                event = json.loads(line)
                self.frames = event.get("frames") or self.frames
                self.done = event.get("done") or self.done
                if event["event"] == "note":
                    self.notes.append(event["text"])
