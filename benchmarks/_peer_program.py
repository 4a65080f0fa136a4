"""A public package in a program of its own (_peer.py), for frames of one size."""

from __future__ import annotations

import math
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class PeerProgram:
    """Runs ``package`` by ``python``, for frames of ``size`` (height, width), on a Vulkan device, or -1 for the processor.

    ``name``: what the package says it is. Raises RuntimeError, with the last thing it said, where the program ends before its
    model is loaded, and OSError where there is no such Python.
    """

    def __init__(self, python: str, package: str, scale: int, size: tuple[int, ...], device: int = -1) -> None:
        self.size, self.scale = size, scale
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - the program writes to it as long as it runs
        script = Path(__file__).with_name("_peer.py")
        command = [python, str(script), package, *map(str, (scale, *size, device))]
        self._program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._words)
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._sent, self._received = self._program.stdin, self._program.stdout
        self.name = self._received.readline().decode().strip()
        if not self.name:
            self._program.wait()
            raise RuntimeError(self._last_words())

    def upscale(self, pixels: NDArray[np.uint8]) -> Any:
        """(h, w, 3) -> (scale*h, scale*w, 3), uint8. Raises RuntimeError where the program has ended."""
        height, width = self.size
        shape = (height * self.scale, width * self.scale, 3)
        try:
            self._sent.write(np.ascontiguousarray(pixels).tobytes())
            self._sent.flush()
        except BrokenPipeError as error:
            raise RuntimeError(self._last_words()) from error
        received = bytearray(self._received.read(math.prod(shape)))
        if len(received) != math.prod(shape):
            raise RuntimeError(self._last_words())
        return np.frombuffer(received, np.uint8).reshape(shape)

    def close(self) -> None:
        self._sent.close()
        self._program.wait()
        self._received.close()
        self._words.close()

    def _last_words(self) -> str:
        self._words.seek(0)
        return (self._words.read().decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
