"""What a segment costs on a cluster beside the work itself, and what follows from it for many workers.

    python benchmarks/cluster_overhead.py [--rounds 12] [--megabytes 6]

Measured on one machine with Ray on it: what the driver does for each segment one after the other (cuts the packets out, hands
them over, takes the part back, writes it and enters it), how long a worker waits for its next segment, and how long a worker
takes to start. Not measured: a network between machines, which adds the time of a few megabytes.

From that, a simulation of a video of two hours: segments of 5 to 10 seconds, workers of which one in twenty takes twice as
long and all vary by a tenth, and machines of which 5 % an hour are lost and replaced after three minutes. Efficiency is the
time of one worker without a cluster over the time of all workers together. The pass that plans comes before, on one machine:
``speed_up_with_planning`` counts it, for one worker and for all.
"""

from __future__ import annotations

import argparse
import heapq
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
from _report import write

from upframe.jobs.cluster.connection import Cluster, connected
from upframe.jobs.cluster.source import SharedSource
from upframe.jobs.cluster.worker import ClusterTask, ClusterWorker
from upframe.jobs.fingerprint import input_mark
from upframe.jobs.journal import Journal, Part, describe_part, part_file
from upframe.jobs.making import VideoTask
from upframe.jobs.options import FileOptions, RunOptions, VideoOptions
from upframe.jobs.segments import Reach, Segment
from upframe.media.video.frame_index import IndexingReader

HOURS, RATE = 2, 24
SECONDS_A_FRAME = {"a GPU at 20 frames a second": 0.05, "a processor at 1 frame a second": 1.0}
WORKERS = (1, 8, 64, 1000)
LOST_AN_HOUR, REPLACED_AFTER = 0.05, 180.0
SLOW, VARIATION = 0.05, 0.1
RUNS = 5


@dataclass(frozen=True)
class Costs:
    """Seconds: of the driver for each segment, of a worker that waits for the next one, and of a worker that starts."""

    driver: float
    idle: float
    start: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--megabytes", type=int, default=6, help="of a part")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, connected("local") as cluster:
        figures = measured(cluster, Path(folder), arguments.rounds, arguments.megabytes << 20)
    costs = Costs(figures["driver_ms"]["all"] / 1e3, figures["idle_ms"] / 1e3, figures["worker_start_s"])
    figures["simulation"] = [
        {"speed": name, "workers": count} | simulated(seconds, count, costs, figures["planning_ms_a_frame"] / 1e3)
        for name, seconds in SECONDS_A_FRAME.items()
        for count in WORKERS
    ]
    write("cluster_overhead", figures)


def measured(cluster: Cluster, folder: Path, rounds: int, part_bytes: int) -> dict[str, Any]:
    """The parts of a segment's way there and back, in milliseconds, each the least of ``rounds``: other programs only add."""
    source = _video(folder / "source.mkv")
    with IndexingReader(source) as reader:
        started = time.perf_counter()
        frames = sum(1 for item in reader if hasattr(item, "planes"))
        planning = (time.perf_counter() - started) / frames
        info, index = reader.info, reader.index
    shared = SharedSource(info, index, "rt4ksr-x2", cluster.ray.put)
    segment = Segment(3, 240, 480)
    shared.of(segment, 0, seen=False)  # the head of the file is put there once
    run = RunOptions(model="rt4ksr-x2", device="cpu", precision="fp32", threads=1)
    task = VideoTask("a.mkv", (1440, 2560), run, VideoOptions(), FileOptions(), Reach(), 1)
    job = ClusterTask(task, source, input_mark(source), info.video_index, True)
    worker = cluster.ray.remote(ClusterWorker).options(num_cpus=1, max_concurrency=2).remote(job)
    start = _seconds(lambda: cluster.ray.get(worker.greet.remote(shared.weights)))
    echo = cluster.ray.remote(_Echo).options(num_cpus=0).remote(part_bytes)
    cluster.ray.get(echo.make.remote(None))
    cut, travel, publish = [], [], []
    journal = Journal(folder / ".a.mkv.upframe")
    journal.open({})
    for number in range(rounds):
        sent: list[Any] = []
        cut.append(_seconds(lambda sent=sent: sent.extend(shared.of(segment, 0, seen=False))))
        got: list[bytes] = []
        travel.append(_seconds(lambda sent=sent, got=got: got.append(cluster.ray.get(echo.make.remote(sent[:2])))))
        place = journal.part_path(number)
        publish.append(_seconds(lambda place=place, got=got, n=number: _publish(journal, place, got[0], n)))
    seen = [_seconds(lambda: shared.of(segment, 0, seen=True)) for _ in range(rounds)]
    cluster.ray.kill(worker)
    driver = {"cut": _ms(cut), "travel": _ms(travel), "publish": _ms(publish)}
    return {
        "segment": {"frames": segment.frames, "packets_mb": round(_size(sent[1]) / 1e6, 2), "part_mb": part_bytes / 1e6},
        "driver_ms": driver | {"all": round(sum(driver.values()), 2)},
        "described_alone_ms": _ms(seen),
        "idle_ms": round(sum(driver.values()), 2),
        "worker_start_s": round(start, 2),
        "planning_ms_a_frame": round(planning * 1e3, 2),
    }


