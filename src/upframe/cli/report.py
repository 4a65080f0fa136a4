"""Events of a job on a terminal, as JSON lines, or not at all."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from upframe.engine import events
from upframe.engine.events import Event

Report = Callable[[Event], None]


class _FramesPerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        fps = task.fields.get("fps", 0.0)
        return Text(f"{fps:.1f} fps" if fps else "", style="cyan")


@contextmanager
def reporter(*, as_json: bool, quiet: bool) -> Iterator[Report]:
    """The function that shows events: JSON on standard output, or words and a bar on standard error."""
    if as_json:
        yield _print_json
    elif quiet:
        yield _print_failure
    else:
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _FramesPerSecond(),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        with Progress(*columns, console=console, transient=True) as progress:
            yield _Terminal(console, progress)


def _print_json(event: Event) -> None:
    print(json.dumps(event.as_dict()), flush=True)
    _print_failure(event)


def _print_failure(event: Event) -> None:
    if isinstance(event, events.Failed):
        print(f"upframe: {event.message}", file=sys.stderr)


class _Terminal:
    """Words for what happened, a bar for what is happening."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self.console, self.progress = console, progress
        self.task = progress.add_task("", visible=False)

    def __call__(self, event: Event) -> None:
        match event:
            case events.Started():
                name = escape(event.input)
                before, after = "x".join(map(str, event.size)), "x".join(map(str, event.output_size))
                self.console.print(f"[bold]{name}[/]  {before} -> {after}  {event.model} on {event.device}", highlight=False)
                self.progress.reset(self.task, total=event.frames, visible=True, description=name, fps=0.0)
            case events.Progress():
                self.progress.update(self.task, completed=event.done, total=event.frames, fps=event.fps)
            case events.Note():
                self.console.print(f"  [yellow]note[/] {escape(event.text)}", highlight=False)
            case events.Finished():
                self.progress.update(self.task, visible=False)
                speed = f", {event.fps:.1f} fps" if event.frames > 1 else ""
                frames = f"{event.frames} frames in " if event.frames > 1 else ""
                self.console.print(
                    f"  [green]done[/] {escape(event.output)}  ({frames}{event.seconds:.1f} s{speed})", highlight=False
                )
            case events.Failed():
                self.progress.update(self.task, visible=False)
                self.console.print(f"[bold red]upframe:[/] {escape(event.message)}", highlight=False, soft_wrap=True)
