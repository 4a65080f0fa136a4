"""Writing the page once, or again and again while trainings go on."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from upframe.reports.training.page import write_monitor
from upframe.reports.training.records import TrainingRecord, named, read_record


def follow_runs(
    folders: Sequence[Path], page: Path, *, every: float | None, overwrite: bool = False
) -> Iterator[list[TrainingRecord]]:
    """Write the page, and yield what it shows. ``every``: seconds to the next one, until all runs have ended; None: once.

    Raises InputError for a damaged run, OutputError where the page cannot be written.
    """
    names = named(folders)
    while True:
        records = [read_record(folder, name) for folder, name in zip(folders, names, strict=True)]
        goes_on = every is not None and not all(record.ended for record in records)
        write_monitor(page, records, refresh=math.ceil(every) if every is not None and goes_on else None, overwrite=overwrite)
        yield records
        if every is None or not goes_on:
            return
        time.sleep(every)
