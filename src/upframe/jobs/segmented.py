"""A video in segments: planned, made part by part, and put together. What is made survives whatever ends the program."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from upframe.engine import events
from upframe.engine.cuts import choose_cuts
from upframe.engine.events import Event
from upframe.engine.grain import Grain
from upframe.engine.pipeline import in_background
from upframe.engine.upscaler import Upscaler
from upframe.errors import InputError, OutputError
from upframe.jobs.cluster.job import cluster_device, common_precision, make_on_cluster
from upframe.jobs.fingerprint import Fingerprint, changes, input_mark, versions
from upframe.jobs.grain import resolve_grain
from upframe.jobs.images import refuse_existing
from upframe.jobs.journal import Journal, Part, job_folder
from upframe.jobs.loaded import LoadedModels
from upframe.jobs.making import FrameMade, PartMaker, VideoTask
from upframe.jobs.options import FileOptions, UpscaleOptions
from upframe.jobs.planning import reach_of, survey
from upframe.jobs.segments import Segment
from upframe.jobs.videos import VideoJob, open_reader, suit_to_video
from upframe.jobs.workers import WorkerPool, choose_workers
from upframe.media.atomic import atomic_output, output_error
from upframe.media.files import Input
from upframe.media.notes import no_notes
from upframe.media.video.frame_index import IndexingReader
from upframe.media.video.info import VideoInfo
from upframe.media.video.parts import JoiningWriter
from upframe.media.video.preparation import AS_DECODED
from upframe.media.video.reader import VideoReader
from upframe.models.header import sha256
from upframe.remedies import Option, either, leave_out, way
from upframe.runtime.precision import name_of

LONG = 600.0  # seconds from which a video is made in segments without being asked
_MOST_ENCODER_THREADS = 16


@dataclass(slots=True)
class _Progress:
    """Frames made of each segment, in this run or before."""

    meter: events.Meter
    job: str
    whole: int
    current: dict[int, int]

    def frame(self, segment: int, worker: str) -> events.Progress:
        self.current[segment] = self.current.get(segment, 0) + 1
        self.meter.done = self.whole + sum(self.current.values()) - 1
        return replace(self.meter.tick(), job=self.job, segment=segment, worker=worker)

    def part(self, part: Part) -> None:
        self.current.pop(part.segment, None)
        self.whole += part.frames


class SegmentedVideoJob:
    """One video to a video, with a journal beside the result while it is being made."""

    def __init__(self, item: Input, target: Path, models: LoadedModels, options: UpscaleOptions) -> None:
        self._asked = options.video.preparation
        if options.job.cluster is not None:  # whose machines decode a few packets each, and know frames again by their samples
            options = replace(options, video=replace(options.video, preparation=AS_DECODED))
        self._item, self._target, self._models, self._options = item, target, models, options
        self._journal = Journal(job_folder(target))
        self._tail = 0  # frames after a segment that its encoder is shown

    def run(self) -> Iterator[Event]:
        """Raises UpframeError for a video that cannot be read, upscaled or written, and for a job that has changed."""
        item, target, models, options = self._item, self._target, self._models, self._options
        if self._is_published():
            self._journal.remove()
        refuse_existing(target, overwrite=options.files.overwrite)
        self._look_at_earlier_run()
        kind = VideoReader if options.job.cluster is None else IndexingReader
        with in_background(lambda: open_reader(item.path, options.video, options.files, models.note, kind=kind)) as reader:
            info = reader.info
            self._refuse_on_cluster(info)
            suit_to_video(models, info, options)
            upscaler = models.upscaler(info.height, info.width)
            task = self._task(reader, upscaler)
            if obstacle := self._try_writing(reader, task):
                models.note(f"is made in one go: {obstacle}")
                yield from VideoJob(item, target, models, options).run()
                return
            yield models.started(item, target, info.full_size, info.frames)
            yield from models.notes_on(item)
            try:
                yield from self._run(reader, task, upscaler)
            except BaseException as error:
                self._tell_what_is_kept()
                if isinstance(error, OSError):  # of the journal, or of a part on its way to the disk
                    raise output_error(target, error) from error
                raise
            finally:
                self._journal.close()

    def _refuse_on_cluster(self, info: VideoInfo) -> None:
        if self._options.job.cluster is None:
            return
        asked = self._asked
        if asked.clean or asked.crop or asked.frame_rate:
            done, option = ("given more frames", "fps") if asked.frame_rate else ("cropped", "crop")
            done, option = ("cleaned", "clean") if asked.clean else (done, option)
            raise InputError(
                f"{self._item.path}: is to be {done}, which a cluster's machines cannot do",
                remedy=either(leave_out("cluster"), leave_out(option)),
            )
        mode = self._asked.deinterlace.mode
        if mode == "off" or (mode == "auto" and not info.interlaced):
            return
        raise InputError(
            f"{self._item.path}: is to be deinterlaced, which a cluster's machines cannot do",
            remedy=either(leave_out("cluster"), way("take its frames as they are with ", Option("deinterlace", "off"))),
        )

    def _run(self, reader: VideoReader, task: VideoTask, upscaler: Upscaler) -> Iterator[Event]:
        item, journal, models = self._item, self._journal, self._models
        self._open_journal(reader, task, upscaler)
        record = journal.record
        task = self._as_planned(task, record.plan)
        yield from models.notes_on(item)
        missing = journal.missing()
        segments, job = record.segments or [], str(self._target)
        yield events.Planned(str(item.path), job, len(segments), record.frames, len(record.parts), record.frames_done)
        meter = events.Meter(str(item.path), record.frames, record.frames_done)
        progress = _Progress(meter, job, record.frames_done, {})
        for made, worker in self._make(task, missing, reader):
            if isinstance(made, FrameMade):
                yield progress.frame(made.segment, worker)
            elif isinstance(made, Part):
                journal.add_part(made)
                progress.part(made)
                yield events.SegmentMade(str(item.path), job, made.segment, len(segments), made.frames, worker)
            else:
                models.note(made)
            yield from models.notes_on(item)
        self._refuse_missing()
        self._join(reader, task)
        yield from models.notes_on(item)
        yield meter.finished(str(self._target))

    def _tell_what_is_kept(self) -> None:
        """After an error: say what a later run can go on with; where that is nothing, nothing is left behind."""
        record = self._journal.record
        if record.parts and record.segments:
            self._models.note(f"{len(record.parts)} of {len(record.segments)} segments are made and kept, and can be resumed")
        elif self._journal.is_open:
            self._journal.remove()

    def _make(
        self, task: VideoTask, missing: list[Segment], reader: VideoReader
    ) -> Iterator[tuple[FrameMade | Part | str, str]]:
        """Each frame and part made, or what is to be noted, and who made it."""
        if not missing:
            return
        if self._options.job.cluster is not None:
            assert isinstance(reader, IndexingReader)
            upscaler = self._models.upscaler(reader.info.height, reader.info.width)
            where = self._journal.part_path, self._journal.add_failure
            yield from make_on_cluster(task, reader, upscaler, self._options.job, missing, *where)
            return
        if self._options.job.devices is not None:
            workers = choose_workers(self._options.job.devices, task.threads)
            pool = WorkerPool(workers, task, self._item.path, self._journal.part_path, self._journal.add_failure)
            with closing(pool):
                yield from pool.make(missing)
            return
        maker = PartMaker(task, self._item.path, self._models)
        worker = str(maker.device)
        with closing(maker):
            for made in maker.make(missing, lambda segment: self._journal.part_path(segment.index)):
                yield made, worker

    def _task(self, reader: VideoReader, upscaler: Upscaler) -> VideoTask:
        options, info = self._options, reader.info
        processors = os.cpu_count() or 1
        threads = min(processors * 3 // 2, _MOST_ENCODER_THREADS)
        encoder = options.video.encoder
        encoder = replace(encoder, threads=encoder.threads or threads)
        return VideoTask(
            self._target.name,
            options.run.target.of(*info.full_size, upscaler.info.scale),
            replace(options.run, model=options.run.model or upscaler.info.name),
            replace(options.video, encoder=encoder, timeline=None),
            FileOptions(max_pixels=options.files.max_pixels, allow_truncated=options.files.allow_truncated),
            reach_of(upscaler.info),
            torch.get_num_threads(),
        )

    def _as_planned(self, task: VideoTask, plan: dict[str, Any]) -> VideoTask:
        """With the numbers of threads that the plan was made with, on whatever machine it goes on."""
        encoder = replace(task.video.encoder, threads=int(plan["encoder_threads"]))
        grain = Grain(tuple(plan["grain"]["strengths"]), plan["grain"]["fineness"]) if "grain" in plan else None
        return replace(task, threads=int(plan["threads"]), video=replace(task.video, encoder=encoder, grain=grain))

    def _try_writing(self, reader: VideoReader, task: VideoTask) -> str:
        """Find out now what cannot be written, and not when all parts are made; why the parts cannot be put together, if so."""
        note = self._models.note
        with TemporaryDirectory() as folder:
            place = Path(folder, "trial").with_suffix(self._target.suffix)
            encoder = task.video.encoder
            trial = in_background(lambda: JoiningWriter(place, reader, task.size, encoder, on_note=note, name=self._target))
            trial.abort()
            self._tail = trial.tail
            return trial.obstacle

    def _fingerprint(self, task: VideoTask, upscaler: Upscaler) -> Fingerprint:
        run = asdict(replace(task.run, model=None, device="", threads=None, tile="auto"))
        encoder = asdict(replace(task.video.encoder, threads=None))
        preparation = task.video.preparation
        video = {"clock": task.video.clock, "size_change": task.video.size_change, **asdict(preparation.deinterlace)}
        restoring = {
            "clean": preparation.clean,
            "crop": preparation.crop,
            "fps": preparation.frame_rate,
            "grain": task.video.grain,
        }
        video |= {name: value for name, value in restoring.items() if value}
        files = {"allow_truncated": task.files.allow_truncated}
        settings = {key: value for key, value in (run | encoder | video | files).items() if key != "model"}
        return {
            "input": input_mark(self._item.path),
            "model": upscaler.info.sha256 or upscaler.info.name,
            "settings": {
                key: value if isinstance(value, int | float | None) else str(value) for key, value in settings.items()
            },
            "device": self._device(upscaler),
            "versions": versions(),
        }

    def _device(self, upscaler: Upscaler) -> dict[str, str]:
        """What the network runs on, and in which precision."""
        device, precision = upscaler.device.type, name_of(upscaler.dtype)
        if (address := self._options.job.cluster) is not None:
            run = self._options.run
            device, precision = cluster_device(address, run), common_precision(run, upscaler)
        return {"device": device, "precision": precision}

    def _is_published(self) -> bool:
        """Whether the result was complete and had its name when an earlier run ended, which could not tidy up any more."""
        if not (self._journal.exists and self._target.is_file()):
            return False
        joined = self._journal.read().joined
        return joined != "" and sha256(self._target) == joined

    def _look_at_earlier_run(self) -> None:
        """Throw an earlier run's work away if asked to. Raises OutputError if nobody has said what becomes of it."""
        journal, resume = self._journal, self._options.job.resume
        if not journal.exists or resume:
            return
        record = journal.read()
        if resume is None:
            count = f"{len(record.parts)} of {len(record.segments)} segments" if record.segments else "the beginning"
            raise OutputError(
                f"{self._target}: an earlier run has made {count} of it",
                remedy=either(way("continue with ", Option("resume", True)), way("start again with ", Option("restart", True))),
            )
        journal.lock()  # raises where a process is at work on it
        journal.remove()

    def _open_journal(self, reader: VideoReader, task: VideoTask, upscaler: Upscaler) -> None:
        """The journal with a plan in it: the earlier run's, if nothing has changed, or a new one."""
        fingerprint = self._fingerprint(task, upscaler)
        header = {"input": str(self._item.path.absolute()), "output": str(self._target.absolute()), "fingerprint": fingerprint}
        record = self._journal.open(header)
        changed = changes(record.header["fingerprint"], fingerprint)
        if changed:
            raise OutputError(
                f"{self._target}: cannot go on where an earlier run stopped: {'; '.join(changed)}",
                remedy=way("start again with ", Option("restart", True)),
            )
        if record.segments is None:
            cuts = self._options.run.cuts
            listed = cuts not in ("auto", "off")
            found = survey(reader, choose_cuts(cuts), task.reach, tail=self._tail, listed=listed)
            facts: dict[str, Any] = {
                "others": found.others,
                "threads": task.threads,
                "encoder_threads": task.video.encoder.threads,
            }
            grain = resolve_grain(task.video.grain, reader.info, upscaler, task.run.target, self._models.note)
            if grain is not None:
                facts["grain"] = asdict(grain)
            self._journal.add_plan(found.segments, **facts)

    def _refuse_missing(self) -> None:
        """Raise OutputError where segments could not be made, whichever way they were tried."""
        failed = self._journal.record.failed
        if failed:
            first, message = min(failed.items())
            raise OutputError(
                f"{self._target}: {len(failed)} segments could not be made, the first is number {first}: {message}; "
                "all others are kept",
                remedy=way("try again with ", Option("resume", True)),
            )

    def _join(self, reader: VideoReader, task: VideoTask) -> None:
        """Put the parts together, with all other streams of the source."""
        journal, options = self._journal, self._options
        parts = [journal.part_path(segment.index) for segment in journal.record.segments or []]
        with (
            open_reader(self._item.path, task.video, replace(task.files, allow_truncated=True), no_notes) as source,
            atomic_output(self._target, overwrite=options.files.overwrite) as temporary,
        ):
            with JoiningWriter(temporary, source, task.size, task.video.encoder, name=self._target) as writer:
                writer.write_parts(parts, islice(source.others(), int(journal.record.plan["others"])))
            journal.add({"entry": "joined", "sha256": sha256(temporary)})
        journal.remove()
