"""``upframe cluster``: the machines of a Ray cluster, before they are given a video."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from upframe.cli.errors import FAILED, one_line
from upframe.cli.loading import loading
from upframe.cli.options import AsJson, Debug
from upframe.cli.printing import write_line

if TYPE_CHECKING:
    from upframe.jobs.cluster.checking import Checked

app = typer.Typer(help="Look at the machines of a Ray cluster.", no_args_is_help=True)


@app.callback()
def cluster() -> None:
    """Look at the machines of a Ray cluster."""


@app.command("check")
def check(
    address: Annotated[
        str,
        typer.Argument(metavar="ADDRESS", help="HOST:PORT or auto, on one of its machines, or local."),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", metavar="NAME", help="The model to test. \\[default: the built-in one for x2]", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Compare each machine with this one: versions, device, model, and what it makes of a test image."""
    with one_line(debug=debug):
        with loading():
            from upframe.jobs.cluster.checking import check_cluster
        failed = 0
        for found in check_cluster(address, model):
            failed += not found.fits
            if as_json:
                print(json.dumps(asdict(found) | {"fits": found.fits}), flush=True)
            else:
                write_line(_line(found))
    if failed:
        raise typer.Exit(FAILED)


def _line(found: Checked) -> str:
    if not found.device:
        return f"{found.host}  does not fit: {found.problem}"
    packages = " ".join(f"{name} {version}" for name, version in found.versions.items())
    test = (
        "no result" if found.difference is None else "equal" if found.difference == 0 else f"{found.difference:.3f} of 255 off"
    )
    state = f"does not fit: {found.problem}" if found.problem else "fits"
    return f"{found.host}  {found.device}  {packages}  model {found.model[:12]}  self-test {test}  {state}"
