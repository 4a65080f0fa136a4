"""``upframe play``: a scene rendered and supersampled, live."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upframe.cli.errors import one_line
from upframe.cli.options import (
    IMAGES,
    RUNNING,
    AsJson,
    Debug,
    Device,
    Far,
    FramesPerSecond,
    Jitter,
    Overwrite,
    Precision,
    Quiet,
    Seed,
)
from upframe.cli.printing import console, printable

if TYPE_CHECKING:
    from upframe.cli.report import Report
    from upframe.engine.supersampler import Supersampler
    from upframe.play.session import Played, PlaySettings, Show

STAGES = {
    "frame": "from frame to frame",
    "render": "render",
    "reference": "reference, after it",
    "network": "history and network",
    "compose": "side by side",
    "show": "window or video",
}
"""What the stages are called on a terminal."""
SHIPPED = {2: "stssnet-x2", 4: "nsrr-x4"}
"""What supersamples where no model is named, by the upscaling: the one that is faster on a processor."""


def play(
    scene: Annotated[str, typer.Argument(metavar="SCENE", help="street, park, hall or yard.", show_default=False)],
    record: Annotated[
        Path | None,
        typer.Option("--record", "-o", metavar="OUT.mp4", help="Write what would be seen to a video; no window is opened."),
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Show nothing: render, upscale, and tell the times.")] = False,
    seed: Seed = 0,
    size: Annotated[
        str, typer.Option("--size", metavar="WxH", help="Of the rendered frames.", rich_help_panel=IMAGES)
    ] = "480x270",
    scale: Annotated[
        int | None,
        typer.Option("--scale", "-s", min=1, max=8, help="\\[default: the model's, else 2]", rich_help_panel=IMAGES),
    ] = None,
    frames: Annotated[
        int, typer.Option("--frames", min=1, help="In a window they are repeated until it is closed.", rich_help_panel=IMAGES)
    ] = 60,
    fps: FramesPerSecond = 30.0,
    reference: Annotated[
        bool | None,
        typer.Option(
            "--reference/--no-reference",
            help="Render the image a network should make too, which takes the longest. \\[default: when recording]",
            show_default=False,
            rich_help_panel=IMAGES,
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", min=1, help="Samples in each pixel of the reference.", rich_help_panel=IMAGES)
    ] = 16,
    jitter: Jitter = True,
    overwrite: Overwrite = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME|FILE",
            help="NSRR's or STSSNet's weights, or none. \\[default: stssnet-x2; nsrr-x4 for --scale 4]",
            show_default=False,
            rich_help_panel=RUNNING,
        ),
    ] = None,
    far: Far = None,
    device: Device = "auto",
    precision: Precision = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Render a scene and supersample it at the same time: low resolution, bicubic, TAAU, the network and a reference.

    Below them: how long rendering, the network and the rest took. With STSSNet only every other frame is shaded.
    """
    with one_line(debug=debug):
        from upframe.cli.report import reporter
        from upframe.engine.size import parse_size
        from upframe.engine.supersampler import Supersampler
        from upframe.play.session import PlaySettings

        name = model or SHIPPED.get(scale or 2, "none")
        supersampler = None if name == "none" else Supersampler(name, device=device, precision=precision, far=far)
        settings = PlaySettings(
            size=parse_size(size),
            scale=scale or (2 if supersampler is None else supersampler.info.scale),
            frames=frames,
            fps=fps,
            repeat=record is None and not headless,
            reference=record is not None if reference is None else reference,
            samples=samples,
            jitter=jitter,
            colour_every=2 if supersampler is not None and supersampler.network.fills_in else 1,
        )
        with _screen(scene, record, headless, overwrite, fps) as show, reporter(as_json=as_json, quiet=quiet) as report:
            played = _play(scene, seed, settings, supersampler, show, report, as_json)
        if not (as_json or quiet):
            _print_times(played, record)


@contextmanager
def _screen(title: str, record: Path | None, headless: bool, overwrite: bool, fps: float) -> Iterator[Show | None]:
    """Where images go: a video, a window, or nowhere. Before anything is rendered, so that what cannot work fails now."""
    if record is not None:
        from upframe.media.video.recorder import Pixels, record_video

        with record_video(record, fps, overwrite=overwrite) as add:

            def show(pixels: Pixels) -> bool:
                add(pixels)
                return True

            yield show
    elif headless:
        yield None
    else:
        from upframe.play.window import Window

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
    from upframe.play.session import Played, Shown, play
    from upframe.renderers.scenes import generate
    from upframe.runtime.memory import keep_freed_memory

    keep_freed_memory()
    name = f"{theme} {seed}"
    if supersampler is None:
        report(events.Note(name, "nothing is supersampled: give the weights of NSRR or STSSNet with --model"))
    elif caution := supersampler.info.caution:
        report(events.Note(name, caution))
    meter = events.Meter(name, None if settings.repeat else settings.frames)
    make_scene = partial(generate, theme, seed, seconds=settings.frames / settings.fps)
    with closing(play(make_scene, settings, supersampler, show)) as progress:
        for event in progress:
            report(meter.tick() if isinstance(event, Shown) and not as_json else event)
    assert isinstance(event, Played), "the last event"
    return event


def _print_times(played: Played, record: Path | None) -> None:
    from rich.markup import escape
    from rich.table import Table

    screen = console()
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right", style="bold")
    for stage, milliseconds in played.median_ms.items():
        table.add_row(STAGES[stage], f"{milliseconds:,.1f} ms")
    video = f" -> {escape(printable(record))}" if record else ""
    name = escape(printable(played.input))
    screen.print(f"[bold]{name}[/]{video}  {played.frames} frames, {played.fps:.1f} fps", highlight=False)
    screen.print(table)
    screen.print(f"limited by: {STAGES[played.limited_by]}", highlight=False)
