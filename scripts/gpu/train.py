"""Train a recipe for so many minutes: a trial tells the pace, the pace the number of steps, so that the schedule ends in time.

    python scripts/gpu/train.py stssnet-x2 stssnet 3.5 data.scenes=[small/train] data.crop=128

The run is in ``$WORK/runs/NAME``. The same command again goes on with what was started, and does nothing when it is done.
``$UNTIL``, seconds since 1970, ends it sooner; it is taken up by the next call. ``$STEPS`` is the number of steps whatever the
pace: to try things out.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import statistics
import time
from pathlib import Path

import torch
import upframe_here  # noqa: F401  # before anything of the training: it needs no PyAV then

from upframe.errors import UpframeError
from upframe.training import events
from upframe.training.loop import train
from upframe.training.recipe import read_recipe

TRIAL_STEPS = int(os.environ.get("TRIAL_STEPS", "50"))
RESERVE = 0.92  # the part of the time that is planned for; validation and checkpoints take the rest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("recipe")
    parser.add_argument("minutes", type=float)
    parser.add_argument("changes", nargs="*", metavar="KEY=VALUE")
    a = parser.parse_args()
    work = Path(os.environ.get("WORK", "build/gpu"))
    run = work / "runs" / a.name
    end = min(time.time() + 60 * a.minutes, float(os.environ.get("UNTIL", "inf")))
    if (run / "done").exists() or end - time.time() < 1:
        return
    try:
        finished = carry_out(a, run, work / "trials" / a.name, end)
    except UpframeError as error:
        raise SystemExit(f"{a.name}: {error}") from None
    if finished.step >= finished.total:
        (run / "done").touch()
        (run / "last.ckpt").unlink()  # nothing goes on from it any more; the weights lie beside it


def carry_out(a: argparse.Namespace, run: Path, trial: Path, end: float) -> events.TrainingFinished:
    """Train until ``end``, seconds since 1970, or to the planned number of steps."""
    changes = [f"name={a.name}", "epochs=null", *machine(), *a.changes]
    plan = run / "plan.json"
    if not plan.exists():
        started = time.time()
        seconds = pace(a.recipe, changes, trial)
        left = 60 * a.minutes - (time.time() - started)
        run.mkdir(parents=True, exist_ok=True)
        steps = int(os.environ.get("STEPS", max(RESERVE * left / seconds, 4)))
        plan.write_text(json.dumps({"iterations": steps, "seconds_a_step": seconds}))
    iterations = int(json.loads(plan.read_text())["iterations"])
    own = {
        "iterations": iterations,
        "run.minutes": max(end - time.time(), 1) / 60,
        "run.save_every": max(iterations // 4, 1),
        "run.log_every": max(iterations // 50, 1),
    }
    if any(change.startswith("validation.") for change in changes):
        own["validation.every"] = max(iterations // 4, 1)
    recipe = read_recipe(a.recipe, [*changes, *(f"{key}={value}" for key, value in own.items())])
    return train(recipe, run, lambda event: say(a.name, event), resume=True)


def machine() -> list[str]:
    """Changes for where this runs; each can be set from outside."""
    gpu = torch.cuda.is_available()
    wishes = {
        "precision": os.environ.get("PRECISION", "bf16" if gpu else "fp32"),
        "compile": os.environ.get("COMPILE", "true" if gpu else "false"),
        "workers": os.environ.get("WORKERS", str(max(min((os.cpu_count() or 1) - 2, 14), 0))),
        "tensorboard": "false",
    }
    return [f"run.{key}={value}" for key, value in wishes.items()]


def pace(recipe: str, changes: list[str], folder: Path) -> float:
    """Seconds a step, after the first ones, which compile and fill caches."""
    shutil.rmtree(folder, ignore_errors=True)
    own = [f"iterations={TRIAL_STEPS}", "run.log_every=1"]
    kept = [change for change in changes if not change.startswith("validation")]
    train(read_recipe(recipe, [*kept, *own]), folder)
    with (folder / "timing.csv").open(encoding="utf-8") as file:
        times = [float(row["seconds_a_step"]) for row in csv.DictReader(file)]
    shutil.rmtree(folder)
    return statistics.median(times[len(times) // 2 :])


def say(name: str, event: events.TrainingEvent) -> None:
    """One JSON object a line."""
    print(json.dumps({"run": name, **event.as_dict()}), flush=True)


if __name__ == "__main__":
    main()
