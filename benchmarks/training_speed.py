"""Steps a second of every system's training, by memory layout and precision, side by side in one process.

    python benchmarks/training_speed.py [--systems rt4ksr,frvsr] [--rounds 5] [--threads 1]

A step is a recipe's own: forward, losses, backward and optimiser, on a batch that is there already, so that what is timed is
arithmetic. Beside it stands what the processor reaches in a convolution of the network's width, forward and backward: the
limit of a step that is nothing but convolutions. bf16 is left out where the processor has no instructions for it.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parent))
from _report import side_by_side, write

from upframe.ops.convolution import channels_last
from upframe.training.data.sets import NumberedSamples, collate
from upframe.training.loop import has_bfloat16
from upframe.training.objectives.objective import Objective
from upframe.training.recipe import read_recipe
from upframe.training.systems import objective_of, samples_of

RECIPES: dict[str, list[str]] = {
    "rt4ksr": [
        "rt4ksr-small",
        "model={layernorm: false, residual: true, skip: true, merged: true}",
        "data={images: ['drawn:0-7'], crop: 128}",
        "batch=16",
    ],
    "frvsr": ["frvsr-lite", "data={photographs: ['drawn:0-7'], frames: 3, crop: 64, degradation: BD}", "batch=4"],
    "tecogan": ["tecogan-small", "batch=2"],
    "ttvsr": ["ttvsr-small", "batch=1"],
    "nsrr": ["nsrr-small"],
    "stssnet": ["stssnet-small"],
}
Layouts = dict[str, Callable[[nn.Module], nn.Module]]
LAYOUTS: Layouts = {"contiguous": lambda network: network, "channels_last": channels_last}


def stepper(objective: Objective, batch: dict[str, Any], *, bf16: bool) -> Callable[[], None]:
    """A function that makes one step with every optimiser of an objective."""
    optimisers = {
        name: torch.optim.Adam([{"params": group["params"]} for group in groups], lr=1e-5)
        for name, groups in objective.groups().items()
    }

    def step() -> None:
        turns = objective.turns(objective.prepare(batch), 0)
        while True:
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                turn = next(turns, None)
            if turn is None:
                return
            optimisers[turn.optimiser].zero_grad()
            torch.stack(list(turn.terms.values())).sum().backward()
            optimisers[turn.optimiser].step()

    return step


def multiply_adds(step: Callable[[], None]) -> float:
    """Of one step, in 1e9, forward and backward."""
    with FlopCounterMode(display=False) as counter:
        step()
    return float(counter.get_total_flops()) / 2e9


def limit(channels: int, *, bf16: bool) -> Callable[[], None]:
    """A convolution from ``channels`` to as many, 3x3, forward and backward: 4 crops of 96 pixels, 4 of them in a row."""
    kind = torch.bfloat16 if bf16 else torch.float32
    layers = nn.Sequential(*(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(4))).to(kind)
    channels_last(layers)
    frames = torch.randn(4, channels, 96, 96).to(kind).contiguous(memory_format=torch.channels_last).requires_grad_()
    return lambda: layers(frames).sum().backward()


def measured(system: str, rounds: int) -> dict[str, Any]:
    """Milliseconds of a step in each form, and the share of the convolution's rate that it reaches."""
    recipe = read_recipe(*_split(RECIPES[system]))
    samples = NumberedSamples(samples_of(recipe), skip_damaged=False)
    batch = collate([samples[index] for index in range(recipe.batch)])
    forms: dict[str, Callable[[], None]] = {}
    objective = objective_of(recipe)
    for bf16 in (False, True) if has_bfloat16() else (False,):
        for layout, lay in LAYOUTS.items():
            own = copy.deepcopy(objective)
            lay(own.network)
            forms[f"{layout}, {'bf16' if bf16 else 'fp32'}"] = stepper(own, batch, bf16=bf16)
    work = multiply_adds(next(iter(forms.values())))
    widest = max(layer.out_channels for layer in objective.network.modules() if isinstance(layer, nn.Conv2d))
    limits = {name: limit(min(widest, 64), bf16=name.endswith("bf16")) for name in ("limit, fp32", "limit, bf16")}
    shown = forms | {name: run for name, run in limits.items() if name == "limit, fp32" or has_bfloat16()}
    times = side_by_side(shown, rounds=rounds, warm_up=1)
    rates = {name: multiply_adds(limits[name]) / times[name]["median_ms"] * 1e3 for name in times if name in limits}
    figures = {}
    for name in forms:
        rate = work / times[name]["median_ms"] * 1e3
        figures[name] = times[name] | {
            "steps_a_second": round(1e3 / times[name]["median_ms"], 2),
            "share_of_limit": round(rate / rates[f"limit, {name[-4:]}"], 3),
        }
    return {"gmac_a_step": round(work, 2), "limit_gmac_a_second": {n: round(r, 1) for n, r in rates.items()}, "steps": figures}


def _split(words: list[str]) -> tuple[str, list[str]]:
    return words[0], words[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", default=",".join(RECIPES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    write("training_speed", {system: measured(system, asked.rounds) for system in asked.systems.split(",")})


if __name__ == "__main__":
    main()
