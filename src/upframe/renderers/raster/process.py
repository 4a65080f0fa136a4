"""The rasteriser in a process of its own: it renders the next frames while this one does something else with the last.

In one process they would wait for each other: OpenGL is called with Python's lock held, and a frame takes one long call.
Frames come back through shared memory.
"""

from __future__ import annotations

import ctypes
import math
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from upframe.errors import DeviceError, UpframeError
from upframe.rendered.frame import RenderedFrame
from upframe.renderers.raster.rasteriser import Rasteriser
from upframe.renderers.scene import Scene

AHEAD = 2  # frames that can be asked for before the first is taken: one that is ready, one that is being rendered
BUFFERS = (
    *(("depth", (), np.float32), ("motion", (2,), np.float32), ("colour", (3,), np.float16), ("normal", (3,), np.float16)),
    *(("albedo", (3,), np.float16), ("roughness", (), np.float16), ("metallic", (), np.float16)),
)
Slot = dict[str, NDArray[Any]]


class FrameRequest(NamedTuple):
    """A frame to be rendered, as :meth:`Rasteriser.render` takes it. The first frame of a shot is shaded in any case."""

    number: int
    jitter: tuple[float, float] = (0.0, 0.0)
    texture_bias: float = 0.0
    shaded: bool = True


class Rendered(NamedTuple):
    """A frame and, where one is made, its target. ``times``: of each, when it was started and done by ``time.perf_counter``."""

    number: int
    frame: RenderedFrame
    target: NDArray[np.float32] | None
    times: dict[str, tuple[float, float]]


class _Format(NamedTuple):
    """What the frames are like; the same on both sides."""

    size: tuple[int, int]
    target_size: tuple[int, int] | None
    samples: int

    def bytes_of_slot(self) -> int:
        return sum(math.prod(shape) * np.dtype(kind).itemsize for _, shape, kind in self._arrays())

    def slots(self, memory: Any) -> list[Slot]:
        """The arrays of every slot, over the shared memory."""
        slots, begin = [], 0
        for _ in range(AHEAD):
            slot: Slot = {}
            for name, shape, kind in self._arrays():
                slot[name] = np.frombuffer(memory, kind, math.prod(shape), begin).reshape(shape)
                begin += slot[name].nbytes
            slots.append(slot)
        return slots

    def _arrays(self) -> list[tuple[str, tuple[int, ...], Any]]:
        arrays: list[tuple[str, tuple[int, ...], Any]] = [(name, (*self.size, *more), kind) for name, more, kind in BUFFERS]
        if self.target_size is not None:
            arrays.insert(0, ("target", (*self.target_size, 3), np.float32))
        return arrays


class RasteriserProcess:
    """Renders one scene elsewhere: :meth:`ask` for frames, up to ``AHEAD`` of them, and :meth:`take` them in that order.

    make_scene: called in the process, and so has to be something that can be pickled: ``functools.partial(generate, ...)``.
    size: (height, width) of the frames. target_size: of the image a network should make; None makes none. As with all that
    starts processes, a script that uses it begins under ``if __name__ == "__main__"``.

    What goes wrong there, with the scene or with OpenGL, is raised by :meth:`start` and :meth:`take`.
    """

    def __init__(
        self,
        make_scene: Callable[[], Scene],
        size: tuple[int, int],
        *,
        fps: float,
        target_size: tuple[int, int] | None = None,
        samples: int = 1,
    ) -> None:
        form = _Format(size, target_size, samples)
        context = multiprocessing.get_context("spawn")  # a graphics driver does not survive a fork
        memory = context.RawArray(ctypes.c_uint8, max(AHEAD * form.bytes_of_slot(), 1))
        self._slots = form.slots(memory)
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, memory, form, make_scene, fps), name="upframe-render", daemon=True
        )
        self._process.start()
        theirs.close()
        self._taken = 0
        self.device = self.scene = ""

    def start(self) -> None:
        """Wait until the scene is made. ``device`` and ``scene``, the names of both, are known from then on."""
        self.device, self.scene = self._receive()

    def ask(self, wanted: FrameRequest) -> None:
        with suppress(OSError):  # it has ended: take() says why
            self._connection.send(wanted)

    def take(self) -> Rendered:
        """The next of the frames that were asked for, when it is there."""
        number, settings, shaded, times = self._receive()
        slot = {name: values.copy() for name, values in self._slots[self._taken % AHEAD].items()}
        self._taken += 1
        target = slot.pop("target", None)
        if not shaded:
            del slot["colour"]
        return Rendered(number, RenderedFrame(**{"colour": None} | slot | settings), target, times)

    def _receive(self) -> Any:
        try:
            failed, content = self._connection.recv()
        except (EOFError, OSError) as closed:
            self._process.join()
            raise DeviceError(f"rendering ended without a message (exit code {self._process.exitcode})") from closed
        if failed:
            kind, arguments, carried = content
            error: UpframeError = kind.__new__(kind, *arguments)
            error.__dict__.update(carried)  # its remedy
            raise error
        return content

    def __enter__(self) -> RasteriserProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._connection.close()  # at which it ends, once the frame it is at is done
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(connection: Connection, memory: Any, form: _Format, make_scene: Callable[[], Scene], fps: float) -> None:
    """The process: renders what it is asked for until the other side has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asks for frames hears of Ctrl-C, and then ends this
    if hasattr(os, "nice"):
        os.nice(10)  # a network's threads wait for each other: one that is set aside for this would stop them all
    with suppress(EOFError, OSError):  # the other side has gone
        try:
            scene = make_scene()
            slots = form.slots(memory)
            with Rasteriser(scene, fps=fps) as rasteriser:
                connection.send((False, (rasteriser.device, f"{scene.name} {scene.seed}")))
                count = 0
                while True:
                    wanted = connection.recv()
                    connection.send((False, _render(rasteriser, wanted, form, slots[count % AHEAD])))
                    count += 1
        except UpframeError as error:
            connection.send((True, (type(error), error.args, error.__dict__)))
        except (EOFError, OSError):
            raise
        except Exception:  # noqa: BLE001 - shown where the frames are taken
            connection.send((True, (RuntimeError, (traceback.format_exc(),), {})))


def _render(rasteriser: Rasteriser, wanted: FrameRequest, form: _Format, slot: Slot) -> tuple[Any, ...]:
    """A frame, written to its slot; what else there is to say of it."""
    number, times = wanted.number, dict[str, tuple[float, float]]()
    shaded = wanted.shaded or rasteriser.is_cut(number)
    started = time.perf_counter()
    frame = rasteriser.render(number, form.size, jitter=wanted.jitter, texture_bias=wanted.texture_bias, shaded=shaded)
    for name, values in frame.buffers().items():
        slot[name][...] = values
    times["render"] = started, time.perf_counter()
    if form.target_size is not None:
        started = time.perf_counter()
        slot["target"][...] = rasteriser.target(number, form.target_size, samples=form.samples)
        times["reference"] = started, time.perf_counter()
    return number, {"exposure": frame.exposure, "jitter": frame.jitter, "cut": frame.cut}, shaded, times
