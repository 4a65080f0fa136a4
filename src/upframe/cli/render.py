"""``upframe render``: scenes from a seed, rendered with every buffer a supersampling network wants."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from upframe.cli.errors import one_line
from upframe.cli.options import IMAGES, AsJson, Debug, FramesPerSecond, Jitter, Quiet, Seed

if TYPE_CHECKING:
    from upframe.cli.report import Report
    from upframe.renderers.job import ClipName, RenderSettings
    from upframe.renderers.makers import MakerName

LIGHT = "Scene"


def render(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="SCENE OUT",
            help="A scene (street, park, hall, yard) or .blend file, and the folder for its clip. With --set the folder alone.",
            show_default=False,
        ),
    ],
    named_set: Annotated[
        str | None,
        typer.Option(
            "--set",
            metavar="NAME",
            help="A named set of clips, always the same: small (28 clips for x2, 570 MB, 7 minutes on two cores), small-x4 "
            "(the same scenes for x4, 710 MB, two to three times as long), or tiny (8 clips) to try it out.",
        ),
    ] = None,
    seed: Seed = 0,
    maker: Annotated[
        Literal["raster", "blender"],
        typer.Option(
            "--maker",
            help="What renders. raster: OpenGL, on a GPU or in software. blender: Cycles traces paths, slowly, "
            "by the Python of UPFRAME_BLENDER, of .venv-blender (make blender), or by an installed Blender.",
        ),
    ] = "raster",
    size: Annotated[
        str | None,
        typer.Option("--size", metavar="WxH", help="Of the frames. \\[default: 960x540, or the set's]", rich_help_panel=IMAGES),
    ] = None,
    scale: Annotated[
        int | None,
        typer.Option(
            "--scale",
            "-s",
            min=0,
            max=8,
            help="How many times larger the targets are; 0 makes none. \\[default: 2]",
            rich_help_panel=IMAGES,
        ),
    ] = None,
    frames: Annotated[
        int | None, typer.Option("--frames", min=1, help="\\[default: 60, or the set's]", rich_help_panel=IMAGES)
    ] = None,
    fps: FramesPerSecond = 30.0,
    samples: Annotated[
        int | None,
        typer.Option(
            "--samples",
            min=1,
            help="Samples in each pixel of a target; Blender takes a quarter for a frame. \\[default: 16, Blender 64]",
            show_default=False,
            rich_help_panel=IMAGES,
        ),
    ] = None,
    jitter: Jitter = True,
    colour: Annotated[
        Literal["all", "even"],
        typer.Option("--colour", help="even: every other frame has motion and G-buffers alone.", rich_help_panel=IMAGES),
    ] = "all",
    textures: Annotated[
        Path | None,
        typer.Option(
            "--textures", metavar="DIR", help="Photographs to hang where posters and paintings are.", rich_help_panel=LIGHT
        ),
    ] = None,
    texture_size: Annotated[
        int, typer.Option("--texture-size", min=16, max=4096, help="Side of a texture in pixels.", rich_help_panel=LIGHT)
    ] = 512,
    environment: Annotated[
        Path | None,
        typer.Option("--environment", metavar="FILE.exr", help="A panorama that lights the scene.", rich_help_panel=LIGHT),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Render clips with colour, depth, motion, normals and materials, and large images to learn from.

    A clip that was not finished goes on where it stopped when the same command is given again.
    """
    if len(arguments) != (2 if named_set is None else 1):
        raise typer.BadParameter("give a scene and a folder" if named_set is None else "with --set give a folder alone")
    with one_line(debug=debug):
        from upframe.cli.report import reporter
        from upframe.engine.size import parse_size

        clips, settings = _wanted(arguments, named_set, seed)
        settings = replace(
            settings,
            size=settings.size if size is None else parse_size(size),
            scale=settings.scale if scale is None else scale or None,
            frames=settings.frames if frames is None else frames,
            fps=fps,
            samples=samples,
            jitter=jitter,
            colour=colour,
            textures=textures,
            texture_pixels=texture_size,
            environment=environment,
        )
        with reporter(as_json=as_json, quiet=quiet) as report:
            for clip, folder in clips:
                _render(clip, folder, settings, maker, report)


def _wanted(arguments: list[str], named_set: str | None, seed: int) -> tuple[list[tuple[ClipName, Path]], RenderSettings]:
    """The clips, each with its folder, and the settings to begin with."""
    from upframe.errors import InputError
    from upframe.renderers.job import SETS, ClipName, RenderSettings

    folder = Path(arguments[-1])
    if named_set is None:
        return [(ClipName(arguments[0], seed, ""), folder)], RenderSettings()
    if named_set not in SETS:
        raise InputError(f"{named_set}: no such set; there are {', '.join(SETS)}")
    settings, clips = SETS[named_set]
    return [(clip, folder / clip.folder) for clip in clips], settings


def _render(clip: ClipName, folder: Path, settings: RenderSettings, maker: MakerName, report: Report) -> None:
    """One clip, with its events."""
    from upframe.engine import events
    from upframe.renderers.job import render_clip

    (height, width), scale = settings.size, settings.scale or 1
    name = clip.theme if clip.theme.endswith(".blend") else f"{clip.theme} {clip.seed}"
    with closing(render_clip(clip.theme, clip.seed, folder, settings, maker)) as progress:
        started = next(progress)
        larger = (width * scale, height * scale)
        report(events.Started(name, str(folder), "render", clip.theme, maker, (width, height), larger, started.frames))
        for note in started.notes:
            report(events.Note(name, note))
        if started.done:
            report(events.Note(name, f"{started.done} of {started.frames} frames were there already"))
        meter = events.Meter(name, started.frames - started.done)
        for step in progress:
            report(replace(meter.tick(), done=step.done, frames=step.frames))
    report(meter.finished(str(folder)))
