"""``upframe train``: a network from a recipe."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upframe.cli.errors import INTERRUPTED, one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from upframe.training.events import Event, Report


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
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output, nothing else.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Train a network from a recipe, which says all that the result depends on.

    Ctrl-C ends it after the step with a checkpoint; --resume goes on with exactly the steps that would have followed.
    """
    with one_line(debug=debug):
        from upframe.training.loop import train as carry_out
        from upframe.training.recipe import read_recipe

        read = read_recipe(recipe, changes or [])
        with _reporter(as_json=as_json) as report:
            finished = carry_out(read, output or Path("runs") / read.name, report, resume=resume)
    if finished.interrupted and _is_first():
        print(f"upframe: interrupted after step {finished.step}, which is saved; --resume goes on", file=sys.stderr)
        raise typer.Exit(INTERRUPTED)


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
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            yield _Terminal(console, progress)


class _Terminal:
    """A line for each event, and a bar of steps."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self.console, self.progress = console, progress
        self.task = progress.add_task("", visible=False)

    def __call__(self, event: Event) -> None:
        from rich.markup import escape

        from upframe.training import events

        match event:
            case events.Started():
                where = f"{event.device}" if event.processes == 1 else f"{event.processes} x {event.device}"
                self._say(f"[bold]{escape(event.recipe)}[/]  {event.parameters:,} parameters, {escape(where)}, "
                          f"{event.epoch:,} steps an epoch, into {escape(event.output)}")  # fmt: skip
                self.progress.reset(self.task, total=event.total, completed=event.step, visible=True, description="steps")
            case events.Stepped():
                losses = "  ".join(f"{name} {value:.4g}" for name, value in event.losses.items())
                self._say(f"{event.step:>8}  {losses}  [cyan]{event.seconds:.3f} s, {event.data_share:.0%} of it data[/]")
                self.progress.update(self.task, completed=event.step)
            case events.Validated():
                scores = "  ".join(f"{name} {value:.3f}" for name, value in event.scores.items())
                self._say(f"{event.step:>8}  [green]{escape(event.protocol)}[/]  {scores}")
            case events.Note():
                self._say(f"  [yellow]note[/] {escape(event.text)}")
            case events.Finished():
                what = "done" if event.step == event.total else "saved"
                self._say(f"[green]{what}[/] {escape(event.weights)}, step {event.step:,} of {event.total:,}")

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False)
