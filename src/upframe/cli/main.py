"""The ``upframe`` command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from upframe.cli import (
    check_frames,
    cluster,
    compare,
    data,
    degrade,
    doctor,
    evaluate,
    export,
    jobs,
    models,
    monitor,
    pack,
    play,
    profile,
    render,
    serve,
    supersample,
    train,
    upscale,
)
from upframe.cli.printing import printable

_UsageError: Any = typer.BadParameter.__bases__[0]  # of click, or of typer's own edition of it


@contextmanager
def _printable_usage() -> Iterator[None]:
    """What is said of wrong usage quotes the words that were given, which may be names of files."""
    try:
        yield
    except _UsageError as error:
        if (plain := printable(error.message)) == error.message:
            raise
        raise _UsageError(plain, error.ctx) from None


class _Commands(TyperGroup):
    """The commands. An argument without a character, mostly a shell's variable that is not set, would mean this folder."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if "" in args:
            raise typer.BadParameter("one of the arguments is empty; write '.' for this folder", ctx=ctx)
        with _printable_usage():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        with _printable_usage():
            return super().invoke(ctx)


app = typer.Typer(
    cls=_Commands,
    name="upframe",
    help="Super-resolution of images, video and rendered frames, on this machine, offline.\n\n"
    "[bold]upframe upscale holiday.mp4[/]  makes holiday-x2.mp4 beside it, with its sound, subtitles and timing.\n\n"
    "[bold]upframe upscale photos/ -o large/ --scale 4[/]  does a whole folder.\n\n"
    "[bold]upframe models[/]  lists what is built in.",
    epilog="Exit codes: 0 done, 1 failed (one line says why), 2 wrong usage, 130 interrupted, 129 hung up.",
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command(name="upscale", cls=upscale.UpscaleCommand)(upscale.upscale)
app.command(name="profile")(profile.profile)
app.command(name="export")(export.export)
app.command(name="train")(train.train)
app.command(name="monitor")(monitor.monitor)
app.command(name="evaluate")(evaluate.evaluate)
app.command(name="compare")(compare.compare)
app.command(name="degrade")(degrade.degrade)
app.command(name="pack")(pack.pack)
app.command(name="check-frames")(check_frames.check_frames)
app.command(name="render")(render.render)
app.command(name="supersample")(supersample.supersample)
app.command(name="play")(play.play)
app.command(name="serve")(serve.serve)
app.command(name="doctor")(doctor.doctor)
app.add_typer(models.app, name="models")
app.add_typer(jobs.app, name="jobs")
app.add_typer(cluster.app, name="cluster")
app.add_typer(data.app, name="data")


def _print_version(value: bool) -> None:
    if value:
        from upframe.doctor.facts import version_line

        print(version_line())
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the versions of Upframe and torch and the device, and exit.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Options of the program itself."""