class _Echo:
    """Takes what a worker takes, and gives back as many bytes as a part has."""

    def __init__(self, size: int) -> None:
        self._content = np.random.default_rng(0).bytes(size)

    def make(self, _given: Any) -> bytes:
        return self._content


def _publish(journal: Journal, place: Path, content: bytes, number: int) -> None:
    with part_file(place) as temporary:
        temporary.write_bytes(content)
    part: Part = describe_part(Segment(number, 0, 1), place)
    journal.add_part(part)


def _video(path: Path) -> Path:
    """Thirty seconds of 1280x720 that moves."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=RATE, options={"g": "250", "preset": "veryfast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 1280, 720, "yuv420p", Fraction(1, RATE)
        spots = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (70, 130, 3), np.uint8))
        large = np.asarray(spots.resize((2080, 1120), PIL.Image.Resampling.BICUBIC))
        for number in range(30 * RATE):
            image = np.ascontiguousarray(large[number % 400 : number % 400 + 720, number : number + 1280])
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def _size(packets: Any) -> int:
    return sum(len(packet.data) for packet in packets)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _ms(times: list[float]) -> float:
    return round(min(times) * 1e3, 2)


def simulated(seconds_a_frame: float, workers: int, costs: Costs, planning: float) -> dict[str, float]:
    """Minutes and efficiency, the median of some runs."""
    frames = HOURS * 3600 * RATE
    alone = frames * seconds_a_frame
    lengths = _segments(random.Random(0))
    times = [_one_run(random.Random(seed), [n * seconds_a_frame for n in lengths], workers, costs) for seed in range(RUNS)]
    makespan = statistics.median(times)
    before = frames * planning
    return {
        "segments": len(lengths),
        "minutes": round(makespan / 60, 1),
        "efficiency": round(alone / (workers * makespan), 3),
        "planning_minutes": round(before / 60, 1),
        "speed_up_with_planning": round((alone + before) / (makespan + before), 1),
    }


def _segments(choose: random.Random) -> list[int]:
    """Frames of each: cuts are a few seconds apart, as in films."""
    left, found = HOURS * 3600 * RATE, []
    while left:
        length = min(left, round(choose.uniform(5, 10) * RATE))
        found.append(length)
        left -= length
    return found


def _one_run(choose: random.Random, work: list[float], workers: int, costs: Costs) -> float:
    """Seconds until all segments are there: the longest first, one at a time for each worker, one driver for all."""
    waiting = sorted(work)
    speeds = [(2.0 if choose.random() < SLOW else 1.0) for _ in range(workers)]
    free = [(costs.start, number) for number in range(workers)]  # when each worker asks for its next segment
    heapq.heapify(free)
    driver = end = 0.0
    while waiting:
        now, number = heapq.heappop(free)
        driver = max(driver, now) + costs.driver  # others wait while it serves this one
        began = max(now + costs.idle, driver)
        length = waiting.pop()
        done = began + length * speeds[number] * choose.lognormvariate(0, VARIATION)
        lost = began + choose.expovariate(LOST_AN_HOUR / 3600)
        if lost < done:
            waiting.append(length)  # made again, by whoever is free next
            heapq.heappush(free, (lost + REPLACED_AFTER + costs.start, number))
            continue
        end = max(end, done + costs.driver)
        heapq.heappush(free, (done, number))
    return end


if __name__ == "__main__":
    main()
