"""Kill a job at random moments, go on with it, and compare: ``python -m tests.jobs.killing --count 200``.

Every time the result is absent or whole, what was whole before is not made again, and the result in the end has the bytes of
the job that nobody disturbed. Programs are forked from this one, which has loaded torch already and runs no thread of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.media.video_fixtures import Sound, Video

from upframe.errors import InputError
from upframe.jobs.batch import upscale_files
from upframe.jobs.journal import job_folder, read_journal
from upframe.jobs.options import JobOptions, RunOptions, UpscaleOptions

FRAMES = 90


def make_video(path: Path) -> Path:
    """45 seconds at two frames a second: four segments of a few frames each."""
    times = [45000 * number for number in range(FRAMES)]
    video = Video(times=times, rate=Fraction(2), last_duration=45000, sounds=[Sound()], chapters=2, subtitles="subrip")
    return video.make(path)


def upscale(source: Path, target: Path, *, resume: bool, devices: str | None, report: Path) -> int:
    """Start a program that does it, and return its number. Its events go to ``report``."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    try:
        run = RunOptions(model="rt4ksr-x2", device="cpu", threads=1)
        options = UpscaleOptions(run, job=JobOptions(resume=resume, devices=devices, segmented=True))
        with report.open("w") as file:
            for event in upscale_files([str(source)], str(target), options):
                print(json.dumps(event.as_dict()), file=file, flush=True)
        os._exit(0)
    except BaseException as error:  # noqa: BLE001  # a forked program must not go on as the one it came from
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        os._exit(1)


def ended(pid: int, report: Path) -> None:
    """Wait for a program that nobody kills."""
    _, status = os.waitpid(pid, 0)
    events = [json.loads(line) for line in report.read_text().splitlines()]
    failures = [event["error"] for event in events if event["event"] == "failed"]
    assert status == 0, "the program has died by itself"
    assert not failures, failures


def parts_of(target: Path) -> set[int]:
    """The parts that a job's journal calls whole."""
    try:
        return set(read_journal(job_folder(target)).parts)
    except InputError:
        return set()


def kill_often(folder: Path, count: int, seed: int, devices: str | None) -> dict[str, int]:
    """Kill ``count`` times, over as many jobs as that takes. Raises AssertionError where anything is not as promised."""
    choose = random.Random(seed)
    source, report = make_video(folder / "source.mkv"), folder / "events"
    whole = folder / "whole.mkv"
    started = time.monotonic()
    ended(upscale(source, whole, resume=False, devices=devices, report=report), report)
    seconds, expected = time.monotonic() - started, whole.read_bytes()
    kills = jobs = kept = 0
    while kills < count:
        target = folder / f"{jobs}.mkv"
        for _ in range(choose.randint(1, 4)):
            pid = upscale(source, target, resume=True, devices=devices, report=report)
            time.sleep(choose.uniform(0, 1.05 * seconds))
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            kills += 1
            kept += len(parts_of(target))
            assert not target.exists() or target.read_bytes() == expected, f"seed {seed}: a torn result after kill {kills}"
        before = parts_of(target)
        ended(upscale(source, target, resume=True, devices=devices, report=report), report)
        made = [json.loads(line) for line in report.read_text().splitlines()]
        again = before & {event["segment"] for event in made if event["event"] == "segmentmade"}
        assert not again, f"seed {seed}: segments {again} were whole, and were made again"
        assert target.read_bytes() == expected, f"seed {seed}: job {jobs} ended in other bytes"
        assert not job_folder(target).exists(), f"seed {seed}: job {jobs} has left its folder"
        target.unlink()
        jobs += 1
    return {"kills": kills, "jobs": jobs, "segments kept": kept}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--devices", help="as of upframe upscale")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        print(json.dumps(kill_often(Path(folder), arguments.count, arguments.seed, arguments.devices)))


if __name__ == "__main__":
    main()
