"""Segments made on the machines of a cluster: real Ray, of three machines that are simulated on this one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.jobs.killing import make_video

from upframe.engine.events import Event, Failed, Progress, SegmentMade
from upframe.jobs.batch import upscale_files
from upframe.jobs.journal import job_folder
from upframe.jobs.options import JobOptions, RunOptions, UpscaleOptions

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
    """With a video of four segments, and what one process makes of it."""
    folder = tmp_path_factory.mktemp("cluster")
    run(make_video(folder / "source.mkv"), folder / "alone.mkv", segmented=True)
    return folder


def run(source: Path, target: Path, **job: Any) -> list[Event]:
    return list(upscale_files([str(source)], str(target), replace(OPTIONS, job=JobOptions(**job))))


def of(kind: type[Event], events: list[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.long
@pytest.mark.parametrize("files", ["auto", "sent"])
def test_the_parts_of_three_machines_are_those_of_one_process(machines: Any, folder: Path, files: Any) -> None:
    """Whether they see the video, or are sent what they need of it."""
    target = folder / f"{files}.mkv"
    events = run(folder / "source.mkv", target, cluster=machines.address, cluster_files=files)
    assert of(Failed, events) == []
    assert {event.segment for event in of(SegmentMade, events)} == {0, 1, 2, 3}
    assert [event.done for event in of(Progress, events)] == list(range(1, 91))
    assert target.read_bytes() == (folder / "alone.mkv").read_bytes()
    assert not job_folder(target).exists()
