"""The sections of a recipe that are the same for every network; see :mod:`upframe.training.data.settings` for its data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from upframe.metrics import PROTOCOLS
from upframe.training.data.settings import Positive, Probability, Section

NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]


class Optimiser(Section):
    """Adam, or AdamW. ``clip_norm``: gradients longer than this, all together, are shortened to it."""

    name: Literal["adam", "adamw"] = "adam"
    rate: Annotated[float, Field(gt=0)]
    betas: tuple[Probability, Probability] = (0.9, 0.999)
    weight_decay: NotNegative = 0.0
    clip_norm: Annotated[float, Field(gt=0)] | None = None


class Schedule(Section):
    """How the learning rate goes on from the optimiser's.

    ``steps``: times ``factor`` at each of ``at``, counted in ``unit``. ``cosine``: down to ``last`` (a rate, not a factor) at
    the end. ``one_cycle``: up from a 25th of the rate in the first ``rise`` of the training, then down to nearly nothing.
    """

    kind: Literal["constant", "steps", "cosine", "one_cycle"] = "constant"
    at: tuple[Positive, ...] = ()
    unit: Literal["iterations", "epochs"] = "iterations"
    factor: Annotated[float, Field(gt=0)] = 0.5
    last: NotNegative = 0.0
    rise: Annotated[float, Field(gt=0, lt=1)] = 0.1


class Validation(Section):
    """Measuring while training: clips or images as the data's, the middle ``crop`` of the first ``frames`` frames of each.

    ``protocol``: one of ``upframe.metrics.PROTOCOLS``; ``metrics`` of it, all where none is named. The same clips are the
    sample images. ``best_by``: one of the metrics; the network that did best in it so far lies beside the last one, among those
    that reach ``floors`` (a value by metric: at least, or at most where lower is better), so that no gain in one is bought with
    too much of another.
    """

    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    every: Positive
    protocol: str
    metrics: tuple[str, ...] = ()
    frames: Positive = 10
    crop: Positive = 256
    limit: Positive = 8
    lpips_files: tuple[str, ...] = ()
    best_by: str | None = None
    floors: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _protocol_exists(self) -> Validation:
        if self.protocol not in PROTOCOLS:
            raise ValueError(f"unknown protocol {self.protocol!r}; there are {', '.join(PROTOCOLS)}")
        measured = self.metrics or PROTOCOLS[self.protocol].metrics
        for name in (*filter(None, [self.best_by]), *self.floors):
            if name not in measured:
                raise ValueError(f"{name!r} is not measured, only {', '.join(measured)}")
        if self.floors and self.best_by is None:
            raise ValueError("floors are for best_by, which is missing")
        return self


class RunSection(Section):
    """Where and how it is carried out; nothing here changes what is learnt, up to rounding.

    ``devices``: how many, or ``auto``. ``accumulate``: the batch is taken in so many equal parts, whose gradients are added,
    for less memory; losses that are no means over the samples are means over the parts, as over devices. ``compile``: the
    network, by ``torch.compile``. ``workers``: processes that read ahead. ``save_every`` and ``log_every``: in iterations.
    ``keep_every``: checkpoints that are not overwritten. ``minutes``: save and end after so many, to go on with ``--resume``.
    ``threads``: of each process on a processor. ``precision``: ``auto`` is bf16 on processors that have instructions for it,
    fp32 elsewhere; losses and warps are computed in float32 either way.
    """

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: Positive | Literal["auto"] = "auto"
    nodes: Positive = 1
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    compile: bool = False
    accumulate: Positive = 1
    workers: Count = 2
    threads: Positive | None = None
    log_every: Positive = 100
    save_every: Positive = 5000
    keep_every: Positive | None = None
    minutes: Annotated[float, Field(gt=0)] | None = None
    tensorboard: bool = True
