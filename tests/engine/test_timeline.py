"""Who wants to see what overlaps is reported when each stage was busy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from upframe.engine.events import Finished
from upframe.engine.timeline import StageSpan, Timeline
from upframe.jobs.batch import upscale_files
from upframe.jobs.options import FileOptions, RunOptions, UpscaleOptions, VideoOptions

FRAMES = 5


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Five frames of 32x16, without sound."""
    path = tmp_path / "video.mkv"
    with av.open(str(path), "w") as target:
        stream = target.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        for number in range(FRAMES):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((16, 32, 3), 40 * number, np.uint8))))
        target.mux(stream.encode(None))
    return path


def spans_of(timeline: Timeline, stage: str) -> list[StageSpan]:
    return [span for span in timeline.spans if span.stage == stage]


@pytest.mark.parametrize("as_images", [False, True], ids=["video", "images"])
def test_every_frame_is_seen_in_every_stage_one_stage_after_the_other(video: Path, tmp_path: Path, as_images: bool) -> None:
    timeline = Timeline()
    options = UpscaleOptions(
        RunOptions(model="bicubic-x2", device="cpu"),
        video=VideoOptions(timeline=timeline),
        files=FileOptions(frames=tmp_path / "images" if as_images else None),
    )
    started = time.perf_counter()
    happened = list(upscale_files([str(video)], None if as_images else str(tmp_path / "large.mkv"), options))
    ended = time.perf_counter()
    assert isinstance(happened[-1], Finished)
    lanes = [spans_of(timeline, stage) for stage in ("read", "convert", "network", "convert back", "write")]
    # Reading ends with a look that finds nothing, the network with a question for what it still owes.
    assert [len(lane) for lane in lanes] == [FRAMES + 1, FRAMES, FRAMES + 1, FRAMES, FRAMES]
    for frame in range(FRAMES):
        way = [started, *(moment for lane in lanes for moment in (lane[frame].started, lane[frame].ended)), ended]
        assert way == sorted(way)


def test_a_stage_takes_one_frame_at_a_time(video: Path, tmp_path: Path) -> None:
    timeline = Timeline()
    options = UpscaleOptions(RunOptions(model="bicubic-x2", device="cpu"), video=VideoOptions(timeline=timeline))
    list(upscale_files([str(video)], str(tmp_path / "large.mkv"), options))
    for stage in ("read", "convert", "network", "convert back", "write"):
        moments = [moment for span in spans_of(timeline, stage) for moment in (span.started, span.ended)]
        assert moments == sorted(moments)


def test_waiting_for_a_slow_source_is_seen_and_its_error_passes() -> None:
    def slow() -> Iterator[int]:
        yield 1
        time.sleep(0.02)
        yield 2
        raise ValueError("the disk is gone")

    timeline = Timeline()
    items = timeline.awaited("read", slow())
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="disk"):
        next(items)
    _, second, _ = timeline.spans
    assert second.ended - second.started >= 0.02
