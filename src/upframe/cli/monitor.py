"""``upframe monitor``: trainings on one page."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from upframe.cli.errors import one_line
from upframe.cli.options import AsJson, Debug, Overwrite
from upframe.cli.printing import write_line


def monitor(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN...", help="Folders of trainings, or folders that hold such.", show_default=False),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The page to write. Without it monitor.html in the folder of the training, or here for several.",
            show_default=False,
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Write it again and again until the trainings have ended.")
    ] = False,
    every: Annotated[float, typer.Option("--every", min=0.1, help="Seconds between two pages of --follow.")] = 20.0,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show the losses, scores and validation images of trainings, in one HTML page that needs nothing else.

    A page of --follow loads itself again while it is open. Ctrl-C ends it; the page stays. A page of before is replaced; any
    other file only with --overwrite.
    """
    with one_line(debug=debug):
        from upframe.reports.training import PAGE, find_runs, follow_runs

        folders = find_runs(runs)
        path = output or (folders[0] / PAGE if len(folders) == 1 else Path(PAGE))
        for records in follow_runs(folders, path, every=every if follow else None, overwrite=overwrite):
            states = {record.name: {"step": record.step, "ended": record.ended} for record in records}
            if as_json:
                print(json.dumps({"event": "written", "output": str(path), "runs": states}), flush=True)
            else:
                told = ", ".join(f"{record.name} {record.step:,}" for record in records)
                write_line(f"{path}: {told}" + (f" at {time.strftime('%H:%M:%S')}" if follow else ""))
