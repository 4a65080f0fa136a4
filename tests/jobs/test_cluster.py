"""Segments made on the machines of a cluster: real Ray, of three machines that are simulated on this one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from tests.media.video_fixtures import Sound, Video, noise

from upframe.engine.events import Event, Failed, Note, Planned, Progress, SegmentMade
from upframe.jobs.batch import upscale_files
from upframe.jobs.cluster.checking import check_cluster
from upframe.jobs.journal import job_folder
from upframe.jobs.options import JobOptions, RunOptions, UpscaleOptions

FRAMES = 90  # in 45 seconds
OPTIONS = UpscaleOptions(RunOptions(model="rt4ksr-x2", device="cpu", threads=1))
SMALL = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
SOON_MISSED = {"health_check_period_ms": 1000, "health_check_failure_threshold": 3, "health_check_initial_delay_ms": 0}


@pytest.fixture(scope="module")
def machines() -> Iterator[Any]:
    """Three of one processor each."""
    os.environ["RAY_DEDUP_LOGS_SKIP_REGEX"] = "."
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={**SMALL, "_system_config": SOON_MISSED})
    for _ in range(2):
        cluster.add_node(**SMALL)
    yield cluster
    cluster.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a video of a few segments, and what one process makes of it."""
    folder = tmp_path_factory.mktemp("cluster")
    times = [45000 * number for number in range(FRAMES)]
    video = Video(times=times, rate=Fraction(2), last_duration=45000, sounds=[Sound()], options={"g": "10"}, images=noise)
    run(video.make(folder / "source.mkv"), folder / "alone.mkv", segmented=True)
    return folder


def run(source: Path, target: Path, **job: Any) -> list[Event]:
    return list(upscale_files([str(source)], str(target), replace(OPTIONS, job=JobOptions(**job))))


def of(kind: type[Event], events: list[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.long
def test_the_parts_of_three_machines_are_those_of_one_process(machines: Any, folder: Path) -> None:
    """They see the video where it is."""
    target = folder / "seen.mkv"
    events = run(folder / "source.mkv", target, cluster=machines.address)
    assert of(Failed, events) == []
    made = of(SegmentMade, events)
    assert sorted(event.segment for event in made) == list(range(made[0].segments))
    assert [event.done for event in of(Progress, events)] == list(range(1, FRAMES + 1))
    assert target.read_bytes() == (folder / "alone.mkv").read_bytes()
    assert not job_folder(target).exists()


@pytest.mark.long
def test_a_check_finds_that_all_machines_make_what_this_one_makes(machines: Any) -> None:
    found = list(check_cluster(machines.address, "rt4ksr-x2"))
    assert len(found) == 3
    assert all(machine.fits and machine.difference == 0 and machine.device == "cpu" for machine in found), found


@pytest.mark.long
def test_a_worker_that_is_killed_and_a_machine_that_is_lost_cost_nothing(machines: Any, folder: Path) -> None:
    """SIGKILL to the worker of one machine, and to the raylet of another, in the middle of segments that were sent to them."""
    target = folder / "lost.mkv"
    lost = machines.add_node(**SMALL)
    options = replace(OPTIONS, job=JobOptions(cluster=machines.address, cluster_files="sent"))
    killed: set[str] = set()
    notes = []
    for event in upscale_files([str(folder / "source.mkv")], str(target), options):
        assert not isinstance(event, Failed), event
        notes += [event.text] if isinstance(event, Note) else []
        if isinstance(event, SegmentMade) and not killed:
            killed = {"worker", "raylet"}
            [raylet] = lost.all_processes["raylet"]
            os.kill(raylet.process.pid, signal.SIGKILL)
            os.kill(next(iter(workers_of(machines.head_node))), signal.SIGKILL)
    machines.remove_node(lost, allow_graceful=False)
    assert target.read_bytes() == (folder / "alone.mkv").read_bytes()
    assert notes


@pytest.mark.long
def test_a_job_on_a_cluster_whose_driver_is_killed_goes_on_where_it_was(machines: Any, folder: Path) -> None:
    source, target = folder / "source.mkv", folder / "resumed.mkv"
    where = ["--cluster", machines.address, "--resume", "--json"]
    how = ["--model", "rt4ksr-x2", "--device", "cpu", "--threads", "1"]
    command = [sys.executable, "-m", "upframe", "upscale", str(source), "-o", str(target), *how, *where]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        events = [json.loads(line)["event"] for line in _until_two_parts(driver.stdout)]
        driver.kill()
    assert events.count("segmentmade") == 2
    assert not target.exists()
    resumed = run(source, target, cluster=machines.address, resume=True)
    assert of(Planned, resumed)[0].segments_done == 2
    assert len(of(SegmentMade, resumed)) == of(Planned, resumed)[0].segments - 2
    assert target.read_bytes() == (folder / "alone.mkv").read_bytes()


def _until_two_parts(lines: Iterable[str]) -> Iterator[str]:
    parts = 0
    for line in lines:
        yield line
        parts += '"segmentmade"' in line
        if parts == 2:
            return


def workers_of(node: Any) -> list[int]:
    """The processes of a simulated machine that make segments."""
    [raylet] = node.all_processes["raylet"]
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(raylet.process.pid)], capture_output=True, text=True, check=True
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "ClusterWorker" in line]
