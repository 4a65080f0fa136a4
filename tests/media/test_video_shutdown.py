"""Videos let go early, by another thread, by many threads at once: nothing hangs, and nothing stays behind."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

import pytest
from av.video.frame import VideoFrame
from tests.media.video_fixtures import Sound, Video, steady

from upframe.media.video.info import RawFrame
from upframe.media.video.reader import VideoReader, probe
from upframe.media.video.writer import EncoderSettings, VideoWriter

pytestmark = pytest.mark.timeout(120)  # what hangs must not hold up the others
VIDEO = Video(times=steady(120), options={"preset": "ultrafast", "bf": "2"}, sounds=[Sound()])


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return VIDEO.make(tmp_path_factory.mktemp("videos") / "video.mp4")


@pytest.fixture
def without_collector() -> Iterator[None]:
    """What is let go must go at once, and not when the garbage collector comes by."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def native_threads() -> int:
    """How many threads the process has, FFmpeg's included."""
    return len(list(Path("/proc/self/task").iterdir()))


def assert_threads_end(before: int) -> None:
    """Linux may list a thread for a moment after it was joined."""
    for _ in range(100):
        if native_threads() <= before:
            return
        time.sleep(0.05)
    pytest.fail(f"{native_threads()} threads, {before} before")


def in_thread(work: Callable[[], object]) -> Callable[[], None]:
    """Start ``work`` in a thread; the result waits for its end and raises what it raised."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised in the test
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def end() -> None:
        thread.join(60)
        assert not thread.is_alive()
        assert not errors, errors

    return end


@pytest.mark.parametrize("after", [0, 1, 7, 40, 150])
def test_a_reader_can_be_closed_while_another_thread_reads(video: Path, after: int) -> None:
    reader, far_enough, given = VideoReader(video), threading.Event(), 0

    def read() -> None:
        nonlocal given
        for _ in reader:
            given += 1
            if given > after:
                far_enough.set()

    end = in_thread(read)
    far_enough.wait(60)
    reader.close()
    end()
    assert given > after
    assert list(reader) == []


def test_two_threads_may_share_a_reader_and_each_frame_is_given_once(video: Path) -> None:
    with VideoReader(video) as reader, ThreadPoolExecutor(2) as pool:
        halves = pool.map(lambda _: [item.index for item in reader if isinstance(item, RawFrame)], range(2))
        assert sorted(chain.from_iterable(halves)) == list(range(120))


def test_an_iteration_given_up_is_taken_up_by_the_next(video: Path) -> None:
    with VideoReader(video) as reader:
        first, rest = ([item.index for item in islice(reader, count) if isinstance(item, RawFrame)] for count in (30, None))
    assert first == list(range(len(first)))
    assert rest == list(range(len(first), 120))


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads by Linux's means")
@pytest.mark.parametrize("taken", [0, 1, 20])
def test_a_reader_closed_early_takes_its_threads_with_it(video: Path, without_collector: None, taken: int) -> None:
    before = native_threads()
    with VideoReader(video, threads=6) as reader:
        items = iter(reader)
        for _ in range(taken):
            next(items)
        assert native_threads() >= before + 6
    del reader, items
    assert_threads_end(before)


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads by Linux's means")
def test_a_reader_that_nobody_closes_goes_with_its_last_use(video: Path) -> None:
    before = native_threads()
    reader = VideoReader(video, threads=6)
    next(iter(reader))
    del reader
    gc.collect()
    assert_threads_end(before)


def test_frames_are_gone_once_they_are_read(video: Path, without_collector: None) -> None:
    with VideoReader(video, threads=1) as reader:
        frames = sum(isinstance(item, RawFrame) for item in reader)
        left = sum(type(each) is VideoFrame for each in gc.get_objects())  # isinstance would wake lazy objects
    assert frames == 120
    assert left < 10


def test_many_videos_are_read_and_left_by_many_threads_at_once(video: Path) -> None:
    def read(count: int) -> int:
        with VideoReader(video, threads=4) as reader:
            return sum(1 for _ in islice(reader, count))

    with ThreadPoolExecutor(8) as pool:
        counts = [index % 40 for index in range(80)]
        assert list(pool.map(read, counts)) == counts
        assert len({info.duration for info in pool.map(probe, [video] * 40)}) == 1


@pytest.mark.parametrize("way", ["abort", "close"])
@pytest.mark.parametrize("codec", ["x264", "x265", "vp9"])
def test_a_writer_can_be_ended_while_another_thread_writes(video: Path, tmp_path: Path, codec: str, way: str) -> None:
    with VideoReader(video, threads=1) as reader:
        first = next(item for item in reader if isinstance(item, RawFrame))
        writer = VideoWriter(tmp_path / "large.mkv", reader, first.planes[0].shape, EncoderSettings(codec=codec))
        stop, far_enough = threading.Event(), threading.Event()

        def write() -> None:
            for index in range(100_000):
                writer.write(replace(first, pts=3600 * index, duration=3600))
                if index == 30:
                    far_enough.set()
                if stop.is_set():
                    return

        end = in_thread(write)
        far_enough.wait(60)
        getattr(writer, way)()
        getattr(writer, way)()
        stop.set()
        end()
    if way == "close":
        assert probe(tmp_path / "large.mkv").codec == {"x264": "h264", "x265": "hevc", "vp9": "vp9"}[codec]


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads by Linux's means")
def test_a_writer_given_up_takes_its_threads_with_it(tmp_path: Path, without_collector: None) -> None:
    source = Video(size=(480, 640), times=steady(20), options={"preset": "ultrafast"}).make(tmp_path / "video.mp4")
    before = native_threads()
    with VideoReader(source, threads=1) as reader:
        writer = VideoWriter(tmp_path / "large.mp4", reader, (480, 640), EncoderSettings(threads=4))
        for item in islice(reader, 10):
            assert isinstance(item, RawFrame)
            writer.write(item)
        assert native_threads() >= before + 4
        writer.abort()
    del reader, writer
    assert_threads_end(before)


@pytest.mark.skipif(sys.platform != "linux", reason="an encoder asks for real-time priority on Linux alone")
def test_no_encoder_makes_the_program_a_real_time_one(tmp_path: Path, video: Path) -> None:
    with VideoReader(video, threads=1) as reader:
        size = (reader.info.height, reader.info.width)
        writer = VideoWriter(tmp_path / "large.mp4", reader, size, EncoderSettings(codec="av1"))
        threads = [int(task.name) for task in Path("/proc/self/task").iterdir()]
        policies = {os.sched_getscheduler(thread) for thread in threads}
        writer.abort()
    assert policies.isdisjoint({os.SCHED_FIFO, os.SCHED_RR})
