"""``upframe supersample``: a rendered clip to large images."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, Literal

import typer

from upframe.cli.errors import one_line
from upframe.cli.loading import loading
from upframe.cli.options import IMAGES, AsJson, Debug, Device, Overwrite, Precision, Quiet


def supersample(
    clip: Annotated[
        Path,
        typer.Argument(metavar="CLIP", help="A clip, as `upframe render` makes it.", show_default=False),
    ],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="A folder for 00001.exr and on.", show_default=False)],
    model: Annotated[
        str,
        typer.Option(
            "--model", "-m", metavar="NAME|FILE", help="One for rendered frames; or for images, which sees colour alone."
        ),
    ] = "nsrr-x2",
    suffix: Annotated[
        Literal["exr", "png"],
        typer.Option("--format", help="exr: linear as the clip. png: times the exposure, in sRGB.", rich_help_panel=IMAGES),
    ] = "exr",
    first: Annotated[int, typer.Option("--first", min=0, help="The number of the first image.", rich_help_panel=IMAGES)] = 1,
    device: Device = "auto",
    precision: Precision = "auto",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Supersample rendered frames from their depth and motion: a clip on disk to numbered images."""
    with one_line(debug=debug):
        with loading():
            from upframe.cli.report import reporter
            from upframe.jobs.rendered import supersample_clip

        work = supersample_clip(
            clip, output, model=model, device=device, precision=precision, suffix=suffix, first=first, overwrite=overwrite
        )
        with reporter(as_json=as_json, quiet=quiet) as report, closing(work):
            for event in work:
                report(event)
