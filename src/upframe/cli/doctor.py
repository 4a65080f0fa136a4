"""``upframe doctor``: what a maintainer needs to know of an installation, and whether it works."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from upframe.cli.errors import FAILED, one_line
from upframe.cli.loading import loading
from upframe.cli.options import AsJson, Debug
from upframe.cli.printing import write_line

if TYPE_CHECKING:
    from upframe.doctor.trial import Trial


def doctor(
    quick: Annotated[bool, typer.Option("--quick", help="Only the facts: nothing is tried.")] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show versions, devices, codecs and extras, and try an image and a video.

    Paste what it prints into a report of a fault. It holds no path and no name of yours.
    """
    with one_line(debug=debug):
        with loading():
            from upframe.doctor.facts import facts
            from upframe.doctor.trial import trials
        found = facts()
        tried: list[Trial] = [] if quick else list(trials())
        if as_json:
            print(json.dumps(found | {"trials": {trial.name: trial.problem or trial.said for trial in tried}}))
        else:
            for group, entries in found.items():
                write_line(group)
                for name, value in entries.items():
                    write_line(f"  {name:<24} {value}")
            for trial in tried:
                write_line(f"{trial.name}: {trial.said}" + (f": {trial.problem}" if trial.problem else ""))
    if any(trial.problem for trial in tried):
        raise typer.Exit(FAILED)
