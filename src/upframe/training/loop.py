"""Carrying out a recipe, under Lightning's Trainer."""

from __future__ import annotations

import logging
import math
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import yaml

from upframe.errors import DeviceError, InputError, MissingExtra, OutputError, UpframeError
from upframe.media import atomic_output
from upframe.media.atomic import output_error
from upframe.ops.convolution import channels_last
from upframe.remedies import WRITE_ELSEWHERE, Option, either, way
from upframe.runtime.compiling import compiler_errors
from upframe.runtime.precision import has_bfloat16
from upframe.training.data.sets import Loader, NumberedSamples, Steps
from upframe.training.events import Report, TrainingEvent, TrainingFinished, TrainingNote
from upframe.training.files import require_files
from upframe.training.objectives.recipe import Recipe
from upframe.training.sections import RunSection
from upframe.training.sole import sole_training
from upframe.training.stopping import Stop
from upframe.training.systems import objective_of, samples_of, save_weights
from upframe.training.validation import Validator

if TYPE_CHECKING:
    from lightning.pytorch import Callback, Trainer
    from lightning.pytorch.loggers import Logger
    from lightning.pytorch.strategies import Strategy

LAST = "last.ckpt"


class ReaderDied(UpframeError):
    """A process that reads data ahead was ended from outside; the last checkpoint is whole."""


def train(recipe: Recipe, output: Path, report: Report = lambda _: None, *, resume: bool = False) -> TrainingFinished:
    """Train a network into the folder ``output``; ``report`` is called with each event, and nothing is said without it.

    It then holds ``<name>.safetensors``, the network, and where the recipe asks for it ``<name>-best.safetensors``;
    ``last.ckpt``, to go on with ``resume``; ``recipe.yaml``, all that was decided; ``losses.csv``, ``validation.csv`` and
    ``timing.csv``; ``samples/`` and ``tensorboard/``. SIGINT, SIGTERM, SIGHUP and ``run.minutes`` end it after the step with a
    checkpoint. With ``resume`` and no checkpoint it starts again.

    Raises InputError, CheckpointError, DeviceError and OutputError before anything is written; TrainingBroke for a loss that
    is no number, OutputError for a full disk, ReaderDied; the last checkpoint is whole then. KeyboardInterrupt for a second
    SIGINT. MissingExtra without Lightning.
    """
    _require_lightning()
    require_files(recipe)
    stop = Stop(recipe.run.minutes)
    report = _while_heard(report, stop)
    from upframe.training.checkpoints import read_step
    from upframe.training.module import Training
    from upframe.training.watch import TrainingCallback

    samples = samples_of(recipe, lambda text: report(TrainingNote(text)))
    epoch = math.ceil(len(samples) / recipe.batch)
    total = recipe.iterations or epoch * (recipe.epochs or 1)
    checkpoint = output / LAST
    step = read_step(checkpoint, recipe) if resume and checkpoint.is_file() else 0
    if checkpoint.is_file() and not resume:
        raise OutputError(
            f"{output}: holds a training", remedy=either(way("continue it with ", Option("resume", True)), WRITE_ELSEWHERE)
        )
    if step >= total:
        raise InputError(f"{output}: is trained to its end, {step} steps", remedy="for more, start again with more iterations")

    if recipe.run.threads is not None:
        torch.set_num_threads(recipe.run.threads)
    objective = objective_of(recipe)
    if not torch.backends.mps.is_available():  # where convolutions by channels are no faster
        channels_last(objective.network)
    validator = None if recipe.validation is None else Validator(recipe, recipe.validation)

    def loader(rank: int, processes: int) -> Loader:
        steps = Steps(start=step, stop=total, batch=recipe.batch, rank=rank, processes=processes)
        numbered = NumberedSamples(samples, skip_damaged=recipe.data.skip_damaged)
        return Loader(numbered, steps, workers=recipe.run.workers, pinned=torch.cuda.is_available())

    training = Training(recipe, objective, loader, total=total, epoch=epoch, describe=samples.describe)
    watch = TrainingCallback(output, report, validator, stop)
    with _quiet(), sole_training(output):
        trainer = _trainer(recipe, output, watch, step)
        _keep_recipe(recipe, output)
        for text in samples.notes:
            report(TrainingNote(text))
        if resume and not step:
            report(TrainingNote(f"{checkpoint}: there is no checkpoint yet: the training begins at its first step"))
        if recipe.run.precision == "bf16" and trainer.strategy.root_device.type == "cpu" and not has_bfloat16():
            report(TrainingNote("run.precision=bf16: this processor computes bfloat16 10 to 100 times slower than fp32"))
        with _named_errors(recipe, output):
            if recipe.run.compile:
                for graph in objective.graphs():
                    graph.compile()  # in place: names and values of parameters stay, and what is saved
            trainer.fit(training, ckpt_path=checkpoint if step else None, weights_only=True)
        weights = output / f"{recipe.name}.safetensors"
        finished = TrainingFinished(training.step, total, str(weights), watch.interrupted, watch.interrupted and stop.hung_up)
        if trainer.is_global_zero:
            save_weights(recipe, training.best, weights, training.step)
            report(finished)
    return finished


