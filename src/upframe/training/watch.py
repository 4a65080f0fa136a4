"""What is done between steps: counting, logging, validating, saving, and stopping when the user wishes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from upframe.runtime.device import device_name
from upframe.training.best import is_best
from upframe.training.checkpoints import LAST
from upframe.training.events import Report, Saved, Stepped, TrainingNote, TrainingStarted, Validated
from upframe.training.logs import Table
from upframe.training.module import Training
from upframe.training.stopping import Stop
from upframe.training.systems import save_weights
from upframe.training.validation import Validator


class TrainingCallback(pl.Callback):
    """Runs after every step. All but saving and stopping is the first process's alone.

    ``interrupted``: whether a signal stopped the training before its end.
    """

    def __init__(self, output: Path, report: Report, validator: Validator | None, stop: Stop) -> None:
        self.output, self.report, self.validator, self.stop = output, report, validator, stop
        self.interrupted = False
        self._sums: dict[str, torch.Tensor] = {}
        self._counts: dict[str, int] = {}
        self._steps, self._waited, self._worked, self._mark = 0, 0.0, 0.0, 0.0
        self._skipped: set[str] = set()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Training)
        step = pl_module.step
        if trainer.is_global_zero:
            self._losses = Table(self.output / "losses.csv", after=step)
            self._scores = Table(self.output / "validation.csv", after=step)
            self._times = Table(self.output / "timing.csv", after=step)
            self.report(self._started(pl_module))
        self.stop.watch(lambda: self.report(TrainingNote("ends after the step it is at; Ctrl-C again quits at once, unsaved")))
        self._mark = time.perf_counter()

    def _started(self, training: Training) -> TrainingStarted:
        network, device = training.objective.network, training.device
        return TrainingStarted(
            recipe=training.recipe.name,
            output=str(self.output),
            step=training.step,
            total=training.total,
            parameters=sum(p.numel() for p in network.parameters()),
            device=device_name(device),
            processes=training.trainer.world_size,
            epoch=training.epoch_steps,
        )

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        now = time.perf_counter()
        self._waited += now - self._mark
        self._mark = now

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        assert isinstance(pl_module, Training)
        self._count(pl_module)
        run, step = pl_module.recipe.run, pl_module.step
        last = step >= pl_module.total
        stop = trainer.strategy.reduce_boolean_decision(self.stop.asked or self.stop.late, all=False) and not last
        if step % run.log_every == 0 or last or stop:
            self._log(trainer, pl_module)
        if self.validator is not None and (step % self.validator.settings.every == 0 or last):
            self._validate(trainer, pl_module, self.validator)
        if step % run.save_every == 0 or last or stop:
            self._save(trainer, step, self.output / LAST)
        if run.keep_every is not None and step % run.keep_every == 0:
            self._save(trainer, step, self.output / f"{step:08d}.ckpt")
        if stop:
            trainer.should_stop = True
            self.interrupted = trainer.strategy.reduce_boolean_decision(self.stop.asked, all=False)
            if not self.interrupted:
                self.report(TrainingNote(f"run.minutes={run.minutes:g} are over; what was learnt is saved and can be resumed"))
        self._mark = time.perf_counter()

    def _count(self, training: Training) -> None:
        self._worked += time.perf_counter() - self._mark
        self._steps += 1
        for name, value in training.losses.items():
            self._sums[name] = self._sums.get(name, torch.zeros_like(value)) + value
            self._counts[name] = self._counts.get(name, 0) + 1
        for text in training.skipped:
            if text not in self._skipped:
                self._skipped.add(text)
                self.report(TrainingNote(f"left out: {text}"))

    def _log(self, trainer: pl.Trainer, training: Training) -> None:
        """Means of the steps since the last line."""
        losses = {name: float(value) / self._counts[name] for name, value in self._sums.items()}
        seconds, waited = self._waited + self._worked, self._waited
        steps, self._steps, self._waited, self._worked = self._steps, 0, 0.0, 0.0
        self._sums, self._counts = {}, {}
        if not trainer.is_global_zero:
            return
        rate = float(trainer.optimizers[0].param_groups[0]["lr"])
        share = waited / max(seconds, 1e-9)
        self._losses.add(training.step, {**losses, "rate": rate})
        timing = {"seconds_a_step": seconds / steps, "data_share": share}
        self._times.add(training.step, timing)
        for logger in trainer.loggers:
            logger.log_metrics({**losses, "rate": rate, **timing}, step=training.step)
        self.report(Stepped(training.step, training.total, losses, rate, seconds / steps, share))

    def _validate(self, trainer: pl.Trainer, training: Training, validator: Validator) -> None:
        if trainer.is_global_zero:
            folder = self.output / "samples"
            folder.mkdir(exist_ok=True)
            name = folder / f"{training.step:08d}"
            with torch.compiler.set_stance("force_eager"):  # frames of other sizes are not worth compiling for
                scores = validator(training.objective, training.best, training.device, name)
            best = is_best(validator.settings, scores, self._scores.rows())
            self._scores.add(training.step, scores)
            if best:
                self._keep_best(training)
            for logger in trainer.loggers:
                logger.log_metrics({f"validation/{key}": value for key, value in scores.items()}, step=training.step)
            self.report(Validated(training.step, validator.protocol.name, scores))
        trainer.strategy.barrier("validation")

    def _keep_best(self, training: Training) -> None:
        path = self.output / f"{training.recipe.name}-best.safetensors"
        save_weights(training.recipe, training.best, path, training.step)
        self.report(Saved(training.step, str(path)))

    def _save(self, trainer: pl.Trainer, step: int, path: Path) -> None:
        trainer.save_checkpoint(path)
        if trainer.is_global_zero:
            self.report(Saved(step, str(path)))

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self.stop.leave()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self.stop.leave()
