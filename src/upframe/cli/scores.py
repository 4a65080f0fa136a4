"""What ``evaluate`` and ``compare`` share: options, progress, and how scores are printed and written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upframe.cli.printing import cell, console, printable, write_line
from upframe.errors import InputError, OutputError
from upframe.remedies import OVERWRITE

if TYPE_CHECKING:
    from upframe.evaluation import Evaluation, EvaluationProgress, Panel


def split_metrics(text: str | None) -> tuple[str, ...]:
    """``psnr, lpips`` -> ("psnr", "lpips"). Raises InputError where there is nothing between the commas."""
    if text is None:
        return ()
    names = tuple(name.strip().lower() for name in text.split(","))
    if not all(names):
        raise InputError(f"--metrics {text}: give names with commas between them, such as psnr,ssim")
    return names


def refuse_existing(report: Path | None, csv: Path | None, *, overwrite: bool) -> None:
    """Raise OutputError, before any work, where what is to be written is there, or cannot be."""
    from upframe.reports.evaluation import PAGE

    if csv is not None and csv.suffix.lower() != ".csv":
        raise OutputError(f"{csv}: a table is written as .csv: give such a name")
    if report is not None and report.exists() and not report.is_dir():
        raise OutputError(f"{report}: is a file, and the folder of a report is to be made there")
    for path in (report / PAGE if report else None, csv):
        if path is not None and path.exists() and not overwrite:
            raise OutputError(f"{path}: exists already", remedy=OVERWRITE)


@contextmanager
def telling(*, quiet: bool) -> Iterator[tuple[Callable[[EvaluationProgress], None], Callable[[str], None]]]:
    """Where progress and notes go: a bar and lines on standard error; nowhere if ``quiet``."""
    from rich.markup import escape

    from upframe.cli.terminal import counted, terminal

    with terminal(counted(), quiet=quiet) as screen:

        def on_step(step: EvaluationProgress) -> None:
            screen.move(step.done, step.frames, description=f"{escape(step.subject)}  [dim]{escape(step.clip)}[/]")

        yield on_step, lambda text: screen.say(f"[yellow]note[/] {escape(text)}")


def deliver(
    evaluation: Evaluation,
    panels: tuple[Panel, ...],
    *,
    report: Path | None,
    csv: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write what is to be written, then print the table or the JSON object."""
    written: dict[str, str] = {}
    if csv is not None:
        from upframe.evaluation import as_csv
        from upframe.media.atomic import atomic_output

        with atomic_output(csv, overwrite=overwrite) as temporary:
            temporary.write_text(as_csv(evaluation), encoding="utf-8", newline="")
        written["csv"] = str(csv)
    if report is not None:
        from upframe.reports.evaluation import write_page

        written["report"] = str(write_page(report, evaluation, panels, overwrite=overwrite))
    if as_json:
        print(json.dumps(evaluation.as_json() | written))
        return
    _print_table(evaluation)
    for path in written.values():
        write_line(path)


def _print_table(evaluation: Evaluation) -> None:
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    from upframe.evaluation.results import heading, written

    screen = console()
    timed = any(one.subject.milliseconds for one in evaluation.scored)
    table = Table(box=None, header_style="bold")
    table.add_column("", overflow="fold")
    for metric in evaluation.metrics:
        table.add_column(heading(metric), justify="right", no_wrap=True)
    if timed:
        table.add_column("ms a frame ↓", justify="right", no_wrap=True)
    for one in evaluation.scored:
        median = one.subject.median_milliseconds
        cells = [_cell(evaluation, one, metric) for metric in evaluation.metrics]
        table.add_row(cell(one.subject.name), *cells, *([Text("" if median is None else f"{median:.1f}")] if timed else []))
        for part, values in evaluation.parts(one).items():
            means = [written(metric, values[metric]) if metric in values else "-" for metric in evaluation.metrics]
            table.add_row(cell(f"  {part}"), *means, style="dim")
    screen.print(f"[bold]{escape(printable(evaluation.title))}[/]", highlight=False, soft_wrap=True)
    screen.print(table)
    counted = evaluation.scored[0].frames
    screen.print(f"[dim]{counted} frame{'s' * (counted != 1)}. {escape(str(evaluation.protocol))}[/]", highlight=False)


def _cell(evaluation: Evaluation, one: Any, metric: Any) -> Any:
    from rich.text import Text

    from upframe.evaluation.results import written

    values = one.averages.result
    if metric not in values:
        return Text("-", style="dim")
    best = len(evaluation.scored) > 1 and values[metric] == evaluation.best(metric)
    return Text(written(metric, values[metric]), style="bold" if best else "")