def _while_heard(report: Report, stop: Stop) -> Report:
    """A report that may fail once the terminal is gone: what was learnt is still saved."""

    def tell(event: TrainingEvent) -> None:
        try:
            report(event)
        except OSError:
            if not stop.hung_up:
                raise

    return tell


def _require_lightning() -> None:
    try:
        import lightning.pytorch  # noqa: F401  # to say so before anything is touched
    except ImportError as error:
        raise MissingExtra("lightning", "train", "training") from error


def _in_bfloat16(run: RunSection) -> bool:
    """Whether a run computes in bfloat16 where that is safe."""
    if run.precision == "auto":
        elsewhere = torch.cuda.is_available() or torch.backends.mps.is_available()
        return (run.accelerator == "cpu" or (run.accelerator == "auto" and not elsewhere)) and has_bfloat16()
    return run.precision == "bf16"


@contextmanager
def _named_errors(recipe: Recipe, output: Path) -> Iterator[None]:
    """What Lightning, TensorBoard and torch raise, as ours."""
    before = signal.getsignal(signal.SIGINT)
    with ExitStack() as stack:
        if recipe.run.compile:
            stack.enter_context(compiler_errors("leave run.compile out", "run.compile: "))
        try:
            yield
        except SystemExit as error:  # Lightning makes it of KeyboardInterrupt, and goes deaf to further ones
            if not isinstance(error.__context__, KeyboardInterrupt):
                raise
            signal.signal(signal.SIGINT, before)
            raise KeyboardInterrupt from None
        except (RuntimeError, ConnectionError, EOFError) as error:  # the last two from a sample that was being handed over
            if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
                raise
            raise ReaderDied(
                f"a process that reads data was ended from outside, most often because memory ran out ({error})",
                remedy=way("continue with ", Option("resume", True), " and less data.cache_gb or run.workers"),
            ) from error
        except OSError as error:  # of TensorBoard, whose disk is full: what we write and read ourselves has been named already
            raise output_error(output / "tensorboard", error) from error


def _keep_recipe(recipe: Recipe, output: Path) -> None:
    with atomic_output(output / "recipe.yaml", overwrite=True) as temporary:
        temporary.write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False), encoding="utf-8")


def _trainer(recipe: Recipe, output: Path, watch: Callback, step: int) -> Trainer:
    """Raises DeviceError for devices that are not there, InputError where they cannot share a batch."""
    from lightning.fabric.utilities.exceptions import MisconfigurationException
    from lightning.pytorch import Trainer

    from upframe.training.checkpoints import WholeCheckpoints

    run = recipe.run
    try:
        trainer = Trainer(
            accelerator=run.accelerator,
            devices=run.devices,
            num_nodes=run.nodes,
            strategy=_strategy(recipe),
            precision="bf16-mixed" if _in_bfloat16(run) else "32-true",
            sync_batchnorm=torch.cuda.is_available() and run.accelerator in ("auto", "cuda"),
            max_epochs=1,
            callbacks=[watch],
            plugins=[WholeCheckpoints()],
            logger=_tensorboard(output, step) if run.tensorboard else False,
            default_root_dir=output,
            use_distributed_sampler=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
    except MisconfigurationException as error:
        raise DeviceError(f"run.devices: {' '.join(str(error).split())}") from error
    devices, parts = trainer.world_size, run.accumulate
    if recipe.batch % (devices * parts):
        times = f", {parts} times (run.accumulate)" if parts > 1 else ""
        raise InputError(
            f"batch: {recipe.batch} samples cannot be shared by {devices} devices{times}",
            remedy=f"give a multiple of {devices * parts}",
        )
    return trainer


def _strategy(recipe: Recipe) -> str | Strategy:
    from lightning.pytorch.strategies import DDPStrategy

    devices = recipe.run.devices
    if devices == "auto":
        devices = max(torch.cuda.device_count(), 1) if recipe.run.accelerator in ("auto", "cuda") else 1
    if devices * recipe.run.nodes == 1:
        return "auto"
    return DDPStrategy(find_unused_parameters=recipe.waits)


def _tensorboard(output: Path, step: int) -> Logger:
    """Raises MissingExtra without TensorBoard."""
    from lightning.pytorch.loggers import TensorBoardLogger

    try:
        return TensorBoardLogger(output, name="", version="tensorboard", default_hp_metric=False, purge_step=step or None)
    except ModuleNotFoundError as error:
        raise MissingExtra("tensorboard", "train", "run.tensorboard") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's advice, which is for those who call it themselves."""
    log = logging.getLogger("lightning.pytorch")
    level, on_thread = log.level, threading.excepthook
    log.setLevel(logging.ERROR)

    def unless_logging(happened: threading.ExceptHookArgs) -> None:
        """TensorBoard's thread hands its errors on, and would print their traceback besides."""
        if not (isinstance(happened.exc_value, OSError) and type(happened.thread).__module__.startswith("tensorboard")):
            on_thread(happened)

    threading.excepthook = unless_logging
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\.")
            yield
    finally:
        log.setLevel(level)
        threading.excepthook = on_thread
