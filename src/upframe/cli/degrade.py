"""``upframe degrade``: images and videos made smaller, as the data of super-resolution are."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from upframe.cli.errors import FAILED, one_line
from upframe.cli.options import AsJson, Debug, Inputs, Overwrite, Quiet

if TYPE_CHECKING:
    from upframe.cli.report import Report
    from upframe.datasets.degrading import Degrader
    from upframe.media.naming import PlannedOutput


CORNER = (
    "each pixel is the first of its cell, not its middle: upscale the result with `upframe upscale --sampling corner`, or it "
    "comes out displaced"
)


def degrade(
    inputs: Inputs,
    output: Annotated[
        str,
        typer.Argument(
            metavar="OUT",
            help="A folder, whose structure is that of the input; a file for one input; or frames/%05d.png.",
            show_default=False,
        ),
    ],
    kind: Annotated[
        Literal["bi", "bi-8bit", "bd", "bd-centred", "film", "photo"],
        typer.Option(
            "--kind",
            "-k",
            help="bi: MATLAB bicubic, rounded once. bi-8bit: as Set5's files, rounded after each pass. "
            "bd: Gaussian 1.5, then every N-th pixel (TecoGAN). bd-centred: Gaussian 1.6 (TTVSR). "
            "video: reduced, at times blurred, noisy or sharpened, then through a video codec. photo: the same, then a JPEG.",
            show_default=False,
        ),
    ],
    scale: Annotated[
        int, typer.Option("--scale", "-s", min=2, metavar="N", help="How many times smaller.", show_default=False)
    ],
    level: Annotated[
        Literal["mild", "strong"], typer.Option("--level", help="How bad the faults of film and photo are.")
    ] = "mild",
    seed: Annotated[
        int, typer.Option("--seed", min=0, metavar="N", help="Of the faults of film and photo, with each file's name.")
    ] = 0,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make low resolution out of high, without any loss but the degradation's own.

    Images are first cut to a multiple of the scale, at the bottom and the right. They keep their depth; JPEG and WebP become
    PNG, and a video an .mkv in FFV1 that keeps its times and its sound.
    """
    with one_line(debug=debug):
        from upframe.datasets.planning import plan

        found, tasks = plan(inputs, output)  # before what takes its time to load

        from upframe.cli.report import reporter
        from upframe.datasets.degradation import named
        from upframe.datasets.degrading import Degrader
        from upframe.datasets.film_degradation import FilmDegradation
        from upframe.engine.events import Failed, Note, summary_of
        from upframe.errors import UpframeError, as_upframe_error
        from upframe.ops.sampling import sampling_of

        degradation = FilmDegradation(kind, level, seed) if kind in ("film", "photo") else named(kind)
        failures = [Failed.of(name, error) for name, error in found.refused]
        with reporter(as_json=as_json, quiet=quiet) as report:
            for failure in failures:
                report(failure)
            for task in tasks:
                name = str(task.item.path)

                def note(text: str, name: str = name) -> None:
                    report(Note(name, text))

                try:
                    _run(Degrader(degradation, scale, overwrite=overwrite, on_note=note), task, report)
                except Exception as error:
                    if debug and not isinstance(error, UpframeError):
                        raise
                    failures.append(Failed.of(name, as_upframe_error(error, name)))
                    report(failures[-1])
            if sampling_of(kind) == "corner" and len(failures) < len(tasks) + len(found.refused):
                report(Note(output, CORNER))
            for event in summary_of(len(tasks) + len(found.refused), failures, found):
                report(event)
    if failures:
        raise typer.Exit(FAILED)


def _run(degrader: Degrader, task: PlannedOutput, report: Report) -> None:
    """One input, told as it goes on."""
    from upframe.datasets.degrading import InputOpened
    from upframe.engine.events import Meter, Started

    name, target, meter = str(task.item.path), str(task.target), Meter(str(task.item.path), None)
    with closing(degrader.run(task)) as steps:
        for step in steps:
            if isinstance(step, InputOpened):
                method = f"{degrader.degradation.name} x{degrader.scale}"
                report(Started(name, target, task.item.kind, method, "cpu", step.size, step.small, step.frames))
                meter.frames = step.frames
            elif task.item.kind == "image":
                meter.tick()
            else:
                report(meter.tick())
    report(meter.finished(target))
