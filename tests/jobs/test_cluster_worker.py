"""What a machine of a cluster does, and what is said where one cannot be used: without a cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.media.video_fixtures import Sound, Video, noise, steady

from upframe.errors import ClusterError, MissingExtra, UpframeError
from upframe.jobs.cluster.checking import _judged, self_test
from upframe.jobs.cluster.connection import Node, connected
from upframe.jobs.cluster.pool import places_of
from upframe.jobs.cluster.source import SharedSource
from upframe.jobs.cluster.worker import ClusterTask, ClusterWorker, EarlierNeeded, Machine, PartMade
from upframe.jobs.fingerprint import input_mark
from upframe.jobs.making import VideoTask, make_part
from upframe.jobs.options import FileOptions, RunOptions, VideoOptions
from upframe.jobs.segments import Reach, Segment
from upframe.media.video.encoders import EncoderSettings
from upframe.media.video.frame_index import IndexingReader
from upframe.media.video.info import VideoInfo
from upframe.models.cards import named_file

FRAMES = 40


@pytest.fixture
def source(tmp_path: Path) -> Path:
    video = Video(times=steady(FRAMES), options={"g": "10", "bf": "2"}, sounds=[Sound()], images=noise)
    return video.make(tmp_path / "source.mp4")


def shared(source: Path, model: str | None = None) -> tuple[SharedSource, VideoInfo]:
    with IndexingReader(source) as reader:
        for _ in reader:
            pass
        return SharedSource(reader.info, reader.index, model, lambda value: value), reader.info


def task(model: str = "bicubic-x2") -> VideoTask:
    run = RunOptions(model=model, device="cpu", precision="fp32", threads=1)
    return VideoTask("a.mkv", (96, 128), run, VideoOptions(EncoderSettings(threads=1)), FileOptions(), Reach(), 1)


@pytest.fixture
def worker(source: Path) -> Iterator[Callable[..., ClusterWorker]]:
    """Makes workers, which are closed in the end."""
    with ExitStack() as opened:

        def make(info: VideoInfo, video: VideoTask, *, look: bool) -> ClusterWorker:
            made = ClusterWorker(ClusterTask(video, source, input_mark(source), info.video_index, look))
            opened.callback(made.close)
            return made

        yield make


def test_a_part_from_packets_that_were_sent_is_that_from_the_whole_video(source: Path, tmp_path: Path, worker: Any) -> None:
    sent, info = shared(source)
    segment = Segment(1, 23, 34, warm_up=2, look_ahead=1)
    expected = make_part(task(), segment, source, tmp_path / "expected.part")
    seeing, blind = worker(info, task(), look=True), worker(info, task(), look=False)
    greetings = [each.greet(None) for each in (seeing, blind)]
    assert [isinstance(each, Machine) and each.sees_source for each in greetings] == [True, False]
    here = seeing.make(segment, *sent.of(segment, 0, seen=True), None)
    given = sent.of(segment, 0, seen=False)
    source.unlink()  # another machine does not have it
    there = blind.make(segment, *given, None)
    for made in (here, there):
        assert isinstance(made, PartMade), made
        assert (made.part, made.content) == (expected, (tmp_path / "expected.part").read_bytes())
    assert blind.progress() == (1, 11)
    packets = given[1]
    assert packets is not None
    assert len(packets) < FRAMES


def test_a_worker_that_was_sent_too_little_is_sent_more_and_at_last_the_file(source: Path, tmp_path: Path, worker: Any) -> None:
    sent, info = shared(source)
    segment = Segment(0, 12, 20)
    plans, packets, head = sent.of(segment, 0, seen=False)
    assert packets is not None
    blind = worker(info, task(), look=False)
    assert isinstance(blind.make(segment, plans, packets[:4], head, None), EarlierNeeded)
    expected = make_part(task(), segment, source, tmp_path / "expected.part")
    for further in (1, 9):
        made = blind.make(segment, *sent.of(segment, further, seen=False), None)
        assert isinstance(made, PartMade), made
        assert made.part == expected


def test_a_model_that_a_machine_does_not_have_is_sent(source: Path, tmp_path: Path, worker: Any) -> None:
    shipped = named_file("rt4ksr-x2")
    assert shipped is not None
    mine = tmp_path / "mine.safetensors"
    mine.write_bytes(shipped.read_bytes())
    sent, info = shared(source, str(mine))
    mine.unlink()
    elsewhere = worker(info, task(str(mine)), look=False)
    greeting = elsewhere.greet(sent.weights)
    assert isinstance(greeting, Machine), greeting
    lacking = worker(info, task(str(mine)), look=False).greet(None)
    assert isinstance(lacking, UpframeError)
    assert "mine.safetensors" in str(lacking)


def test_workers_stand_on_gpus_where_there_are_any_and_else_on_processors() -> None:
    nodes = [Node("a", "head", 0, 0), Node("b", "one", 8, 2), Node("c", "two", 8, 1)]
    assert [place.name for place in places_of(nodes, 4, "auto")] == ["one#0", "two#0", "one#1"]
    assert [(place.name, place.cpus) for place in places_of(nodes, 4, "cpu")] == [
        ("one#0", 4),
        ("two#0", 4),
        ("one#1", 4),
        ("two#1", 4),
    ]
    assert [(place.name, place.cpus) for place in places_of([Node("d", "small", 2, 0)], 4, "auto")] == [("small#0", 2)]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:9", "127.0.0.1:9: no cluster can be reached there"),
        ("nowhere.invalid:6379", "nowhere.invalid:6379: no cluster can be reached there"),
        ("the cluster", "the cluster: is not the address of a cluster"),
    ],
)
def test_an_address_without_a_cluster_is_one_clear_line(address: str, message: str) -> None:
    with pytest.raises(ClusterError) as caught, connected(address):
        pass
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert caught.value.remedy is not None


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match="a cluster needs the package 'ray'") as caught, connected("auto"):
        pass
    assert "upframe[cluster]" in str(caught.value.remedy)


def test_a_machine_with_other_packages_or_another_result_does_not_fit() -> None:
    own = self_test("bicubic-x2")
    assert not isinstance(own, UpframeError)
    machine, result = own
    node = Node("a", "10.0.0.2", 4, 0)
    assert _judged(node, own, *own).fits
    older = Machine("other", 1, "cpu", {**machine.versions, "av": "17.0.0"}, machine.model, False)
    assert _judged(node, (older, result), *own).problem == f"av is 17.0.0 there and {machine.versions['av']} here"
    darker: Any = result - 2.5 / 255
    assert "its result is not that of this machine (by 2.50 of 255)" in _judged(node, (machine, darker), *own).problem
