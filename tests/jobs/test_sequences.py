"""Numbered images as a clip: what an earlier run has made is kept, and the rest made as it would have been."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from upframe.engine.events import Event, Failed, Progress, Started
from upframe.jobs import images
from upframe.jobs.batch import upscale_files
from upframe.jobs.images import Stretch, stretches
from upframe.jobs.options import FileOptions, JobOptions, RunOptions, UpscaleOptions
from upframe.jobs.segments import Reach

OPTIONS = UpscaleOptions(RunOptions(model="frvsr-lite-x2", device="cpu", threads=1))
RESUMED = replace(OPTIONS, job=JobOptions(resume=True))
FRAMES = 30


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    ground = np.random.default_rng(1).integers(0, 256, (40, 90, 3), dtype=np.uint8).repeat(2, 0).repeat(2, 1)
    (tmp_path / "frames").mkdir()
    for number in range(FRAMES):
        Image.fromarray(ground[:24, number : number + 32]).save(tmp_path / "frames" / f"{number + 7:04d}.png")
    return tmp_path / "frames" / "%04d.png"


def run(frames: Path, target: Path, options: UpscaleOptions) -> list[Event]:
    events = list(upscale_files([str(frames)], str(target), options))
    assert not [event for event in events if isinstance(event, Failed)], events
    return events


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("missing", [range(23, 30), [3, 4, 21]])
def test_a_resumed_sequence_is_that_of_one_run_and_starts_near(
    frames: Path, tmp_path: Path, missing: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "STRETCH", 10)
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    run(frames, whole / "%04d.png", OPTIONS)
    run(frames, resumed / "%04d.png", OPTIONS)
    for number in missing:
        (resumed / f"{number + 7:04d}.png").unlink()
    events = run(frames, resumed / "%04d.png", RESUMED)
    assert contents(resumed) == contents(whole)
    done = [event.done for event in events if isinstance(event, Progress)]
    assert done == list(range(FRAMES - len(missing) + 1, FRAMES + 1))
    assert [event.frames for event in events if isinstance(event, Started)] == [FRAMES]


def test_a_sequence_that_is_whole_is_left_alone_and_listed(frames: Path, tmp_path: Path) -> None:
    run(frames, tmp_path / "out" / "%04d.png", OPTIONS)
    before = contents(tmp_path / "out")
    [summary] = run(frames, tmp_path / "out" / "%04d.png", replace(OPTIONS, files=FileOptions(skip_existing=True)))
    assert "is there already" in summary.as_dict()["passed_over"][0][1]
    assert contents(tmp_path / "out") == before


def test_a_network_starts_near_what_is_missing() -> None:
    assert stretches([610, 640], 1000, Reach(past=4)) == [Stretch(500, range(496, 641))]
    assert stretches([0, 251], 1000, Reach(past=4)) == [Stretch(0, range(6)), Stretch(250, range(246, 252))]
    assert stretches([3, 9], 1000, Reach()) == [Stretch(0, [3, 9])]
    assert stretches([900], 1000, Reach(past=20, future=16, step=20)) == [Stretch(0, range(1000))]
    assert stretches([], 1000, Reach(past=4)) == []
