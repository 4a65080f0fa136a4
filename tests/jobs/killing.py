"""Kill a job at random moments, go on with it, and compare: ``python -m tests.jobs.killing --count 200 [--folder]``.

Every time the result is absent or whole, what was whole before is not made again, and the result in the end has the bytes of
the job that nobody disturbed. With ``--folder`` the job is a folder of videos and images, one of them damaged. Programs are
forked from this one, which has loaded torch already and runs no thread of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image
from tests.media.video_fixtures import Sound, Video, steady

from upframe.errors import InputError
from upframe.jobs.batch import upscale_files
from upframe.jobs.journal import find_jobs, read_journal
from upframe.jobs.options import JobOptions, RunOptions, UpscaleOptions

FRAMES = 90
DAMAGED = "damaged.png"


def make_video(path: Path) -> Path:
    """45 seconds at two frames a second: four segments of a few frames each."""
    times = [45000 * number for number in range(FRAMES)]
    video = Video(times=times, rate=Fraction(2), last_duration=45000, sounds=[Sound()], chapters=2, subtitles="subrip")
    return video.make(path)


def make_folder(path: Path) -> Path:
    """Two videos, and images in a folder below, one of which cannot be read."""
    (path / "images").mkdir(parents=True)
    make_video(path / "long.mkv")
    Video(times=steady(20)).make(path / "short.mp4")
    for number, name in enumerate(("apple", "pear", "plum")):
        pixels = np.random.default_rng(number).integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path / "images" / f"{name}.png")
    (path / "images" / DAMAGED).write_bytes((path / "images" / "apple.png").read_bytes()[:300])
    return path


def upscale(source: Path, target: Path, *, resume: bool, where: dict[str, Any], report: Path) -> int:
    """Start a program that does it, and return its number. Its events go to ``report``."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    try:
        run = RunOptions(model="rt4ksr-x2", device="cpu", threads=1)
        options = UpscaleOptions(run, job=JobOptions(resume=resume, segmented=True, **where))
        with report.open("w") as file:
            for event in upscale_files([str(source)], str(target), options):
                print(json.dumps(event.as_dict()), file=file, flush=True)
        os._exit(0)
    except BaseException as error:  # noqa: BLE001  # a forked program must not go on as the one it came from
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        os._exit(1)


def ended(pid: int, report: Path) -> list[dict[str, Any]]:
    """Wait for a program that nobody kills: its events."""
    _, status = os.waitpid(pid, 0)
    events = [json.loads(line) for line in report.read_text().splitlines()]
    failures = [event["error"] for event in events if event["event"] == "failed" and DAMAGED not in event["input"]]
    assert status == 0, "the program has died by itself"
    assert not failures, failures
    return events


def parts_of(target: Path) -> set[tuple[str, int]]:
    """The parts that the journals of all jobs beside a result, or in a folder of results, call whole."""
    found = set()
    for folder in find_jobs(target if target.is_dir() else target.parent):
        try:
            found |= {(read_journal(folder).header["output"], part) for part in read_journal(folder).parts}
        except (InputError, KeyError):
            continue
    return found


def results(target: Path) -> dict[str, bytes]:
    """What is there under its final name, of a folder in all folders."""
    files = sorted(path for path in target.rglob("*") if path.is_file()) if target.is_dir() else [target]
    shown = [path for path in files if path.is_file() and not any(part.startswith(".") for part in path.parts)]
    return {str(path.relative_to(target)): path.read_bytes() for path in shown}


def leftovers(target: Path) -> list[str]:
    """Whatever a job has left beside its results that is none."""
    place = target if target.is_dir() else target.parent
    return [path.name for path in place.rglob(".*")]


def kill_often(folder: Path, count: int, seed: int, where: dict[str, Any], make: Callable[[Path], Path]) -> dict[str, int]:
    """Kill ``count`` times, over as many jobs as that takes. Raises AssertionError where anything is not as promised."""
    choose = random.Random(seed)
    suffix = "" if make is make_folder else ".mkv"
    source, report = make(folder / f"source{suffix}"), folder / "events"
    whole = folder / "whole" / f"out{suffix}"
    whole.parent.mkdir()
    started = time.monotonic()
    ended(upscale(source, whole, resume=False, where=where, report=report), report)
    seconds, expected = time.monotonic() - started, results(whole)
    kills = jobs = kept = 0
    while kills < count:
        target = folder / str(jobs) / f"out{suffix}"
        target.parent.mkdir()
        for _ in range(choose.randint(1, 4)):
            pid = upscale(source, target, resume=True, where=where, report=report)
            time.sleep(choose.uniform(0, 1.05 * seconds))
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            kills += 1
            kept += len(parts_of(target))
            there = results(target)
            assert there.items() <= expected.items(), f"seed {seed}: a torn result after kill {kills}: {sorted(there)}"
        before = parts_of(target)
        events = ended(upscale(source, target, resume=True, where=where, report=report), report)
        made_parts = {
            (str(Path(event["job"]).absolute()), event["segment"]) for event in events if event["event"] == "segmentmade"
        }
        again = before & made_parts
        assert not again, f"seed {seed}: segments {again} were whole, and were made again"
        made = {str(Path(event["output"]).relative_to(target)) for event in events if event["event"] == "finished"}
        assert not made & there.keys(), f"seed {seed}: {made & there.keys()} were there, and were made again"
        assert results(target) == expected, f"seed {seed}: job {jobs} ended in other bytes"
        assert not leftovers(target), f"seed {seed}: job {jobs} has left {leftovers(target)}"
        rmtree(target.parent)
        jobs += 1
    return {"kills": kills, "jobs": jobs, "segments kept": kept}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--devices", help="as of upframe upscale")
    parser.add_argument("--cluster", help="as of upframe upscale")
    parser.add_argument("--folder", action="store_true", help="a folder of videos and images, and not one video")
    arguments = parser.parse_args()
    make = make_folder if arguments.folder else make_video
    where = {"devices": arguments.devices, "cluster": arguments.cluster}
    with TemporaryDirectory() as folder:
        print(json.dumps(kill_often(Path(folder), arguments.count, arguments.seed, where, make)))


if __name__ == "__main__":
    main()
