"""``upframe upscale``: images, folders, frame sequences and videos made larger."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from upframe.cli.errors import FAILED, one_line
from upframe.cli.loading import loading
from upframe.cli.options import (
    RUNNING,
    AsJson,
    Cuts,
    Debug,
    Device,
    Overwrite,
    Precision,
    Quiet,
    Sampled,
    Threads,
)
from upframe.cli.video_options import (
    VIDEO,
    Borders,
    Clean,
    ClockChoice,
    CropChoice,
    DeinterlaceChoice,
    Deinterlacer,
    FrameRateChoice,
    GrainChoice,
    SizeChange,
)

AudioChoice = Literal["auto", "copy", "aac", "opus", "pcm"]
_TIME = re.compile(r"[0-9:.]+")
IMAGES = "Image output"


class UpscaleCommand(TyperCommand):
    """``--preview`` may have a time after it, or none."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for place, word in enumerate(args):
            if word == "--preview" and not _TIME.fullmatch(args[place + 1] if place + 1 < len(args) else ""):
                args = [*args[:place], "--preview=0", *args[place + 1 :]]
        return super().parse_args(ctx, args)


def upscale(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Images, videos, folders (searched to the bottom), patterns such as 'shots/*.png', numbered frames such as "
            "frames/%05d.png, or - for standard input.",
            show_default=False,
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="A file for one input, a folder for many (their structure is kept), frames/%05d.png, or - for standard "
            "output. Without it results go beside their inputs as NAME-x2.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME|FILE",
            help="A name from `upframe models`, a weights file, or what `upframe export` wrote. "
            "By default the input decides, and --effort.",
        ),
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option("--scale", "-s", help="How many times larger. \\[default: the model's, else 2]", show_default=False),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--size", metavar="WxH|same", help="An exact size instead of --scale; same: no larger, but restored."),
    ] = None,
    effort: Annotated[
        Literal["fast", "good", "best"] | None,
        typer.Option(
            "--effort",
            help="Without --model: how slow a network for video may be: of RT4KSR's, FRVSR's or TTVSR's class, as far as "
            "weights are built in for it. Says how many minutes it takes. \\[default: fast]",
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave out inputs whose results are there already, and list them.")
    ] = False,
    resume: Annotated[
        bool | None,
        typer.Option(
            "--resume/--restart",
            help="Go on where an earlier run was ended, keeping what it has made; or throw that away.",
            show_default=False,
            rich_help_panel=RUNNING,
        ),
    ] = None,
    devices: Annotated[
        str | None,
        typer.Option(
            "--devices",
            metavar="auto|A,B,...",
            help="Make the segments of a video in a process for each device: cuda:0,cuda:1 or cpu*2; auto: every GPU.",
            show_default=False,
            rich_help_panel=RUNNING,
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            metavar="ADDRESS|local",
            help="Make the segments of a video on the machines of a Ray cluster: HOST:PORT or auto, on one of them, or local.",
            show_default=False,
            rich_help_panel=RUNNING,
        ),
    ] = None,
    cluster_files: Annotated[
        Literal["auto", "sent"],
        typer.Option(
            "--cluster-files",
            help="auto: machines that see the video at the same path read it there, others are sent what they need of it.",
            rich_help_panel=RUNNING,
        ),
    ] = "auto",
    allow_truncated: Annotated[
        bool, typer.Option("--allow-truncated", help="Keep what can be read of a damaged input instead of refusing it.")
    ] = False,
    max_pixels: Annotated[
        int | None,
        typer.Option("--max-pixels", min=1, help="Refuse images and frames of more pixels than this.", show_default=False),
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    backend: Annotated[
        Literal["torch", "onnxruntime", "openvino", "ncnn"] | None,
        typer.Option(
            "--backend",
            help="What computes the network. By default torch, or what an exported file was made for.",
            show_default=False,
            rich_help_panel=RUNNING,
        ),
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(
            "--provider",
            help="What of ONNX Runtime computes: cpu, cuda, dml, migraphx, coreml. By default cpu.",
            show_default=False,
            rich_help_panel=RUNNING,
        ),
    ] = None,
    tile: Annotated[
        str,
        typer.Option(
            "--tile", metavar="auto|N", help="Side of a tile in input pixels; the result is the same.", rich_help_panel=RUNNING
        ),
    ] = "auto",
    sampling: Sampled = "centre",
    cuts: Cuts = "auto",
    threads: Threads = None,
    preview: Annotated[
        str | None,
        typer.Option(
            "--preview",
            metavar="[TIME]",
            help="Make five seconds of each video alone, from the start or from a time such as 12:30, as NAME-x2-preview.",
            show_default=False,
            rich_help_panel=VIDEO,
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Do what is in a folder, and what comes into it, until Ctrl-C.", rich_help_panel=RUNNING),
    ] = False,
    compiled: Annotated[
        bool,
        typer.Option(
            "--compile", help="Compile the model first, which takes up to minutes: for long videos.", rich_help_panel=RUNNING
        ),
    ] = False,
    graphs: Annotated[
        bool,
        typer.Option("--graphs", help="On CUDA: record the model once a size, and replay it.", rich_help_panel=RUNNING),
    ] = False,
    codec: Annotated[
        str | None,
        typer.Option(
            "--codec",
            metavar="NAME",
            help="x264, x265, av1, vp9, ffv1 (lossless), prores; h264-nvenc, hevc-nvenc on a GPU. \\[default: x264]",
            show_default=False,
            rich_help_panel=VIDEO,
        ),
    ] = None,
    crf: Annotated[
        float | None,
        typer.Option(
            "--crf",
            min=0,
            help="Quality of x264, x265, av1 and vp9: lower is better and larger.",
            show_default=False,
            rich_help_panel=VIDEO,
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option("--preset", help="Speed of the encoder, in its own words.", show_default=False, rich_help_panel=VIDEO),
    ] = None,
    pix_fmt: Annotated[
        str | None,
        typer.Option(
            "--pix-fmt",
            help="Pixel format, such as yuv420p10le. \\[default: the input's]",
            show_default=False,
            rich_help_panel=VIDEO,
        ),
    ] = None,
    audio: Annotated[
        AudioChoice,
        typer.Option(
            "--audio",
            help="auto copies the sound; where that cannot be, its samples are kept, else it is encoded again. copy leaves it "
            "out instead; aac, opus and pcm make it that.",
            rich_help_panel=VIDEO,
        ),
    ] = "auto",
    clock: ClockChoice = "join",
    size_change: SizeChange = "fit",
    deinterlace: DeinterlaceChoice = "auto",
    deinterlacer: Deinterlacer = "bwdif",
    crop: CropChoice = None,
    borders: Borders = "drop",
    clean: Clean = False,
    grain: GrainChoice = None,
    fps: FrameRateChoice = None,
    frames: Annotated[
        Path | None,
        typer.Option(
            "--frames",
            metavar="DIR",
            help="Write a video's frames as numbered PNG images into DIR instead, of several videos each into a folder in it.",
            rich_help_panel=VIDEO,
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(
            "--depth",
            help="Bits of the images written, 8 or 16. \\[default: the input's]",
            show_default=False,
            rich_help_panel=IMAGES,
        ),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            "--layer",
            metavar="NAME",
            help="Of OpenEXR files, the layer, part or channel to take. \\[default: the one that is the image]",
            show_default=False,
            rich_help_panel=IMAGES,
        ),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(
            "--quality",
            min=1,
            max=100,
            help="Quality of JPEG and lossy WebP. \\[default: 95]",
            show_default=False,
            rich_help_panel=IMAGES,
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make images and video larger.

    Videos keep every frame and its time, sound, subtitles, chapters, colours and bit depth; images keep their depth,
    transparency, colour profile and metadata. Nothing is written under its final name before it is whole.
    """
    if not (tile == "auto" or (tile.isdigit() and int(tile) >= 1)):
        raise typer.BadParameter("'auto' or a number of pixels", param_hint="--tile")
    if depth not in (None, 8, 16):
        raise typer.BadParameter("8 or 16", param_hint="--depth")
    if frames is not None and output is not None:
        raise typer.BadParameter("give either --frames or --output", param_hint="--frames")

    if borders == "keep" and crop is None:
        raise typer.BadParameter("only with --crop", param_hint="--borders")
    if cluster is not None and devices is not None:
        raise typer.BadParameter("give either --cluster or --devices", param_hint="--cluster")
    if watch and cluster is not None:
        raise typer.BadParameter("a folder that is watched is made on this machine", param_hint="--cluster")

    if watch and not (len(inputs) == 1 and Path(inputs[0]).is_dir()):
        raise typer.BadParameter("give one folder to watch", param_hint="--watch")

    with one_line(debug=debug):
        with loading():
            from upframe.cli.report import reporter
            from upframe.engine.grain import parse_grain
            from upframe.engine.size import parse_target
            from upframe.jobs.batch import upscale_files, watch_folder
            from upframe.jobs.options import (
                FileOptions,
                ImageOptions,
                JobOptions,
                RunOptions,
                UpscaleOptions,
                VideoOptions,
            )
            from upframe.jobs.pipes import PIPE, is_piped, upscale_piped
            from upframe.jobs.preview import VideoExcerpt, parse_time
            from upframe.media.video.cropping import parse_crop
            from upframe.media.video.deinterlacing import Deinterlace
            from upframe.media.video.frame_rate import parse_frame_rate
            from upframe.media.video.preparation import Preparation
        from upframe.media.video.encoders import EncoderSettings

        options = UpscaleOptions(
            RunOptions(
                model=model,
                target=parse_target(scale, size),
                device=device,
                precision=precision,
                backend=backend,
                provider=provider,
                tile="auto" if tile == "auto" else int(tile),
                sampling=sampling,
                cuts=cuts,
                threads=threads,
                compile=compiled,
                graphs=graphs,
                effort=effort,
            ),
            ImageOptions(depth=8 if depth == 8 else 16 if depth == 16 else None, quality=quality, layer=layer),
            VideoOptions(
                EncoderSettings(codec, crf, preset, pix_fmt, audio),
                clock,
                size_change,
                Preparation(
                    Deinterlace(deinterlace, deinterlacer),
                    clean,
                    None if crop is None else parse_crop(crop, borders),
                    None if fps is None else parse_frame_rate(fps),
                ),
                parse_grain(grain),
                None if preview is None else VideoExcerpt(parse_time(preview)),
            ),
            FileOptions(frames, overwrite, skip_existing, allow_truncated, max_pixels),
            JobOptions(resume, devices, cluster, cluster_files, debug=debug),
        )
        if as_json and output == PIPE:
            raise typer.BadParameter("standard output is taken by the result", param_hint="--json")
        with reporter(as_json=as_json, quiet=quiet) as report:
            failures = 0
            if watch:
                work = watch_folder(inputs[0], output, options)
            else:
                work = (upscale_piped if is_piped(inputs, output) else upscale_files)(inputs, output, options)
            with closing(work) as happenings:
                for event in happenings:
                    report(event)
                    failures += type(event).__name__ == "Failed"
    if failures:
        raise typer.Exit(FAILED)
