"""The learning rate of every step, as a function of the step alone."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from upframe.training.sections import Schedule

_START, _END = 1 / 25, 1e-4 / 25  # of one cycle, as torch's OneCycleLR has them


def factor(schedule: Schedule, step: int, *, total: int, epoch: int, rate: float) -> float:
    """What ``rate`` is multiplied by at ``step`` of ``total``; ``epoch``: steps that are one epoch."""
    if schedule.kind == "steps":
        unit = epoch if schedule.unit == "epochs" else 1
        return schedule.factor ** sum(step >= at * unit for at in schedule.at)
    done = min(step / max(total, 1), 1.0)
    if schedule.kind == "cosine":
        last = schedule.last / rate
        return last + (1 - last) * (1 + math.cos(math.pi * done)) / 2
    if schedule.kind == "one_cycle":
        top = max(schedule.rise * total - 1, 1e-9)  # as torch counts: the first step is 0, and the last one is at the end
        if step <= top:
            return _between(_START, 1.0, step / top)
        return _between(1.0, _END, min((step - top) / max(total - 1 - top, 1e-9), 1.0))
    return 1.0


def _between(first: float, last: float, done: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * done)) / 2


def scheduler(optimiser: Optimizer, schedule: Schedule, *, total: int, epoch: int) -> LambdaLR:
    """The schedule of all groups of an optimiser, each from its own rate; to be stepped once a step."""

    def of(rate: float) -> Callable[[int], float]:
        return lambda step: factor(schedule, step, total=total, epoch=epoch, rate=rate)

    return LambdaLR(optimiser, [of(float(group["lr"])) for group in optimiser.param_groups])
