"""A network made faster on its device, in place: compiled, and on CUDA recorded once and replayed.

A graph is a recording of all that a function starts on the GPU. Replayed, it costs the processor one call instead of one a
layer, which is most of the time of a small network. It reads and writes the same memory every time: arguments are copied in,
and results are copied out before the next replay.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from upframe.errors import DeviceError
from upframe.remedies import either, leave_out
from upframe.runtime.compiling import compiler_errors
from upframe.runtime.device import out_of_memory

KEPT = 16  # recordings of one network: an image in tiles has nine sizes of them
WARM_UP = 2  # runs before a recording: libraries choose their algorithms and take their memory

Run = Callable[..., Tensor]
Replay = Callable[[], None]
Capture = Callable[[Callable[[], Tensor]], tuple[Tensor, Replay]]
"""Records a function: its result, which is at the same place for good, and what computes it again there."""


class HasGraphs(Protocol):
    """A network, as far as it is asked here."""

    def graphs(self) -> Iterable[nn.Module]:
        """The network itself; or its parts, where a call of it is a loop over frames."""


def accelerate(
    network: HasGraphs, device: torch.device, *, compiled: bool, graphs: bool, on_note: Callable[[str], None]
) -> None:
    """Let calls of the network run compiled, or replayed, or both, or plainly again, whatever was asked of it before.

    The network is changed itself: what calls its ``forward`` need not know. Its parameters must stay where they are in memory.
    One of parts is compiled part by part, and not recorded: what it remembers grows with the clip. ``on_note`` receives what
    could not be recorded; it then runs as without. Raises DeviceError for graphs on another device than CUDA; a machine that
    cannot compile shows when the network runs, by a DeviceError too.
    """
    if graphs and device.type != "cuda":
        raise DeviceError(
            f"{device}: graphs are recorded on CUDA alone", remedy=either(leave_out("graphs"), "use an NVIDIA GPU")
        )
    parts = tuple(network.graphs())
    for part in parts:
        vars(part).pop("forward", None)  # of an earlier call; that of the class is seen again
        if compiled:
            part.forward = _compiled(part.forward)
    if not graphs:
        return
    if len(parts) == 1:
        parts[0].forward = Replayed(parts[0].forward, CUDAGraphs(device), on_note)
    else:
        on_note(f"{type(network).__name__} runs without graphs: what it remembers grows with the clip")


def _compiled(run: Run) -> Run:
    compiled = torch.compile(run)

    def checked(*arguments: Any, **named: Any) -> Any:
        with compiler_errors(leave_out("compile")):
            return compiled(*arguments, **named)

    return checked


class CUDAGraphs:
    """Records on CUDA. Recordings share the memory for what is between their layers: they are replayed one at a time."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._last: weakref.ref[torch.cuda.CUDAGraph] | None = None

    def __call__(self, run: Callable[[], Tensor]) -> tuple[Tensor, Replay]:
        last = self._last() if self._last else None
        with torch.cuda.device(self._device):
            graph = torch.cuda.CUDAGraph()
            aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch has no types here
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):  # on a stream of its own, as the recording is; left again should that fail
                for _ in range(WARM_UP):
                    run()
                # Other threads may use the GPU meanwhile. The memory of a recording that is gone cannot be shared.
                pool = None if last is None else last.pool()
                with torch.cuda.graph(graph, pool=pool, stream=aside, capture_error_mode="thread_local"):
                    result = run()
            torch.cuda.current_stream().wait_stream(aside)
        self._last = weakref.ref(graph)
        return result, graph.replay


@dataclass(frozen=True, slots=True)
class _Recording:
    """A replay, the memory it reads its arguments from, and the memory it writes to."""

    arguments: tuple[Tensor, ...]
    result: Tensor
    replay: Replay


class Replayed:
    """A function of tensors that is recorded, for each size of its arguments, when that size comes the second time.

    What comes once is run as it is: recording takes as long as several runs. Results are the caller's: no replay writes to
    them. The sizes used last are kept. Where a recording fails, ``on_note`` hears of it, and all runs as it is from then on.
    """

    def __init__(self, run: Run, capture: Capture, on_note: Callable[[str], None]) -> None:
        self._run, self._capture, self._on_note = run, capture, on_note
        self._recordings: OrderedDict[Any, _Recording] = OrderedDict()
        self._seen: set[Any] = set()
        self._failed = False

    @torch.inference_mode()
    def __call__(self, *arguments: Tensor) -> Tensor:
        sizes = tuple((argument.shape, argument.dtype, argument.device) for argument in arguments)
        if sizes in self._seen and not self._failed and sizes not in self._recordings:
            self._record(sizes, arguments)
        self._seen.add(sizes)
        recording = self._recordings.get(sizes)
        if recording is None:
            return self._run_once(arguments)
        self._recordings.move_to_end(sizes)
        for place, argument in zip(recording.arguments, arguments, strict=True):
            place.copy_(argument)
        recording.replay()
        return recording.result.clone()

    def _run_once(self, arguments: tuple[Tensor, ...]) -> Tensor:
        try:
            return self._run(*arguments)
        except (RuntimeError, MemoryError) as error:
            if out_of_memory(error):  # the caller will try smaller ones, which need what the recordings keep
                self._recordings.clear()
            raise

    def _record(self, sizes: Any, arguments: tuple[Tensor, ...]) -> None:
        places = tuple(argument.clone() for argument in arguments)
        try:
            result, replay = self._capture(lambda: self._run(*places))
        except RuntimeError as error:
            self._failed = True
            self._recordings.clear()
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            self._on_note(f"the network could not be recorded as a graph and runs without ({reason[:160]})")
            return
        self._recordings[sizes] = _Recording(places, result, replay)
        if len(self._recordings) > KEPT:
            self._recordings.popitem(last=False)
