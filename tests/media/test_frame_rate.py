"""More frames a second: those between are made where things are half way, and times, sound and the end stay."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.media.video_fixtures import Sound, Video, describe, steady

from upframe.engine.events import Failed, SegmentMade
from upframe.errors import InputError
from upframe.jobs.batch import upscale_files
from upframe.jobs.options import JobOptions, RunOptions, UpscaleOptions, VideoOptions
from upframe.media.video.encoders import EncoderSettings
from upframe.media.video.frame_rate import FrameRate, parse_frame_rate
from upframe.media.video.info import RawFrame
from upframe.media.video.preparation import Preparation
from upframe.media.video.reader import VideoReader

HEIGHT, WIDTH = 96, 128
Planes = list[NDArray[np.uint8]]


def scene(time: float) -> Planes:
    """Texture that moves by four pixels a frame."""
    planes = []
    for rows, columns, base in ((HEIGHT, WIDTH, 128), (HEIGHT // 2, WIDTH // 2, 110), (HEIGHT // 2, WIDTH // 2, 140)):
        y, x = np.mgrid[:rows, :columns] * (HEIGHT / rows)
        x = x - 4 * time
        planes.append((base + 40 * np.sin(x / 7 + y / 31) * np.cos(y / 9) + 20 * np.sin(x / 3.1 - y / 5)).astype(np.uint8))
    return planes


def clip(path: Path, images: Callable[[int], Planes], times: list[int], rate: Fraction = Fraction(25)) -> Path:
    video = Video("ffv1", size=(HEIGHT, WIDTH), times=times, rate=rate, images=images)
    video.sounds = [Sound(channels=1, rate=8000)]
    return video.make(path)


def read(path: Path, rate: str) -> tuple[list[RawFrame], VideoReader]:
    with VideoReader(path, preparation=Preparation(frame_rate=parse_frame_rate(rate))) as reader:
        return [item for item in reader if isinstance(item, RawFrame)], reader


def error(frame: RawFrame, time: float) -> float:
    difference = np.abs(frame.planes[0].astype(int) - scene(time)[0].astype(int))
    return float(difference[16:-16, 16:-16].mean())


def test_frames_between_show_what_is_half_way(tmp_path: Path) -> None:
    source = clip(tmp_path / "slow.mkv", scene, steady(20, start=9000))
    frames, reader = read(source, "x2")
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(1, 10) + Fraction(i, 50) for i in range(40)]
    assert (reader.info.average_rate, reader.info.frames) == (50, 40)
    assert max(error(frame, i) for i, frame in enumerate(frames[:39:2])) == 0, "those that were there stay as they are"
    between = [error(frame, i + 0.5) for i, frame in enumerate(frames[1:37:2])]
    repeated = [error(frame, i + 0.5) for i, frame in enumerate(frames[0:36:2])]
    assert np.mean(between) < 0.35 * np.mean(repeated)


@pytest.mark.parametrize(("rate", "count"), [("30", 24), ("60000/1001", 48), ("60", 48)])
def test_any_higher_rate_begins_and_ends_as_the_video_does(tmp_path: Path, rate: str, count: int) -> None:
    frames, _ = read(clip(tmp_path / "slow.mkv", scene, steady(20)), rate)
    assert len(frames) == count
    steps = np.diff([float(frame.pts * frame.time_base) for frame in frames])
    assert np.allclose(steps, float(1 / Fraction(rate)), atol=1e-9)
    assert frames[0].pts == 0
    assert error(frames[0], 0) == 0


def test_a_cut_is_not_mixed(tmp_path: Path) -> None:
    def images(index: int) -> Planes:
        planes = scene(index)
        return planes if index < 10 else [(255 - plane // 2).astype(np.uint8) for plane in planes]

    frames, _ = read(clip(tmp_path / "cut.mkv", images, steady(20)), "x2")
    before, between, after = (frames[index].planes[0].astype(int) for index in (18, 19, 20))
    nearest = min(np.abs(between - before).mean(), np.abs(between - after).mean())
    assert nearest < 0.1 * np.abs(before - after).mean()


def test_a_result_has_the_sound_and_length_of_its_source(tmp_path: Path) -> None:
    source = clip(tmp_path / "slow.mkv", scene, steady(44, rate=2), Fraction(2))
    results = []
    for segmented in (False, True):
        target = tmp_path / f"large-{segmented}.mkv"
        options = UpscaleOptions(
            RunOptions(model="bicubic-x2", device="cpu", threads=1),
            video=VideoOptions(EncoderSettings("ffv1", threads=1), preparation=Preparation(frame_rate=FrameRate(times=2))),
            job=JobOptions(segmented=segmented),
        )
        events = list(upscale_files([str(source)], str(target), options))
        assert not any(isinstance(event, Failed) for event in events)
        results.append(describe(target))
    assert sum(isinstance(event, SegmentMade) for event in events) > 1
    once, parts = results
    assert parts.samples == once.samples
    assert parts.times == once.times
    assert len(once.times) == 88
    assert once.streams == describe(source).streams


@pytest.mark.parametrize("text", ["x1", "x9", "0", "fast", "1/0", "-25", "x"])
def test_a_rate_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no frame rate: write x2 to x8"):
        parse_frame_rate(text)


def test_what_the_filter_would_spoil_is_refused(tmp_path: Path) -> None:
    source = clip(tmp_path / "slow.mkv", scene, steady(4))
    with pytest.raises(InputError, match="has 25 frames a second, more than 10"):
        read(source, "10")
    deep = Video("ffv1", "yuv420p10le", times=steady(4)).make(tmp_path / "deep.mkv")
    with pytest.raises(InputError, match="no frames can be made between 10-bit 4:2:0 images"):
        read(deep, "x2")
