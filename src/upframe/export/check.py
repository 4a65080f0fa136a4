"""An exported file is run beside PyTorch before anyone else sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from upframe.errors import OutputError
from upframe.export.onnx_file import TRACED, fitting
from upframe.export.runners import Run
from upframe.models.contract import ExportStep, next_inputs

LIMIT = 1e-3  # the largest difference of a value, in single precision
HALF_LIMIT = 1e-3  # the root mean square difference from single precision, in half: what is lost against 40 dB is 0.04 dB
SIZES = (TRACED, (40, 21), (17, 48))  # (height, width), each made to fit
STEPS = 3  # of a file with memory, so that it is met, carried on and met again


@dataclass(frozen=True, slots=True)
class Checked:
    """What was compared at one size: the largest and the root mean square difference of all results of all steps."""

    width: int
    height: int
    largest: float
    rms: float


def check(name: str, run: Run, exported: ExportStep, reference: ExportStep) -> tuple[Checked, ...]:
    """Compare a file with the step it was made of, at the size it was made with and at others where it takes any.

    ``reference`` is the step in single precision. Raises OutputError where the two differ.
    """
    sizes = dict.fromkeys(fitting(exported.contract, *size) for size in SIZES)
    results = tuple(_compare(run, exported, reference, *size) for size in sizes)
    half = any(spec.dtype == "float16" for spec in exported.contract.inputs)
    for found in results:
        difference, limit, kind = (found.rms, HALF_LIMIT, "mean") if half else (found.largest, LIMIT, "largest")
        if not difference <= limit:
            raise OutputError(
                f"{name}: the exported file differs from PyTorch at {found.width}x{found.height} ({kind} "
                f"difference {difference:.2g}, allowed {limit:g}) and was not kept"
            )
    return results


def _compare(run: Run, exported: ExportStep, reference: ExportStep, height: int, width: int) -> Checked:
    states: list[dict[str, Tensor]] = [{}, {}]
    differences = []
    for seed in range(STEPS if exported.contract.state else 1):
        names = [spec.name for spec in exported.contract.inputs]
        inputs = dict(zip(names, exported.example(height, width, seed=seed), strict=True))
        here = inputs | _as(states[0], inputs)
        there = {name: value.float() for name, value in inputs.items()} | states[1]
        ours, theirs = run(here), reference.run(list(there.values()))
        states = [next_inputs(exported.contract, here, ours), next_inputs(exported.contract, there, theirs)]
        differences += _differences([ours[spec.name] for spec in exported.contract.outputs], list(theirs.values()))
    every = torch.cat(differences)
    return Checked(width, height, float(every.abs().max()), float(every.square().mean().sqrt()))


def _as(state: dict[str, Tensor], inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.to(inputs[name].dtype) for name, value in state.items()}


def _differences(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> list[Tensor]:
    pairs = zip(ours, theirs, strict=True)
    return [(a.float() - b).flatten() if a.shape == b.shape else torch.tensor([torch.inf]) for a, b in pairs]
