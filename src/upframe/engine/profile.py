"""What a network costs: parameters, multiply-adds, memory, time, and how far it looks.

What is counted is counted on torch's ``meta`` device, where tensors have a shape and no values: it takes a second and no
memory but that of the inputs. Only time, peak memory and an unstated receptive field need the network to run.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from upframe.errors import CheckpointError, DeviceError, ShapeError
from upframe.models import families
from upframe.models.catalog import Model
from upframe.models.network import Network
from upframe.remedies import Option, either, way
from upframe.runtime.device import choose_device, device_name, memory_format, out_of_memory
from upframe.runtime.precision import Precision, choose_dtype
from upframe.runtime.rates import measure_rates, wait

WARM_UP = 2  # runs that are not timed
PROBE_SIDE = 64  # of the images an unstated receptive field is looked for in


@dataclass(frozen=True, slots=True)
class Profile:
    """The costs of one frame of ``width`` x ``height`` pixels, before upscaling.

    A network that takes a clip of ``frames`` frames is run on all of them, and multiply-adds and times are divided by their
    number; memory is not.

    * ``parameters``: numbers that training changes.
    * ``multiply_adds``: by torch's counter (convolutions, matrix products, attention), half its operations.
    * ``convolution_multiply_adds``: of convolutions alone, as papers count, without those of fixed kernels (buffers); a
      transposed convolution on the size of its input, which is what it costs. ``convolution_multiply_adds_on_output``: the
      same with transposed convolutions on the size of their output, which some papers state (TecoGAN's 142 GFLOP).
    * ``activation_bytes``: the most that the tensors made by the forward pass hold at once after any of its operations, each
      storage counted once, in inference and in the precision asked for; without parameters, inputs, and what an operation
      needs inside itself.
    * ``peak_bytes``: the most that was really held while it ran. On CUDA by tensors, parameters and inputs included; on a CPU
      by the whole program since its start, torch included. None where the system does not tell.
    * ``convolution_bytes``: what convolutions read and write, maps and kernels, each map once: the traffic of a network that
      is run layer by layer, where its maps are larger than caches.
    * ``median_seconds`` and its two quartiles: of ``repeats`` runs after two that were not timed, each waited for.
    * ``convolution_rate``, ``matrix_rate`` (multiply-adds a second), ``bandwidth`` (bytes a second): what this machine can,
      measured beside (:mod:`upframe.runtime.rates`). ``limit_seconds``: the least time for these multiply-adds and bytes at
      those rates, one overlapping the other. ``share_of_limit``: that over the median; 1 cannot be beaten layer by layer.
    * ``receptive_field``: the side, in input pixels, of the square an output pixel depends on. ``stated``: at most this, by
      the network's construction. ``measured``: by changing one pixel of a random image. ``unbounded``: None, for the change
      reached the border of an image of 64x64.
    """

    model: str
    family: str
    scale: int
    device: str
    precision: str
    threads: int
    width: int
    height: int
    frames: int
    parameters: int
    multiply_adds: int
    convolution_multiply_adds: int
    convolution_multiply_adds_on_output: int
    activation_bytes: int
    peak_bytes: int | None
    repeats: int
    median_seconds: float
    lower_quartile_seconds: float
    upper_quartile_seconds: float
    convolution_bytes: int
    convolution_rate: float
    matrix_rate: float
    bandwidth: float
    limit_seconds: float
    share_of_limit: float
    receptive_field: int | None
    receptive_field_is: Literal["stated", "measured", "unbounded"]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as ``--json`` prints them."""
        return asdict(self)


def published_names() -> list[str]:
    """The published configurations of all networks."""
    return list(_published())


def _published() -> dict[str, Callable[[], Network]]:
    return {name: make for family in families.FAMILIES for name, make in family.published.items()}


def published(name: str) -> Model:
    """A published configuration with random weights, always the same ones. Raises CheckpointError for an unknown name."""
    makers = _published()
    if name not in makers:
        raise CheckpointError(f"{name}: no published configuration has this name. There are: {', '.join(makers)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = makers[name]().eval().requires_grad_(False)
    return Model(network, network.info)


def profile(
    model: Model,
    height: int,
    width: int,
    *,
    device: str = "auto",
    precision: Precision = "auto",
    threads: int | None = None,
    repeats: int = 10,
) -> Profile:
    """Measure a network on a frame (or a clip of frames) of this size; see :class:`Profile` for what each number is.

    ``threads`` is for the whole program and stays set. Raises ShapeError for a size the network cannot take, and DeviceError
    for a device that is not there or has too little memory.
    """
    place = choose_device(device)
    dtype = choose_dtype(precision, place, model.info.half)
    if threads is not None:
        torch.set_num_threads(threads)
    _check_size(model, height, width)
    cost = count(model.network, height, width, dtype)
    field = receptive_field(model)
    times, peak = _run(model.network, _inputs(model.network, height, width, dtype), place, dtype, repeats)
    rates = measure_rates(place, dtype)
    limit = rates.limit_seconds(cost.convolutions, cost.convolution_bytes) / cost.frames
    lower, median, upper = (torch.tensor(times, dtype=torch.float64) / cost.frames).quantile(_QUARTILES).tolist()
    return Profile(
        model=model.info.name,
        family=model.info.family,
        scale=model.info.scale,
        device=device_name(place),
        precision=str(dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
        width=width,
        height=height,
        frames=cost.frames,
        parameters=sum(p.numel() for p in model.network.parameters()),
        multiply_adds=cost.multiply_adds // cost.frames,
        convolution_multiply_adds=cost.convolutions // cost.frames,
        convolution_multiply_adds_on_output=cost.convolutions_on_output // cost.frames,
        activation_bytes=cost.activation_bytes,
        peak_bytes=peak,
        repeats=repeats,
        median_seconds=median,
        lower_quartile_seconds=lower,
        upper_quartile_seconds=upper,
        convolution_bytes=cost.convolution_bytes // cost.frames,
        convolution_rate=rates.convolution,
        matrix_rate=rates.matrix,
        bandwidth=rates.bandwidth,
        limit_seconds=limit,
        share_of_limit=limit / median,
        receptive_field=field,
        receptive_field_is="unbounded" if field is None else "measured" if model.info.radius is None else "stated",
    )


_QUARTILES = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)


def _check_size(model: Model, height: int, width: int) -> None:
    multiple = model.info.multiple
    if height % multiple or width % multiple:
        near = "x".join(str(math.ceil(side / multiple) * multiple) for side in (width, height))
        raise ShapeError(f"{model.info.name}: {width}x{height} is no multiple of {multiple} in both directions. Try {near}")


def _inputs(network: Network, height: int, width: int, dtype: torch.dtype) -> list[Tensor]:
    """The network's example inputs for this size, in this precision."""
    return [x.to(dtype) if x.is_floating_point() else x for x in network.example_inputs(height, width)]


# --- counting


@dataclass(frozen=True, slots=True)
class Cost:
    """What one forward pass over ``frames`` frames costs; see :class:`Profile`."""

    frames: int
    multiply_adds: int
    convolutions: int
    convolutions_on_output: int
    convolution_bytes: int
    activation_bytes: int


@torch.no_grad()
def count(network: Network, height: int, width: int, dtype: torch.dtype = torch.float32) -> Cost:
    """Count one forward pass without running it."""
    inputs = [x.to("meta") for x in _inputs(network, height, width, dtype)]
    twin = copy.deepcopy(network).to("meta", dtype)
    meter = _Meter(twin, inputs)
    with meter:
        output = _first(twin(*inputs))
    with FlopCounterMode(display=False) as counter:
        twin(*inputs)
    return Cost(
        frames=output.shape[1] if output.ndim == 5 else 1,
        multiply_adds=counter.get_total_flops() // 2,
        convolutions=meter.convolutions,
        convolutions_on_output=meter.convolutions_on_output,
        convolution_bytes=meter.convolution_bytes,
        activation_bytes=meter.peak,
    )


class _Meter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation: adds up the convolutions, and remembers the storages that are alive after each."""

    def __init__(self, network: Network, inputs: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.fixed = {_storage(buffer) for buffer in network.buffers()}
        self.given = self.fixed | {_storage(x) for x in (*network.parameters(), *inputs)}
        self.convolutions = self.convolutions_on_output = self.convolution_bytes = self.peak = 0
        self.alive: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        if function is torch.ops.aten.convolution.default and _storage(args[1]) not in self.fixed:
            self._add_convolution(args, result)
        self._look_at(result)
        return result

    def _add_convolution(self, args: tuple[Any, ...], output: Tensor) -> None:
        x, kernel, transposed = args[0], args[1], args[6]
        each = kernel[0].numel()  # multiply-adds for each value of the output; of the input where it is transposed
        self.convolutions += (x if transposed else output).numel() * each
        self.convolution_bytes += sum(tensor.numel() * tensor.element_size() for tensor in (x, kernel, output))
        self.convolutions_on_output += output.numel() * (kernel.numel() // output.shape[1] if transposed else each)

    def _look_at(self, result: Any) -> None:
        self.alive = {
            key: (storage, size)
            for key, (storage, size) in self.alive.items()
            if not storage.expired()  # type: ignore[no-untyped-call]
        }
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and _storage(tensor) not in self.given:
                storage = tensor.untyped_storage()
                reference = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
                self.alive[_storage(tensor)] = (reference, storage.nbytes())
        self.peak = max(self.peak, sum(size for _, size in self.alive.values()))


def _storage(tensor: Tensor) -> int:
    """What tells a tensor's storage from all others that are alive."""
    return int(tensor.untyped_storage()._cdata)


def _first(output: Any) -> Tensor:
    """The upscaled frame or clip among what a network returns."""
    tensor = tree_leaves(output)[0]
    assert isinstance(tensor, Tensor)
    return tensor


# --- running


@torch.inference_mode()
def _run(
    network: Network, inputs: Sequence[Tensor], device: torch.device, dtype: torch.dtype, repeats: int
) -> tuple[list[float], int | None]:
    """The seconds of each run, and the most memory held."""
    try:
        network = copy.deepcopy(network).to(device, dtype).to(memory_format=memory_format(device))
        placed = [x.to(device, memory_format=memory_format(device) if x.ndim == 4 else torch.preserve_format) for x in inputs]
        for _ in range(WARM_UP):
            network(*placed)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        times = []
        for _ in range(repeats):
            wait(device)
            started = time.perf_counter()
            network(*placed)
            wait(device)
            times.append(time.perf_counter() - started)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        remedy = either(way("give a smaller ", Option("size")), way("set ", Option("precision", "fp16")))
        raise DeviceError(f"{device}: too little memory for this size", remedy=remedy) from error
    return times, _peak_bytes(device)


def _peak_bytes(device: torch.device) -> int | None:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")  # Linux. What getrusage() tells may be the peak of the program that started this one
    if device.type != "cpu" or not status.is_file():
        return None
    line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


# --- looking


@torch.no_grad()
def receptive_field(model: Model) -> int | None:
    """The side of the square of input pixels an output pixel depends on, stated or else measured; None: unbounded.

    Measured by what changes when the middle pixel of every input changes: as far as a pixel is seen, so far pixels see.
    """
    if model.info.radius is not None:
        return 2 * model.info.radius + 1
    side = math.ceil(PROBE_SIDE / model.info.multiple) * model.info.multiple
    inputs = _inputs(model.network, side, side, torch.float32)
    network = copy.deepcopy(model.network).to("cpu", torch.float32)
    changed = _first(network(*inputs)) != _first(network(*(_with_other_middle(x, side) for x in inputs)))
    places = changed.flatten(0, -3).any(0).nonzero() // model.info.scale  # input pixels that fall on what changed
    if not len(places):
        return 1
    first, last = int(places.min()), int(places.max())
    if first == 0 or last == side - 1:
        return None
    return 2 * max(side // 2 - first, last - side // 2) + 1


def _with_other_middle(x: Tensor, side: int) -> Tensor:
    """A copy in which the middle pixel, or the block of pixels it is upscaled to, is another."""
    size = x.shape[-1] // side
    middle = slice(side // 2 * size, (side // 2 + 1) * size)
    other = x.clone()
    other[..., middle, middle] = 1 - other[..., middle, middle]
    return other
