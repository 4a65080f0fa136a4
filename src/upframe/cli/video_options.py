"""The options of ``upframe upscale`` for what is done to the frames of a video."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

VIDEO = "Video output"

ClockChoice = Annotated[
    Literal["join", "keep", "even"],
    typer.Option(
        "--clock",
        help="Where a video's clock jumps, as in joined recordings: join its parts, or keep the times as they are; or show "
        "all frames evenly, at the average rate.",
        rich_help_panel=VIDEO,
    ),
]
SizeChange = Annotated[
    Literal["fit", "stop"],
    typer.Option(
        "--size-change",
        help="Where a video's images change size or shape: fit them into the first ones, or end the video there.",
        rich_help_panel=VIDEO,
    ),
]
DeinterlaceChoice = Annotated[
    Literal["auto", "off", "frame", "field", "telecine"],
    typer.Option(
        "--deinterlace",
        help="Interlaced video: auto makes whole frames of those whose flags say so, if combs are seen; frame of "
        "all; field makes one of every field, at twice the rate; telecine takes repeated fields out, 24 frames of 30.",
        rich_help_panel=VIDEO,
    ),
]
Deinterlacer = Annotated[
    Literal["bwdif", "w3fdif", "estdif"],
    typer.Option("--deinterlacer", help="FFmpeg's filter that does it.", rich_help_panel=VIDEO),
]
CropChoice = Annotated[
    str | None,
    typer.Option(
        "--crop",
        metavar="auto|W:H:X:Y",
        help="Upscale a part of each frame of a video: auto finds black borders and cuts them off.",
        show_default=False,
        rich_help_panel=VIDEO,
    ),
]
Borders = Annotated[
    Literal["drop", "keep"],
    typer.Option(
        "--borders",
        help="keep puts black back around the result, where --crop has cut something off.",
        rich_help_panel=VIDEO,
    ),
]
FrameRateChoice = Annotated[
    str | None,
    typer.Option(
        "--fps",
        metavar="N|x2",
        help="More frames a second of a video, made by motion compensation before upscaling. Experimental.",
        show_default=False,
        rich_help_panel=VIDEO,
    ),
]
Clean = Annotated[
    bool,
    typer.Option(
        "--clean",
        help="Take dot crawl and rainbows of analogue video out, and move colours to where their shapes are, before upscaling.",
        rich_help_panel=VIDEO,
    ),
]
GrainChoice = Annotated[
    str | None,
    typer.Option(
        "--grain",
        metavar="keep|N",
        help="Put grain over a video: as much as upscaling takes away, or N of 255.",
        show_default=False,
        rich_help_panel=VIDEO,
    ),
]
