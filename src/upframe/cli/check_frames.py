"""``upframe check-frames``: whether a capture keeps to the contract of rendered frames."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upframe.cli.errors import FAILED, one_line
from upframe.cli.options import AsJson, Debug, Overwrite
from upframe.cli.printing import console, printable
from upframe.errors import OutputError

if TYPE_CHECKING:
    from upframe.engine.supersampler import Supersampler
    from upframe.rendered.check.captures import Capture
    from upframe.rendered.check.checker import Finding, Report


def check_frames(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="A clip with its clip.json, a folder of them, or NSRR's or Arm's layout.", show_default=False
        ),
    ],
    show: Annotated[
        Path | None,
        typer.Option(
            "--show",
            metavar="DIR",
            help="Write an image of every frame: warped past, holes, motion, depth.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", metavar="NAME|FILE", help="With --show: what this network makes of the past.", show_default=False
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Check rendered frames: motion, jitter, depth, cuts and values, by measuring which reading of them fits.

    Says in a line each what is wrong: "motion y looks inverted: error 0.012 against 0.141". Exit code 1 if anything is.
    """
    if model is not None and show is None:
        raise typer.BadParameter("is for the images of --show", param_hint="--model")
    failed = False
    with one_line(debug=debug):
        if show is not None and show.resolve().is_relative_to(folder.resolve()):
            raise OutputError(f"{show}: is in the capture, which stays as it is", remedy="write elsewhere")
        from upframe.rendered.check.captures import open_captures
        from upframe.rendered.check.checker import check_frames as check

        captures = open_captures(folder)
        for capture in captures:
            report = check(capture.frames, capture.cameras)
            failed |= bool(report.mistakes)
            if as_json:
                print(json.dumps({"clip": capture.name, **report.as_dict()}), flush=True)
            else:
                _print(capture, report)
            if show is not None:
                _show(capture, report, show if len(captures) == 1 else show / capture.name, model, overwrite)
    if failed:
        raise typer.Exit(FAILED)


def _print(capture: Capture, report: Report) -> None:
    from rich.markup import escape

    screen = console(soft_wrap=True)
    name = escape(printable(capture.name))
    verdict = f"[bold red]{len(report.mistakes)} wrong[/]" if report.mistakes else "[green]passed[/]"
    screen.print(
        f"[bold]{name}[/]  {report.frames} frames, {report.pairs} compared: {verdict}",
        highlight=False,
    )
    for finding in report.findings:
        mark = "[red]wrong[/]" if finding.kind == "mistake" else "[yellow]note[/] "
        screen.print(f"  {mark} {escape(printable(_words(finding)))}", highlight=False)


def _words(finding: Finding) -> str:
    frames, words = finding.frames, finding.message + (f"; {finding.remedy}" if finding.remedy else "")
    if not frames:
        return words
    named = ", ".join(f"{number:05d}" for number in frames[:3]) + (f" and {len(frames) - 3} more" if len(frames) > 3 else "")
    return f"frame{'s' * (len(frames) > 1)} {named}: {words}"


def _show(capture: Capture, report: Report, folder: Path, model: str | None, overwrite: bool) -> None:
    """An image for every frame that can be read."""
    from upframe.errors import InputError, ShapeError
    from upframe.media.image.file import write_image
    from upframe.media.image.image import Image
    from upframe.rendered.check.images import FrameTiles, map_tiles, sheet, watched

    tiles = FrameTiles(report.reading)
    supersampler = None if model is None else _supersampler(model)
    with ExitStack() as stack:
        maps = stack.enter_context(watched(supersampler.network.named_modules())) if supersampler is not None else {}
        for number in range(len(capture.frames)):
            try:
                frame = capture.frames[number]
            except (InputError, ShapeError):
                continue  # is in the report
            if supersampler is not None:
                supersampler.step(frame)
            pixels = sheet([*tiles.step(frame), *map_tiles(maps, frame.size)])
            write_image(folder / f"{number:05d}.png", Image(pixels), overwrite=overwrite)


def _supersampler(model: str) -> Supersampler:
    from upframe.engine.supersampler import Supersampler

    return Supersampler(model)
