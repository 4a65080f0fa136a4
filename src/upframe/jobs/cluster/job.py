"""A video's segments on a cluster: what all machines are given, and what decides the bytes whichever of them makes a part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from upframe.engine.upscaler import Upscaler
from upframe.jobs.cluster.connection import connected
from upframe.jobs.cluster.pool import ClusterPool, runs_on_gpus
from upframe.jobs.cluster.source import SharedSource
from upframe.jobs.cluster.worker import ClusterTask, model_mark
from upframe.jobs.fingerprint import input_mark, versions
from upframe.jobs.journal import Part
from upframe.jobs.making import FrameMade, VideoTask
from upframe.jobs.options import JobOptions, RunOptions
from upframe.jobs.segments import Segment
from upframe.media.video.frame_index import IndexingReader
from upframe.runtime.precision import Precision, name_of


def cluster_device(address: str, run: RunOptions) -> str:
    """What all workers of a cluster run on: ``cuda`` or ``cpu``. Raises ClusterError where there is none."""
    with connected(address) as cluster:
        return "cuda" if runs_on_gpus(cluster.nodes(), run.device) else "cpu"


def common_precision(run: RunOptions, upscaler: Upscaler) -> Precision:
    """In which all machines of a cluster compute: what is asked for, else what this one would."""
    return name_of(upscaler.dtype) if run.precision == "auto" else run.precision


def make_on_cluster(
    task: VideoTask,
    reader: IndexingReader,
    upscaler: Upscaler,
    options: JobOptions,
    segments: list[Segment],
    part_path: Callable[[int], Path],
    on_failure: Callable[[int, str], None],
) -> Iterator[tuple[FrameMade | Part | str, str]]:
    """As WorkerPool.make. ``reader``: of the video; if it has not been read yet, it is now, to the end."""
    assert options.cluster is not None
    for _ in reader:  # nothing is left of it where the plan was made just now
        pass
    info = reader.info
    device = task.run.device.partition(":")[0]  # a worker sees the GPU that it was given, and no other
    task = replace(task, run=replace(task.run, device=device, precision=common_precision(task.run, upscaler)))
    source = info.path.absolute()
    look = options.cluster_files == "auto"
    job = ClusterTask(task, source, input_mark(source) if look else "", info.video_index, look)
    with connected(options.cluster) as cluster:
        shared = SharedSource(info, reader.index, task.run.model, cluster.ray.put)
        pool = ClusterPool(cluster, job, shared, model_mark(upscaler), versions(), part_path, on_failure)
        with closing(pool):
            yield from pool.make(segments)
