"""What a user asks for, in groups that go unchanged from the command line to the engine. None leaves a choice to the input."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from upframe.engine.choice import Effort
from upframe.engine.grain import Grain
from upframe.engine.size import Target
from upframe.engine.timeline import Timeline
from upframe.export import Backend
from upframe.jobs.preview import VideoExcerpt
from upframe.media.video.clock import ClockMode
from upframe.media.video.encoders import EncoderSettings
from upframe.media.video.preparation import Preparation
from upframe.ops.sampling import Sampling
from upframe.runtime.precision import Precision


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Which model runs, where and how. ``effort``: how slow a network for video may be, where no model is named; None: fast.

    For example:

        >>> import upframe
        >>> upframe.RunOptions(model="rt4ksr-x2", device="cpu", tile=256).precision
        'auto'
    """

    model: str | None = None
    target: Target = field(default_factory=Target)
    device: str = "auto"
    precision: Precision = "auto"
    backend: Backend | None = None
    provider: str | None = None
    tile: int | Literal["auto"] = "auto"
    sampling: Sampling = "centre"
    cuts: str = "auto"
    threads: int | None = None
    compile: bool = False
    graphs: bool = False
    effort: Effort | None = None


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """How images are read and written."""

    depth: Literal[8, 16] | None = None
    quality: int | None = None
    layer: str | None = None


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """How videos are read and written. ``grain``: put over the result; "keep": as much as upscaling takes away.
    ``preview``: only a few seconds of each. ``timeline``: where the stages are timed.
    """

    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    clock: ClockMode = "join"
    size_change: Literal["fit", "stop"] = "fit"
    preparation: Preparation = field(default_factory=Preparation)
    grain: Grain | Literal["keep"] | None = None
    preview: VideoExcerpt | None = None
    timeline: Timeline | None = None


@dataclass(frozen=True, slots=True)
class FileOptions:
    """Which files are read and written. ``frames``: a folder for the frames of videos, as numbered images."""

    frames: Path | None = None
    overwrite: bool = False
    skip_existing: bool = False
    allow_truncated: bool = False
    max_pixels: int | None = None


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How a video is made in segments.

    ``resume``: go on with what an earlier run has left, True; throw it away, False; None: a job that is there already is an
    error that says so. ``devices``: one worker for each, ``auto``, ``cuda:0,cuda:1`` or ``cpu*2``; None is this process alone.
    ``cluster``: make them on the machines of a cluster of Ray, by its address; ``local`` is one on this machine. cluster_files:
    whether a machine that sees the video at the same place reads it there (auto), or its packets are sent to all of them.
    ``segmented``: whether a video is made in segments at all; None leaves it to its length. ``debug``: a fault of Upframe
    itself is raised, and not reported as of the input.

        >>> import upframe
        >>> job = upframe.JobOptions(resume=True, devices="cuda:0,cuda:1")
    """

    resume: bool | None = None
    devices: str | None = None
    cluster: str | None = None
    cluster_files: Literal["auto", "sent"] = "auto"
    segmented: bool | None = None
    debug: bool = False


@dataclass(frozen=True, slots=True)
class UpscaleOptions:
    """All of it.

    For example:

        >>> import upframe
        >>> options = upframe.UpscaleOptions(run=upframe.RunOptions(model="bicubic", target=upframe.Target(scale=3)))
        >>> options.run.target.scale, options.files.overwrite
        (3, False)
    """

    run: RunOptions = field(default_factory=RunOptions)
    image: ImageOptions = field(default_factory=ImageOptions)
    video: VideoOptions = field(default_factory=VideoOptions)
    files: FileOptions = field(default_factory=FileOptions)
    job: JobOptions = field(default_factory=JobOptions)
