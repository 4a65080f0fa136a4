"""A command's worth of work: inputs found, models loaded once, each input upscaled and written whole, events reported."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import torch

from upframe.engine import events
from upframe.engine.cuts import choose_cuts
from upframe.engine.events import Event
from upframe.errors import InputError, UpframeError, as_upframe_error
from upframe.jobs.animations import AnimationJob
from upframe.jobs.cluster.connection import connected
from upframe.jobs.images import ImageJob, SequenceJob
from upframe.jobs.journal import is_unfinished
from upframe.jobs.loaded import LoadedModels
from upframe.jobs.options import UpscaleOptions
from upframe.jobs.segmented import LONG, SegmentedVideoJob
from upframe.jobs.videos import VideoJob
from upframe.jobs.workload import Workload
from upframe.media.animation import ANIMATION_FORMATS
from upframe.media.files import FoundInputs, Input, SkippedFile, search_inputs
from upframe.media.naming import PlannedOutput, may_be_several, plan_outputs, results_folder
from upframe.media.video.probe import open_video

SECONDS_BETWEEN_LOOKS = 2.0  # at a folder that is watched


class InputJob(Protocol):
    """The work on one input."""

    def run(self) -> Iterator[Event]:
        """Do it, and tell what happens. Raises UpframeError."""


def upscale_files(arguments: Sequence[str], output: str | None, options: UpscaleOptions) -> Generator[Event, None, None]:
    """Upscale everything the arguments name, one input after the other, and tell what happens.

    An input that fails, or an argument that names nothing, is reported as Failed, and the next one follows; at the end Summary
    says what failed and what the folders held besides. What is wrong with the command as a whole (no such model or device, one
    name for several results) is raised as UpframeError before anything is written.

        >>> import upframe
        >>> options = upframe.UpscaleOptions(run=upframe.RunOptions(model="bicubic"))
        >>> for event in upframe.upscale_files(["no-such.mkv", "nor-this.png"], "large/", options):
        ...     print(event.as_dict()["event"])
        failed
        failed
    """
    if options.run.threads is not None:
        torch.set_num_threads(options.run.threads)
    choose_cuts(options.run.cuts)  # a list that cannot be read is found before any work
    if options.job.resume:  # what an earlier run has finished is there, and is not an error then
        options = replace(options, files=replace(options.files, skip_existing=True))
    found = search_inputs(arguments, results=options.files.frames or results_folder(arguments, output))
    if not found.inputs and len(found.refused) == 1:
        raise found.refused[0][1]
    if found.inputs:
        with _cluster(options):
            yield from _upscale_all(found, arguments, output, options)
    else:
        yield from (events.Failed.of(name, error) for name, error in found.refused)


def _upscale_all(found: FoundInputs, arguments: Sequence[str], output: str | None, options: UpscaleOptions) -> Iterator[Event]:
    models = _load(options)
    label = _label(models, options)
    found = found.without_results(label)
    if models.is_for_video:
        found = found.with_clips()
    several = may_be_several(arguments)
    plans = plan_outputs(found, output, label=label, several=several, frames=options.files.frames)
    if options.files.skip_existing:
        plans = _without_existing(plans, found)
    failures = [events.Failed.of(name, error) for name, error in found.refused]
    yield from failures
    workload = Workload([plan.item for plan in plans])
    for number, plan in enumerate(plans):
        yield from workload.follow(number, _run(plan, models, options, failures))
    yield from events.summary_of(len(plans) + len(found.refused), failures, found)


def _cluster(options: UpscaleOptions) -> AbstractContextManager[object]:
    """The cluster, if one is to be used: one connection for all inputs. Raises ClusterError where it cannot be reached."""
    return nullcontext() if options.job.cluster is None else connected(options.job.cluster)


def _load(options: UpscaleOptions) -> LoadedModels:
    """The models; where a cluster computes, this machine needs to know them, not to be able to run them as asked."""
    here = options.job.cluster is None
    return LoadedModels(options.run if here else replace(options.run, precision="auto", device="auto"))


def _label(models: LoadedModels, options: UpscaleOptions) -> str:
    return f"{models.label()}-preview" if options.video.preview else models.label()


def _run(
    plan: PlannedOutput, models: LoadedModels, options: UpscaleOptions, failures: list[events.Failed]
) -> Generator[Event, None, None]:
    """The work on one input; if it fails that is reported, and added to ``failures``."""
    try:
        if plan.refusal is not None:
            raise plan.refusal
        if plan.note:
            models.note(plan.note)
        yield from choose_job(plan, models, options).run()
    except Exception as error:  # one bad input, or a fault of ours, does not end the others
        if options.job.debug and not isinstance(error, UpframeError):
            raise
        yield from models.notes_on(plan.item)
        failures.append(events.Failed.of(plan.item.path, as_upframe_error(error, plan.item.path)))
        yield failures[-1]


def watch_folder(
    folder: str, output: str | None, options: UpscaleOptions, wait: Callable[[float], None] = time.sleep
) -> Generator[Event, None, None]:
    """Upscale the images and videos in a folder, and those that come into it, until it is closed.

    A file is taken once it has stopped growing: when it is the same in two looks. One that could not be read is taken again
    once it has changed. Results that are there already are left as they are. ``wait``: called between two looks with the
    seconds to wait.
    """
    options = replace(options, files=replace(options.files, skip_existing=True))
    models = _load(options)
    label, results = _label(models, options), results_folder([folder], output)
    before: dict[Path, tuple[int, int]] = {}
    done: dict[Path, tuple[int, int]] = {}  # as it was when it was taken: one that is written again is taken again
    while True:
        found = search_inputs([folder], results=results).without_results(label)
        now = {item.path: mark for item in found.inputs if (mark := _mark(item.path)) is not None}
        settled = [
            item
            for item in found.inputs
            if (mark := now.get(item.path)) and before.get(item.path) == mark != done.get(item.path)
        ]
        plans = plan_outputs(FoundInputs(settled), output, label=label, several=True, frames=options.files.frames)
        for plan in _without_existing(plans, found):
            yield from _run(plan, models, options, [])
        done |= {item.path: now[item.path] for item in settled}
        before = now
        wait(SECONDS_BETWEEN_LOOKS)


def _mark(path: Path) -> tuple[int, int] | None:
    """What changes while a file is being written; None where it has gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def choose_job(plan: PlannedOutput, models: LoadedModels, options: UpscaleOptions) -> InputJob:
    """What does the work on an input: an image, an animation, numbered images, or a video, in one breath or in segments."""
    item, target = plan.item, plan.target
    if item.names is not None:
        return SequenceJob(item, item.names, target, models, options)
    if isinstance(target, Path) and item.kind == "image":
        return ImageJob(item, target, models, options)
    if isinstance(target, Path) and item.kind == "animation" and target.suffix.lower() in ANIMATION_FORMATS:
        return AnimationJob(item, target, models, options)
    if isinstance(target, Path) and _is_segmented(item, target, options):
        return SegmentedVideoJob(item, target, models, options)
    return VideoJob(item, target, models, options)


