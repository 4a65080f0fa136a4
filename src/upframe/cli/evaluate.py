"""``upframe evaluate``: what models are worth on a data set."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upframe.cli.errors import one_line
from upframe.cli.options import (
    DATA,
    NUMBERS,
    WRITING,
    AsJson,
    CsvFile,
    Cuts,
    Debug,
    Device,
    Far,
    LpipsWeights,
    Metrics,
    Mode,
    Overwrite,
    Precision,
    Quiet,
    ReportFolder,
)
from upframe.cli.printing import write_error
from upframe.cli.scores import deliver, refuse_existing, split_metrics, telling
from upframe.cli.signals import INTERRUPTED
from upframe.errors import OutputError

if TYPE_CHECKING:
    from upframe.evaluation.journal import EvaluationJournal


def evaluate(
    models_and_dataset: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL... DATASET",
            help="Models, by name or weights file, then a data set: a folder, a video, rendered clips, or a name of "
            "`upframe data list`.",
            show_default=False,
        ),
    ],
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            metavar="NAME",
            help="How numbers are computed. Default: set-y for images; for video vid4-y, and tecogan where it is BD (not for "
            "TTVSR); for rendered clips nsrr, and stssnet where that is among the models.",
            show_default=False,
            rich_help_panel=NUMBERS,
        ),
    ] = None,
    metrics: Metrics = None,
    mode: Mode = None,
    lpips_weights: LpipsWeights = None,
    scale: Annotated[
        int | None,
        typer.Option(
            "--scale",
            "-s",
            min=2,
            help="How many times larger. Default: the models'.",
            show_default=False,
            rich_help_panel=DATA,
        ),
    ] = None,
    degradation: Annotated[
        str | None,
        typer.Option(
            "--degradation",
            metavar="NAME",
            help="How low resolution is made: bi, bd, bi-8bit, bd-centred. Default: the files that are there, else bi, or bd "
            "for models trained for it.",
            show_default=False,
            rich_help_panel=DATA,
        ),
    ] = None,
    low: Annotated[
        Path | None,
        typer.Option(
            "--low", metavar="FOLDER", help="Where low resolution is, if not where the set has it.", rich_help_panel=DATA
        ),
    ] = None,
    multiple: Annotated[
        int | None,
        typer.Option(
            "--multiple",
            min=1,
            help="Cut low resolution to a multiple of so many pixels, and high resolution to match. Default: what all models "
            "take without padding.",
            show_default=False,
            rich_help_panel=DATA,
        ),
    ] = None,
    layout: Annotated[
        str,
        typer.Option(
            "--layout",
            help="auto, images, clip (a folder of frames), clips, vimeo, videos, stssnet, rendered.",
            rich_help_panel=DATA,
        ),
    ] = "auto",
    cuts: Cuts = "off",
    far: Far = None,
    device: Device = "auto",
    precision: Precision = "auto",
    report: ReportFolder = None,
    csv: CsvFile = None,
    keep_results: Annotated[
        Path | None,
        typer.Option(
            "--keep-results",
            metavar="DIR",
            help="Keep every result as a PNG, in a folder for each model.",
            show_default=False,
            rich_help_panel=WRITING,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="With --report: take what an earlier run finished, and do the rest.", rich_help_panel=WRITING
        ),
    ] = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Score models on a data set, bicubic beside them, and time them.

    Low-resolution files that are not there are made on the fly. With --report an evaluation that is cut off goes on where it
    was: --resume.
    """
    *models, dataset = models_and_dataset
    if not models:
        raise typer.BadParameter("name at least one model, then the data set", param_hint="MODEL... DATASET")
    if resume and (overwrite or report is None):
        raise typer.BadParameter("goes with --report, and not with --overwrite", param_hint="--resume")
    with one_line(debug=debug):
        from upframe.evaluation import EvaluationOptions, ScoringOptions
        from upframe.evaluation import evaluate as score
        from upframe.evaluation.journal import EvaluationJournal

        again = resume or overwrite
        refuse_existing(report, csv, overwrite=again)
        journal = EvaluationJournal(report / "journal" if report else None)
        if keep_results is not None and keep_results.is_dir() and any(keep_results.iterdir()) and not again:
            raise OutputError(
                f"{keep_results}: the folder is not empty; keep results elsewhere, or add --overwrite or --resume"
            )
        if not resume:
            journal.clear(overwrite=overwrite)
        request = EvaluationOptions(
            models=tuple(models),
            place=dataset,
            scoring=ScoringOptions(protocol, split_metrics(metrics), mode, tuple(lpips_weights or ())),
            scale=scale,
            degradation=degradation,
            layout=layout,
            low=low,
            multiple=multiple,
            device=device,
            precision=precision,
            cuts=cuts,
            far=far,
            journal=journal.folder,
            keep=keep_results,
            panels=report is not None,
        )
        with _resumable(journal), telling(quiet=quiet or as_json) as (on_step, on_note):
            evaluation, panels = score(request, on_step=on_step, on_note=on_note)
        deliver(evaluation, panels, report=report, csv=csv, overwrite=again, as_json=as_json)


@contextmanager
def _resumable(journal: EvaluationJournal) -> Iterator[None]:
    """Say of an evaluation that is interrupted how it goes on, where anything of it was kept."""
    try:
        yield
    except KeyboardInterrupt:
        count = len(journal.items())
        if not count:
            raise
        words = "1 clip of a model is" if count == 1 else f"{count} clips of models are"
        write_error(f"interrupted; {words} finished and kept: the same command with --resume does the rest")
        sys.exit(INTERRUPTED)
