"""``upframe play``: a scene rendered and supersampled, live."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from upframe.cli.errors import one_line

if TYPE_CHECKING:
    from upframe.cli.report import Report
    from upframe.engine.play import Played, PlaySettings, Show
    from upframe.engine.supersampler import Supersampler

PICTURES, NETWORK, SAYING = "Pictures", "Network", "What is printed"
STAGES = {
    "frame": "from frame to frame",
    "render": "render",
    "reference": "reference, after it",
    "network": "history and network",
    "compose": "side by side",
    "show": "window or film",
}
"""What the stages are called on a terminal."""


def play(
    scene: Annotated[str, typer.Argument(metavar="SCENE", help="street, park, hall or yard.", show_default=False)],
    record: Annotated[
        Path | None,
        typer.Option("--record", "-o", metavar="OUT.mp4", help="Write what would be seen to a film; no window is opened."),
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Show nothing: render, enlarge, and tell the times.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Each seed is another scene.")] = 0,
    size: Annotated[
        str, typer.Option("--size", metavar="WxH", help="Of the rendered frames.", rich_help_panel=PICTURES)
    ] = "480x270",
    scale: Annotated[
        int | None,
        typer.Option("--scale", "-s", min=1, max=8, help="\\[default: the model's, else 2]", rich_help_panel=PICTURES),
    ] = None,
    frames: Annotated[
        int, typer.Option("--frames", min=1, help="In a window they are repeated until it is closed.", rich_help_panel=PICTURES)
    ] = 60,
    fps: Annotated[float, typer.Option("--fps", help="Frames a second of the scene.", rich_help_panel=PICTURES)] = 30.0,
    reference: Annotated[
        bool | None,
        typer.Option(
            "--reference/--no-reference",
            help="Render the picture a network should make too, which takes the longest. \\[default: when recording]",
            show_default=False,
            rich_help_panel=PICTURES,
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", min=1, help="Samples in each pixel of the reference.", rich_help_panel=PICTURES)
    ] = 16,
    jitter: Annotated[
        bool,
        typer.Option("--jitter", help="Sample each frame at another place in its pixels.", rich_help_panel=PICTURES),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.mp4.", rich_help_panel=PICTURES)] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME|FILE",
            help="NSRR's or STSSNet's weights.",
            show_default=False,
            rich_help_panel=NETWORK,
        ),
    ] = None,
    far: Annotated[
        float | None,
        typer.Option(
            "--far", metavar="METRES", help="STSSNet's largest depth. \\[default: each frame's]", rich_help_panel=NETWORK
        ),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", "-d", help="auto, cpu, cuda, cuda:1, mps.", rich_help_panel=NETWORK)
    ] = "auto",
    precision: Annotated[
        Literal["auto", "fp32", "fp16", "bf16"],
        typer.Option(
            "--precision",
            help="auto is fp32; half precision is for GPUs, bf16 also for CPUs that have it.",
            rich_help_panel=NETWORK,
        ),
    ] = "auto",
    as_json: Annotated[
        bool,
        typer.Option("--json", help="One JSON object a frame on standard output, nothing else.", rich_help_panel=SAYING),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.", rich_help_panel=SAYING)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=SAYING)] = False,
) -> None:
    """Render a scene and supersample it at the same time: low resolution, bicubic, the network and a reference, side by side.

    Below them: how long rendering, the network and the rest took. With STSSNet only every other frame is shaded.
    """
    with one_line(debug=debug):
        from upframe.cli.report import reporter
        from upframe.engine.play import PlaySettings
        from upframe.engine.size import parse_size
        from upframe.engine.supersampler import Supersampler

        supersampler = None if model is None else Supersampler(model, device=device, precision=precision, far=far)
        settings = PlaySettings(
            size=parse_size(size),
            scale=scale or (2 if supersampler is None else supersampler.info.scale),
            frames=frames,
            fps=fps,
            repeat=record is None and not headless,
            reference=record is not None if reference is None else reference,
            samples=samples,
            jitter=jitter,
            colour_every=2 if supersampler is not None and supersampler.info.family == "stssnet" else 1,
        )
        with _screen(scene, record, headless, overwrite, fps) as show, reporter(as_json=as_json, quiet=quiet) as report:
            played = _play(scene, seed, settings, supersampler, show, report, as_json)
        if not (as_json or quiet):
            _print_times(played, record)


@contextmanager
def _screen(title: str, record: Path | None, headless: bool, overwrite: bool, fps: float) -> Iterator[Show | None]:
    """Where pictures go: a film, a window, or nowhere. Before anything is rendered, so that what cannot work fails now."""
    if record is not None:
        from upframe.media.films.recorder import Pixels, record_film

        with record_film(record, fps, overwrite=overwrite) as add:

            def show(pixels: Pixels) -> bool:
                add(pixels)
                return True

            yield show
    elif headless:
        yield None
    else:
        from upframe.engine.play_window import Window

        with Window(f"upframe play {title}", fps) as window:
            yield window.show


def _play(
    theme: str,
    seed: int,
    settings: PlaySettings,
    supersampler: Supersampler | None,
    show: Show | None,
    report: Report,
    as_json: bool,
) -> Played:
    from functools import partial

    from upframe.engine import events
    from upframe.engine.memory import keep_freed_memory
    from upframe.engine.play import Played, Shown, play
    from upframe.rendering.scenes import generate

    keep_freed_memory()
    name = f"{theme} {seed}"
    if supersampler is None:
        report(events.Note(name, "without --model nothing is supersampled: give the weights of NSRR or STSSNet"))
    meter = events.Meter(name, None if settings.repeat else settings.frames)
    make_scene = partial(generate, theme, seed, seconds=settings.frames / settings.fps)
    with closing(play(make_scene, settings, supersampler, show)) as progress:
        for event in progress:
            report(meter.tick() if isinstance(event, Shown) and not as_json else event)
    assert isinstance(event, Played), "the last event"
    return event


def _print_times(played: Played, record: Path | None) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right", style="bold")
    for stage, milliseconds in played.median_ms.items():
        table.add_row(STAGES[stage], f"{milliseconds:,.1f} ms")
    film = f" -> {escape(str(record))}" if record else ""
    console.print(f"[bold]{escape(played.input)}[/]{film}  {played.frames} frames, {played.fps:.1f} fps", highlight=False)
    console.print(table)
    console.print(f"limited by: {STAGES[played.limited_by]}", highlight=False)
