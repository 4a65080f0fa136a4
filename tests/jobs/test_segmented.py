"""Videos in segments: the same as in one breath, whatever happens in between."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.jobs.killing import make_video
from tests.media.video_fixtures import Video, describe, samples_of, steady
from torch import Tensor

from upframe.engine.events import Event, Failed, Finished, Note, Planned, Progress, SegmentMade
from upframe.engine.tiles import Tiler
from upframe.errors import DeviceError
from upframe.jobs import segments as dividing
from upframe.jobs.batch import upscale_files
from upframe.jobs.journal import Part, job_folder, read_journal
from upframe.jobs.making import PartMaker, VideoTask, make_part
from upframe.jobs.options import FileOptions, JobOptions, RunOptions, UpscaleOptions, VideoOptions
from upframe.jobs.planning import SETTLED
from upframe.jobs.segments import Reach, Segment, divide
from upframe.jobs.workers import choose_workers
from upframe.media.video.encoders import EncoderSettings
from upframe.media.video.parts import read_part
from upframe.models.streams import WARM_UP

RUN = RunOptions(model="bicubic-x2", device="cpu", threads=1)
LOSSLESS = VideoOptions(EncoderSettings("ffv1", threads=1))


def run(source: Path, target: Path, options: UpscaleOptions, **job: Any) -> list[Event]:
    return list(upscale_files([str(source)], str(target), replace(options, job=JobOptions(**job))))


def stop_after(segments: int, source: Path, target: Path, options: UpscaleOptions) -> None:
    """As after Ctrl-C, when so many segments are whole."""
    made = 0
    events = upscale_files([str(source)], str(target), replace(options, job=JobOptions(segmented=True)))
    for event in events:
        made += isinstance(event, SegmentMade)
        if made == segments:
            break
    events.close()


def of(kind: type[Event], events: list[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_video(tmp_path / "source.mkv")


def test_a_video_in_segments_is_that_in_one_breath(source: Path, tmp_path: Path) -> None:
    options = UpscaleOptions(RUN, video=LOSSLESS)
    run(source, tmp_path / "breath.mkv", options, segmented=False)
    events = run(source, tmp_path / "segments.mkv", options, segmented=True)
    assert len(of(SegmentMade, events)) == 4
    before, after = describe(tmp_path / "breath.mkv"), describe(tmp_path / "segments.mkv")
    assert after.samples == before.samples
    assert after.frames == before.frames
    assert (after.streams, after.chapters, after.colours) == (before.streams, before.chapters, before.colours)
    assert [event.done for event in of(Progress, events)] == list(range(1, 91))


def test_a_resumed_job_has_the_same_bytes_and_makes_nothing_twice(source: Path, tmp_path: Path) -> None:
    options = UpscaleOptions(RUN)
    run(source, tmp_path / "whole.mkv", options, segmented=True)
    target = tmp_path / "stopped.mkv"
    stop_after(2, source, target, options)
    assert not target.exists()
    refused = run(source, target, options)
    assert "an earlier run has made 2 of 4 segments" in of(Failed, refused)[0].error
    events = run(source, target, options, resume=True)
    assert of(Planned, events)[0].segments_done == 2
    assert {event.segment for event in of(SegmentMade, events)} == {2, 3}
    assert target.read_bytes() == (tmp_path / "whole.mkv").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"source.mkv", "whole.mkv", "stopped.mkv"}
    assert of(Finished, run(source, target, options, resume=True)) == []  # it is there: nothing to do, and no error


def test_a_changed_setting_or_input_is_said_and_starts_again_only_when_asked(source: Path, tmp_path: Path) -> None:
    target, options = tmp_path / "a.mkv", UpscaleOptions(RUN)
    stop_after(1, source, target, options)
    other = replace(options, video=VideoOptions(EncoderSettings(crf=30)))
    assert "crf is 30, and was not set" in of(Failed, run(source, target, other, resume=True))[0].error
    assert read_journal(job_folder(target)).parts.keys() == {0}
    assert of(Failed, run(source, target, other, resume=False)) == []
    assert len(describe(target).times) == 90


def test_workers_make_the_same_bytes_as_one_process(source: Path, tmp_path: Path) -> None:
    options = UpscaleOptions(RUN)
    run(source, tmp_path / "alone.mkv", options, segmented=True)
    events = run(source, tmp_path / "workers.mkv", options, devices="cpu*2")
    assert of(Failed, events) == []
    assert {event.worker for event in of(SegmentMade, events)} <= {"cpu#0", "cpu#1"}
    assert (tmp_path / "workers.mkv").read_bytes() == (tmp_path / "alone.mkv").read_bytes()


@pytest.mark.long
def test_a_worker_that_is_killed_is_replaced_and_its_segment_made_again(source: Path, tmp_path: Path) -> None:
    options = UpscaleOptions(RUN, job=JobOptions(devices="cpu"))
    run(source, tmp_path / "alone.mkv", UpscaleOptions(RUN), segmented=True)
    killed, notes = False, []
    for event in upscale_files([str(source)], str(tmp_path / "a.mkv"), options):
        assert not isinstance(event, Failed), event
        notes += [event.text] if isinstance(event, Note) else []
        if isinstance(event, Progress) and not killed:
            [worker] = multiprocessing.active_children()
            worker.kill()
            killed = True
    assert any("has died (SIGKILL): segment" in note for note in notes)
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "alone.mkv").read_bytes()


def test_the_part_of_a_segment_is_the_same_by_itself(tmp_path: Path) -> None:
    source = make_video(tmp_path / "source.mkv")
    video = VideoOptions(EncoderSettings(threads=1))
    task = VideoTask("a.mkv", (96, 128), RUN, video, FileOptions(), Reach(), 1)
    segments = divide([number / 2 for number in range(91)], [], Reach())
    parts = [make_part(task, segment, source, tmp_path / f"{segment.index}.part") for segment in segments[1:3]]
    again = make_part(task, segments[2], source, tmp_path / "again.part")
    assert (again.sha256, again.frames) == (parts[1].sha256, segments[2].frames)


def test_where_memory_runs_out_tiles_are_smaller_and_no_frame_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, run = make_video(tmp_path / "source.mkv"), replace(RUN, model="rt4ksr-x2")
    task = VideoTask("a.mkv", (96, 128), run, VideoOptions(EncoderSettings(threads=1)), FileOptions(), Reach(), 1)
    tiled = Tiler._run

    def with_little_memory(tiler: Tiler, image: Tensor) -> Tensor:
        if tiler.tile is None or tiler.tile > 40:
            raise MemoryError
        return tiled(tiler, image)

    monkeypatch.setattr(Tiler, "_run", with_little_memory)
    maker, segment = PartMaker(task, source), Segment(0, 0, 5)
    [*frames, part] = maker.make([segment], lambda _: tmp_path / "0.part")
    assert isinstance(part, Part)
    assert len(frames) == part.frames == len(list(read_part(tmp_path / "0.part")[1])) == 5
    assert "memory ran out: going on in tiles of 38 pixels" in maker.notes()
    maker.close()


def test_a_network_that_remembers_is_warmed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within 1/255 of one breath, for segments in the middle of a shot."""
    monkeypatch.setattr(dividing, "SHARE", 0.4)
    count = 2 * round((SETTLED + WARM_UP) / 0.4) + 10
    video = Video(times=steady(count, rate=1), rate=Fraction(1), size=(16, 24), last_duration=90000)
    video.make(tmp_path / "source.mkv")
    options = UpscaleOptions(replace(RUN, model="frvsr-lite-x2", cuts="off"), video=LOSSLESS)
    run(tmp_path / "source.mkv", tmp_path / "breath.mkv", options, segmented=False)
    events = run(tmp_path / "source.mkv", tmp_path / "segments.mkv", options, segmented=True)
    assert len(of(SegmentMade, events)) == 2
    pairs = zip(samples_of(tmp_path / "breath.mkv"), samples_of(tmp_path / "segments.mkv"), strict=True)
    largest = [max(np.abs(a.astype(int) - b).max() for a, b in zip(*planes, strict=True)) for planes in pairs]
    assert len(largest) == count
    assert max(largest) <= 1, largest


