"""``upframe compare``: how far a result is from its reference."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from upframe.cli.errors import one_line
from upframe.cli.options import (
    NUMBERS,
    AsJson,
    CsvFile,
    Debug,
    Device,
    LpipsWeights,
    Metrics,
    Mode,
    Overwrite,
    Quiet,
    ReportFolder,
)
from upframe.cli.scores import deliver, refuse_existing, split_metrics, telling


def compare(
    result: Annotated[
        str,
        typer.Argument(
            metavar="RESULT", help="An image, a video, a folder, or numbered frames such as out/%05d.png.", show_default=False
        ),
    ],
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="What it should be: likewise.", show_default=False)],
    metrics: Metrics = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            metavar="NAME",
            help="How numbers are computed: set-y, reds4-rgb, vid4-y, tecogan, ... Default: plain: whole images, 8 bits.",
            show_default=False,
            rich_help_panel=NUMBERS,
        ),
    ] = None,
    mode: Mode = None,
    holes: Annotated[
        str | None,
        typer.Option(
            "--holes",
            metavar="FOLDER",
            help="For --mode hole: images that are white where a pixel counts, named as the references.",
            show_default=False,
            rich_help_panel=NUMBERS,
        ),
    ] = None,
    scale: Annotated[
        int,
        typer.Option(
            "--scale",
            "-s",
            min=1,
            help="How many times the result was upscaled, for protocols that cut as many pixels.",
            rich_help_panel=NUMBERS,
        ),
    ] = 1,
    sampling: Annotated[
        Literal["centre", "corner"],
        typer.Option(
            "--sampling",
            help="Where the pixels lay that were upscaled. Of corner, as `upframe degrade --kind bd` makes them, a result that "
            "something else has put in the centre is moved back by (scale - 1) / 2 pixels.",
            rich_help_panel=NUMBERS,
        ),
    ] = "centre",
    align: Annotated[
        bool,
        typer.Option("--align", help="Leave out frames and files that one side has alone.", rich_help_panel=NUMBERS),
    ] = False,
    lpips_weights: LpipsWeights = None,
    device: Device = "auto",
    report: ReportFolder = None,
    csv: CsvFile = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Score results against their references: images, folders, videos, or a video and a folder of its frames.

    Files of two folders are matched by name. Videos are compared frame by frame, in the memory of a frame of each.
    """
    with one_line(debug=debug):
        from upframe.evaluation import Comparison, ScoringOptions
        from upframe.evaluation import compare as score

        refuse_existing(report, csv, overwrite=overwrite)
        wanted = Comparison(
            result,
            reference,
            ScoringOptions(protocol, split_metrics(metrics), mode, tuple(lpips_weights or ())),
            scale=scale,
            sampling=sampling,
            align=align,
            holes=holes,
            device=device,
            panels=report is not None,
        )
        with telling(quiet=quiet or as_json) as (on_step, on_note):
            evaluation, panels = score(wanted, on_step=on_step, on_note=on_note)
        deliver(evaluation, panels, report=report, csv=csv, overwrite=overwrite, as_json=as_json)
