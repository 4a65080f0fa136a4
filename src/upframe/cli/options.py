"""The options that several commands have: one name, one meaning and the same words everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

DATA, NUMBERS, IMAGES, RUNNING = "The data", "The numbers", "Images", "Running the model"
WRITING, SAYING = "What is written", "What is printed"
"""Headings under which a command's help puts its options."""

# What a command works on.
Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Images, videos, folders (searched to the bottom), patterns such as 'shots/*.png', "
        "or numbered frames such as frames/%05d.png.",
        show_default=False,
    ),
]
ModelName = Annotated[
    str, typer.Argument(metavar="MODEL", help="A name from `upframe models`, or a weights file.", show_default=False)
]

# How a model runs.
Device = Annotated[
    str,
    typer.Option("--device", "-d", help="auto, cpu, cuda, cuda:1, mps; of ncnn vulkan, vulkan:1.", rich_help_panel=RUNNING),
]
Precision = Annotated[
    Literal["auto", "fp32", "fp16", "bf16"],
    typer.Option(
        "--precision",
        help="auto is fp32, on CUDA the half precision a model's card calls as good; bf16 is also for CPUs that have it, "
        "fp16 for networks for images in ncnn on a card.",
        rich_help_panel=RUNNING,
    ),
]
Sampled = Annotated[
    Literal["centre", "corner"],
    typer.Option(
        "--sampling",
        help="Where the pixels of the input lie in the cells they stand for: centre, as in any video or image, or corner, in "
        "test data of `upframe degrade --kind bd`.",
        rich_help_panel=RUNNING,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, help="Processor threads for the model.", show_default=False, rich_help_panel=RUNNING),
]
Cuts = Annotated[
    str,
    typer.Option(
        "--cuts",
        metavar="auto|off|FILE",
        help="Where a model for video forgets what it has seen: found, never, or a list of frame numbers.",
        rich_help_panel=RUNNING,
    ),
]
Far = Annotated[
    float | None,
    typer.Option(
        "--far",
        metavar="UNITS",
        help="The depth of a rendered frame that STSSNet sees as 1. \\[default: each frame's largest]",
        show_default=False,
        rich_help_panel=RUNNING,
    ),
]

# Scenes that are rendered.
Seed = Annotated[int, typer.Option("--seed", min=0, help="Each seed is another scene.")]
FramesPerSecond = Annotated[float, typer.Option("--fps", help="Frames a second.", rich_help_panel=IMAGES)]
Jitter = Annotated[
    bool,
    typer.Option("--jitter/--no-jitter", help="Sample each frame at another place in its pixels.", rich_help_panel=IMAGES),
]

# How results are measured.
Metrics = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        metavar="A,B,...",
        help="psnr, ssim, lpips, tof, tlp, tpsnr, warping, niqe, vmaf, xpsnr; psnr_y and the like for one colour space. "
        "\\[default: the protocol's]",
        show_default=False,
        rich_help_panel=NUMBERS,
    ),
]
Mode = Annotated[
    Literal["all", "edge", "hole"] | None,
    typer.Option(
        "--mode",
        help="Which pixels count. \\[default: the protocol's, mostly all]",
        show_default=False,
        rich_help_panel=NUMBERS,
    ),
]
LpipsWeights = Annotated[
    list[Path] | None,
    typer.Option(
        "--lpips-weights",
        metavar="FILE",
        help="Weights of LPIPS: one file that holds all, or this option twice, for heads and classifier. "
        "\\[default: those that UPFRAME_LPIPS names]",
        show_default=False,
        rich_help_panel=NUMBERS,
    ),
]

# What is written.
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there already.", rich_help_panel=WRITING)]
ReportFolder = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="DIR",
        help="Write DIR/report.html: one page with tables, plots, crops and a slider, which needs nothing else.",
        show_default=False,
        rich_help_panel=WRITING,
    ),
]
CsvFile = Annotated[
    Path | None,
    typer.Option("--csv", metavar="FILE", help="Write all values as CSV.", show_default=False, rich_help_panel=WRITING),
]

# What is printed.
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print JSON alone on standard output, one object a line.", rich_help_panel=SAYING),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print results and errors, no progress and no notes.", rich_help_panel=SAYING)
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=SAYING)]