def test_a_disk_that_is_full_is_said_once_and_nothing_is_lost(source: Path, tmp_path: Path) -> None:
    target, options = tmp_path / "a.mkv", UpscaleOptions(RUN)
    run(source, tmp_path / "whole.mkv", options, segmented=True)
    parts = job_folder(target) / "parts"
    stop_after(1, source, target, options)
    (parts / "000002.part").mkdir()  # stands in the way of the third, as a full disk would
    failures = of(Failed, events := run(source, target, options, resume=True))
    assert len(failures) == 1
    assert any("2 of 4 segments are made and kept" in note.text for note in of(Note, events))
    (parts / "000002.part").rmdir()
    run(source, target, options, resume=True)
    assert target.read_bytes() == (tmp_path / "whole.mkv").read_bytes()


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="programs are forked")
def test_a_job_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.jobs.killing", "--count", "4", "--seed", str(os.getpid())]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kills"] >= 4


def test_workers_are_chosen_by_name_and_share_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    assert [(place.device, place.threads) for place in choose_workers("auto", 4)] == [("cpu", 2), ("cpu", 2)]
    assert [(place.device, place.threads) for place in choose_workers("auto", 1)] == [("cpu", 1)]
    assert [(place.device, place.threads) for place in choose_workers("cpu*3", 6)] == [("cpu", 2)] * 3
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert [place.device for place in choose_workers("auto", 4)] == ["cuda:0", "cuda:1"]
    with pytest.raises(DeviceError, match="cpu\\*2 are expected"):
        choose_workers("cuda:0,", 4)
