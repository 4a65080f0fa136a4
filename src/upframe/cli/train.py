"""``upframe train``: a network from a recipe."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upframe.cli.errors import one_line
from upframe.cli.options import AsJson, Debug
from upframe.cli.printing import write_error
from upframe.cli.signals import HUNG_UP, INTERRUPTED

if TYPE_CHECKING:
    from upframe.cli.terminal import Terminal
    from upframe.training.events import Report, TrainingEvent


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A built-in recipe such as frvsr-small, or a YAML file.", show_default=False)
    ],
    changes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Changes to it: data.crop=96 run.devices=2.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The folder to write. Without it runs/ and the recipe's name.", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training in the output folder.")] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Train a network from a recipe, which says all that the result depends on.

    Ctrl-C ends it after the step with a checkpoint, and so does closing the terminal; --resume goes on with exactly the steps
    that would have followed.
    """
    with one_line(debug=debug):
        from upframe.training.loop import train as carry_out
        from upframe.training.recipe import read_recipe

        read = read_recipe(recipe, changes or [])
        finished = None
        try:
            with _reporter(as_json=as_json) as report:
                finished = carry_out(read, output or Path("runs") / read.name, report, resume=resume)
        except OSError:
            if finished is None or not finished.hung_up:  # else it is of the terminal, which is gone
                raise
    if finished.interrupted and _is_first():
        with suppress(OSError):
            write_error(f"interrupted after step {finished.step}, which is saved; --resume goes on")
        raise typer.Exit(HUNG_UP if finished.hung_up else INTERRUPTED)


def _is_first() -> bool:
    """Of several processes on this machine."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


@contextmanager
def _reporter(*, as_json: bool) -> Iterator[Report]:
    """The function that shows events; of several processes on a machine only the first says anything."""
    if not _is_first():
        yield lambda _: None
    elif as_json:
        yield lambda event: print(json.dumps(event.as_dict()), flush=True)
    else:
        from upframe.cli.terminal import counted, terminal

        with terminal(counted()) as screen:
            yield lambda event: _show(screen, event)


def _show(screen: Terminal, event: TrainingEvent) -> None:
    """A line for each event, and a bar of steps."""
    from rich.markup import escape

    from upframe.training import events

    match event:
        case events.TrainingStarted():
            where = f"{event.device}" if event.processes == 1 else f"{event.processes} x {event.device}"
            screen.say(f"[bold]{escape(event.recipe)}[/]  {event.parameters:,} parameters, {escape(where)}, "
                       f"{event.epoch:,} steps an epoch, into {escape(event.output)}")  # fmt: skip
            screen.begin("steps", event.total, event.step)
        case events.Stepped():
            losses = "  ".join(f"{name} {value:.4g}" for name, value in event.losses.items())
            screen.say(f"{event.step:>8}  {losses}  [cyan]{event.seconds:.3f} s, {event.data_share:.0%} of it data[/]")
            screen.move(event.step)
        case events.Validated():
            scores = "  ".join(f"{name} {value:.3f}" for name, value in event.scores.items())
            screen.say(f"{event.step:>8}  [green]{escape(event.protocol)}[/]  {scores}")
        case events.TrainingNote():
            screen.say(f"  [yellow]note[/] {escape(event.text)}")
        case events.TrainingFinished():
            what = "done" if event.step == event.total else "saved"
            screen.say(f"[green]{what}[/] {escape(event.weights)}, step {event.step:,} of {event.total:,}")