def _is_segmented(item: Input, target: Path, options: UpscaleOptions) -> bool:
    """Whether a video is made in segments: where that is asked for, where it has been begun, and where it is long."""
    job = options.job
    if options.video.preview is not None:
        return False
    if job.segmented is not None:
        return job.segmented
    if job.resume is not None or job.devices or job.cluster or is_unfinished(target):
        return True
    try:
        with open_video(item.path) as container:
            return (container.duration or 0) / 1_000_000 >= LONG
    except InputError:  # the job says it, and more of it
        return False


def _without_existing(plans: list[PlannedOutput], found: FoundInputs) -> list[PlannedOutput]:
    """The plans whose results are not there yet; what is left out is listed among what was found.

    A video whose job is not finished is not left out.
    """
    kept = []
    for plan in plans:
        if plan.refusal is None and _is_done(plan):
            found.passed_over.append(SkippedFile(plan.item.path, f"its result is there already ({plan.target})"))
        else:
            kept.append(plan)
    return kept


def _is_done(plan: PlannedOutput) -> bool:
    """Whether nothing is left to do of an input: its result is there, of numbered frames all of them."""
    target = plan.target
    if isinstance(target, Path):
        return target.exists() and not is_unfinished(target)
    return plan.item.names is not None and all(path.exists() for path in target.paths(plan.item.numbers))
