"""The convolutions of a network, each run by itself: what is left of its time is everything else."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from _timing import in_turn
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

Shape = tuple[int, ...]
Call = tuple[Shape, Shape, Any]  # of the map, of the kernel, and stride, padding, dilation, transposed, ...


class _Calls(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the convolutions of each shape."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counted: Counter[Call] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is torch.ops.aten.convolution.default:
            settings = tuple(tuple(x) if isinstance(x, list) else x for x in args[3:])
            self.counted[tuple(args[0].shape), tuple(args[1].shape), settings] += 1
        if function is torch.ops.aten.equal.default:
            return False  # values that no one has; TTVSR asks whether a clip is mirrored
        return function(*args, **(kwargs or {}))


@torch.no_grad()
def own_convolutions_ms(
    network: nn.Module, inputs: Sequence[Tensor], device: torch.device, layout: torch.memory_format
) -> float:
    """Milliseconds of all convolutions of a forward pass, in a layout, as they stand in the network's plain form."""
    twin, calls = copy.deepcopy(network).to("meta"), _Calls()
    with calls:
        twin(*(x.to("meta") for x in inputs))
    total = 0.0
    for (image, kernel, settings), number in calls.counted.items():
        given = [torch.rand(shape, device=device).contiguous(memory_format=layout) for shape in (image, kernel)]
        bias = torch.zeros(kernel[1] if settings[3] else kernel[0], device=device)

        def run(given: list[Tensor] = given, bias: Tensor = bias, settings: Any = settings) -> Tensor:
            return torch.convolution(*given, bias, *settings)

        runs: dict[str, Callable[[], object]] = {"": run}
        total += number * min(wall for wall, _ in in_turn(runs, rounds=3)[""])
    return 1e3 * total
