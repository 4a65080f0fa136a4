"""The step of a training, as Lightning wants it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import Any, cast

import lightning.pytorch as pl
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.strategies import ParallelStrategy
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

from upframe.errors import InputError, UpframeError
from upframe.models.network import Network
from upframe.training.checkpoints import RECIPE
from upframe.training.data.sets import Batch, Loader
from upframe.training.objectives.objective import Groups, Objective, OptimiserStep
from upframe.training.objectives.recipe import Recipe
from upframe.training.schedules import scheduler
from upframe.training.sections import Optimiser

_WARM = 10  # the average of the first few steps forgets faster: its decay is (n + 1) / (n + 1 + _WARM) at most


class TrainingBroke(UpframeError):
    """A loss or a gradient that is not a number; nothing was changed by it."""


def average_of(network: nn.Module, decay: float) -> AveragedModel:
    """The moving average of a network's parameters; buffers are the network's own."""

    def blend(averaged: list[Tensor], current: list[Tensor], count: Tensor) -> None:
        number = float(count) + 1
        torch._foreach_lerp_(averaged, current, 1 - min(decay, number / (number + _WARM)))

    average = AveragedModel(network, multi_avg_fn=cast(Callable[..., None], blend))
    average.requires_grad_(False)
    return average


class Training(pl.LightningModule):
    """An objective, its optimisers and the average of its network; ``step`` counts whole steps.

    Optimised by hand: a system may have several optimisers, and one of them may sit out a step.
    """

    def __init__(
        self,
        recipe: Recipe,
        objective: Objective,
        loader: Callable[[int, int], Loader],
        *,
        total: int,
        epoch: int,
        describe: Callable[[int], str],
    ) -> None:
        """``loader``: the batches of one of several processes; ``total`` steps; ``epoch``: how many are one."""
        super().__init__()
        self._loader = loader
        self.automatic_optimization = False
        self.recipe, self.objective, self.total, self.epoch_steps, self.describe = recipe, objective, total, epoch, describe
        self.average = None if recipe.ema is None else average_of(objective.network, recipe.ema)
        self.step = 0
        self.losses: dict[str, Tensor] = {}
        self.skipped: list[str] = []

    @property
    def best(self) -> Network:
        """The network to validate and to save: the average, where there is one."""
        return cast(Network, self.objective.network if self.average is None else self.average.module)  # modules both

    def train_dataloader(self) -> Loader:
        return self._loader(self.trainer.global_rank, self.trainer.world_size)

    def configure_optimizers(self) -> Any:
        groups = self.objective.groups()
        self.optimiser_names = list(groups)
        optimisers = [_optimiser(self.recipe.optimiser, groups[name]) for name in groups]
        steps = {"total": self.total, "epoch": self.epoch_steps}
        return optimisers, [scheduler(optimiser, self.recipe.schedule, **steps) for optimiser in optimisers]

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        if batch["damaged"]:
            raise InputError(f"{batch['damaged']}", remedy="to leave such files out, set data.skip_damaged=true")
        self.skipped = batch["skipped"]
        self.losses = {}
        optimisers = cast("list[LightningOptimizer]", self._as_list(self.optimizers()))
        parts = [self._turns(part) for part in _parts(batch, self.recipe.run.accumulate)]
        while (turn := next(parts[0], None)) is not None:
            optimiser = optimisers[self.optimiser_names.index(turn.optimiser)]
            self._turn(chain([turn], map(next, parts[1:])), optimiser, batch["samples"])
        for schedule in self._as_list(self.lr_schedulers()):
            cast(LambdaLR, schedule).step()
        if self.average is not None:
            self.average.update_parameters(self.objective.network)
        self.step += 1

    def _turns(self, part: Batch) -> Iterator[OptimiserStep]:
        yield from self.objective.turns(self.objective.prepare(part), self.step)

    def _turn(self, parts: Iterable[OptimiserStep], optimiser: LightningOptimizer, samples: list[int]) -> None:
        """One step of an optimiser. ``parts``: the same turn on each part of the batch, asked for one after the other."""
        optimiser.zero_grad()
        count = self.recipe.run.accumulate
        seen: dict[str, Tensor] = {}
        for number, turn in enumerate(parts, start=1):
            with nullcontext() if number == count else self._unshared():
                self.manual_backward(torch.stack(list(turn.terms.values())).sum() / count)
            for name, value in {**turn.terms, **turn.seen}.items():
                seen[name] = seen.get(name, 0) + value.detach() / count
        parameters = [p for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
        length = torch.nn.utils.get_total_norm([cast(Tensor, p.grad) for p in parameters])
        if not torch.isfinite(length):  # of all processes, as gradients are shared: all of them stop
            raise TrainingBroke(self._what_broke(turn, seen, samples), remedy="lower optimiser.rate or set clip_norm")
        if self.recipe.optimiser.clip_norm is not None:
            torch.nn.utils.clip_grads_with_norm_(parameters, self.recipe.optimiser.clip_norm, length)
        optimiser.step()
        self.losses |= seen | {f"gradient_{turn.optimiser}": length}

    def _unshared(self) -> AbstractContextManager[Any]:
        """Without sharing gradients with other processes: they are shared with those of the last part."""
        strategy = self.trainer.strategy
        return strategy.block_backward_sync() if isinstance(strategy, ParallelStrategy) else nullcontext()

    def _what_broke(self, turn: OptimiserStep, seen: dict[str, Tensor], samples: list[int]) -> str:
        values = {name: seen[name].item() for name in turn.terms}
        broken = next((name for name, value in values.items() if not math.isfinite(value)), None)
        what = f"a gradient of {turn.optimiser} is not a number" if broken is None else f"the {broken} loss is {values[broken]}"
        shown = "; ".join(dict.fromkeys(self.describe(sample) for sample in samples[:4]))
        return f"step {self.step}: {what}; nothing was changed by this step, which saw {shown}"

    @staticmethod
    def _as_list(one_or_more: Any) -> list[Any]:
        return list(one_or_more) if isinstance(one_or_more, list | tuple) else [one_or_more]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        random = {"cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            random["cuda"] = torch.cuda.get_rng_state()
        checkpoint |= {"step": self.step, "random": random, RECIPE: self.recipe.model_dump(mode="json")}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.step = int(checkpoint["step"])
        torch.set_rng_state(checkpoint["random"]["cpu"])
        if torch.cuda.is_available() and "cuda" in checkpoint["random"]:
            torch.cuda.set_rng_state(checkpoint["random"]["cuda"])


def _parts(batch: Batch, count: int) -> Iterator[Batch]:
    """A batch in equal parts, in its order."""
    tensors = {key: value.chunk(count) for key, value in batch.items() if isinstance(value, Tensor)}
    for number in range(count):
        yield {key: chunks[number] for key, chunks in tensors.items()}


def _optimiser(settings: Optimiser, groups: Groups) -> torch.optim.Optimizer:
    own = [{"params": group["params"], "lr": settings.rate * group.get("rate", 1.0)} for group in groups]
    kind = torch.optim.AdamW if settings.name == "adamw" else torch.optim.Adam
    return kind(own, lr=settings.rate, betas=settings.betas, weight_decay=settings.weight_decay)
