"""Events of a job on a terminal, as JSON lines, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from rich.markup import escape

from upframe.cli.flags import in_flags
from upframe.cli.printing import BELOW, write_error
from upframe.cli.terminal import Terminal, counted, terminal
from upframe.engine import events
from upframe.engine.events import Event

Report = Callable[[Event], None]
_MOST_NAMES = 8  # of a summary's line; --json has all


@contextmanager
def reporter(*, as_json: bool, quiet: bool) -> Iterator[Report]:
    """The function that shows events: JSON on standard output, or words and a bar on standard error."""
    if as_json:
        yield _print_json
    elif quiet:
        yield _print_failure
    else:
        with terminal(counted()) as screen:
            yield lambda event: _show(screen, event)


def _print_json(event: Event) -> None:
    values = event.as_dict()
    if isinstance(event, events.Failed):
        values["remedy"] = in_flags(event.remedy) or None
    print(json.dumps(values), flush=True)
    _print_failure(event)


def _print_failure(event: Event) -> None:
    if isinstance(event, events.Failed):
        write_error(event.error, in_flags(event.remedy))


def _show(screen: Terminal, event: Event) -> None:
    """Words for what happened, the bar for what is happening."""
    match event:
        case events.Started():
            name = escape(event.input)
            before, after = "x".join(map(str, event.size)), "x".join(map(str, event.output_size))
            screen.say(f"[bold]{name}[/]  {before} -> {after}  {event.model} on {event.device}")
            if event.reason:
                screen.say(f"  [cyan]model[/] {escape(event.reason)}")
            screen.begin(name, event.frames)
        case events.Planned():
            kept = f", {event.segments_done} of them from an earlier run" if event.segments_done else ""
            screen.say(f"  {event.segments} {'segment' if event.segments == 1 else 'segments'}{kept}")
            screen.begin(escape(event.input), event.frames)
        case events.Progress():
            screen.move(event.done, event.frames, fps=event.fps)
            _show_overall(screen, event)
        case events.Note():
            screen.say(f"  [yellow]note[/] {escape(event.text)}")
        case events.Finished():
            screen.end()
            _show_overall(screen, event)
            speed = f", {event.fps:.1f} fps" if event.frames > 1 else ""
            frames = f"{event.frames} frames in " if event.frames > 1 else ""
            screen.say(f"  [green]done[/] {escape(event.output)}  ({frames}{event.seconds:.1f} s{speed})")
        case events.Failed():
            screen.end()
            screen.say(f"[bold red]upframe:[/] {escape(event.error)}")
            for line in in_flags(event.remedy).splitlines():
                screen.say(f"{BELOW}{escape(line)}")
        case events.Summary():
            _show_summary(screen, event)


def _show_overall(screen: Terminal, event: events.Progress | events.Finished) -> None:
    """How far all inputs are, beside the bar of this one."""
    if event.overall is not None:
        left = event.overall_seconds_left
        time = "" if left is None else f", {timedelta(seconds=round(left))} left"
        screen.beside(f"all {event.overall:.0%}{time}")


def _show_summary(screen: Terminal, summary: events.Summary) -> None:
    counts = [f"{summary.done} done"]
    counts += [f"{len(summary.failed)} failed"] if summary.failed else []
    counts += [f"{len(summary.passed_over)} passed over"] if summary.passed_over else []
    screen.say(f"[bold]{', '.join(counts)}[/]")
    for _, error in summary.errors[:_MOST_NAMES]:  # they were said when they happened, which may be hours ago
        screen.say(f"  [bold red]failed[/] {escape(error)}")
    if len(summary.errors) > _MOST_NAMES:
        screen.say(f"  [bold red]failed[/] and {len(summary.errors) - _MOST_NAMES} more")
    reasons: dict[str, list[str]] = {}
    for path, reason in summary.passed_over:
        reasons.setdefault(reason, []).append(path)
    for reason, paths in reasons.items():
        screen.say(f"  [yellow]passed over[/] {escape(_some(paths))}: {reason}")


def _some(names: Sequence[str]) -> str:
    further = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {further} more" if further > 0 else "")
