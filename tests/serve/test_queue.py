"""The queue and its one runner: nothing is lost, whatever ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from upframe.errors import InputError
from upframe.serve.queued import JobQueue, QueuedJob
from upframe.serve.running import CAN_PAUSE, Runner
from upframe.serve.telling import Listener
from upframe.serve.wishes import Wishes, command, spoken

STAND_IN = """
import json, signal, sys, time
from pathlib import Path
def tell(**event): print(json.dumps(event), flush=True)
source, results = Path(sys.argv[2]), Path(sys.argv[sys.argv.index("--output") + 1])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
tell(event="started", input=str(source), output="out", kind="video", model="m", frames=40)
if "bad" in source.name:
    tell(event="failed", input=str(source), error=f"{source}: is text, not a video", remedy="give a video")
    sys.exit(1)
kept = results / "kept"
done = int(kept.read_text()) if kept.exists() else 0
while done < 40:
    if "slow" in source.name: time.sleep(0.05)
    done += 1
    kept.write_text(str(done))
    tell(event="progress", input=str(source), done=done, frames=40, fps=20.0, seconds_left=1.0)
    if "crash" in source.name: signal.raise_signal(signal.SIGKILL)
(results / "out").write_text("whole")
tell(event="finished", input=str(source), output=str(results / "out"), frames=40, seconds=1.0, fps=40.0)
"""
"""What the command does as far as the queue can see, without the seconds it takes to load a network."""


@pytest.fixture
def program(tmp_path: Path) -> Callable[[], list[str]]:
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    return lambda: [sys.executable, "-I", str(script)]


@pytest.fixture
def queue(tmp_path: Path) -> JobQueue:
    (tmp_path / "queue").mkdir()
    return JobQueue(tmp_path / "queue")


@pytest.fixture
def runner(queue: JobQueue, program: Callable[[], list[str]]) -> Iterator[Runner]:
    runner = Runner(queue, program)
    yield runner
    runner.close()


def add(queue: JobQueue, tmp_path: Path, title: str) -> QueuedJob:
    source = tmp_path / title
    source.touch()
    return queue.add(title, (str(source),), str(tmp_path / f"{title}-results"), Wishes(model="bicubic-x2"))


def until(holds: Callable[[], object]) -> None:
    for _ in range(300):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it never came to that")


def test_jobs_are_made_one_after_the_other_in_the_order_they_were_given(
    queue: JobQueue, runner: Runner, tmp_path: Path
) -> None:
    jobs = [add(queue, tmp_path, title) for title in ("a", "bad", "c", "d")]
    queue.move(jobs[3].name, -2)
    assert [job.title for job in queue.jobs()] == ["a", "d", "c", "bad"]
    runner.start()
    until(lambda: all(job.state in ("done", "failed") for job in queue.jobs()))
    states = {job.title: job.state for job in queue.jobs()}
    assert states == {"a": "done", "bad": "failed", "c": "done", "d": "done"}
    [(error, remedy)] = runner.told(jobs[1].name).failed.values()
    assert (error, remedy) == (f"{tmp_path / 'bad'}: is text, not a video", "give a video")
    assert list(runner.told(jobs[0].name).made) == [str(tmp_path / "a-results" / "out")]


@pytest.mark.skipif(not CAN_PAUSE, reason="this system cannot hold a process")
def test_a_job_is_paused_goes_on_and_is_stopped_without_losing_what_it_has_made(
    queue: JobQueue, runner: Runner, tmp_path: Path
) -> None:
    slow, after = add(queue, tmp_path, "slow"), add(queue, tmp_path, "after")
    runner.start()
    until(lambda: runner.told(slow.name).progress)
    runner.pause(slow.name)
    before = runner.told(slow.name).progress["done"]
    time.sleep(0.3)
    assert runner.told(slow.name).progress["done"] <= before + 1
    assert (queue.job(slow.name).state, queue.job(after.name).state) == ("paused", "waiting")
    with pytest.raises(InputError, match="stop it first"):
        queue.remove(slow.name)
    runner.go_on(slow.name)
    until(lambda: runner.told(slow.name).progress["done"] > before + 1)
    runner.pause(slow.name)
    runner.stop(slow.name)  # one that is held can be stopped, too
    until(lambda: queue.job(slow.name).state == "stopped" and queue.job(after.name).state == "done")
    kept = int((tmp_path / "slow-results" / "kept").read_text())
    assert 0 < kept < 40
    runner.go_on(slow.name)
    until(lambda: queue.job(slow.name).state == "done")
    assert runner.told(slow.name).progress["done"] == 40
    queue.remove(slow.name)
    assert [job.title for job in JobQueue(queue.folder).jobs()] == ["after"]


def test_what_runs_when_the_program_closes_goes_on_with_the_next_one(
    queue: JobQueue, program: Callable[[], list[str]], tmp_path: Path
) -> None:
    job = add(queue, tmp_path, "slow")
    first = Runner(queue, program)
    first.start()
    until(lambda: first.told(job.name).progress)
    first.close()
    assert JobQueue(queue.folder).job(job.name).state == "waiting"
    second = Runner(again := JobQueue(queue.folder), program)
    second.start()
    until(lambda: again.job(job.name).state == "done")
    second.close()


@pytest.mark.skipif(not CAN_PAUSE, reason="this system has no locks that a child could hold")
def test_a_command_that_outlived_the_program_is_waited_for_and_not_started_twice(
    queue: JobQueue, program: Callable[[], list[str]], tmp_path: Path
) -> None:
    job = add(queue, tmp_path, "slow")
    killed = (
        "import os, sys, time; from pathlib import Path; from upframe.serve.queued import JobQueue;"
        f"from upframe.serve.running import Runner; queue = JobQueue(Path({str(queue.folder)!r}));"
        f"runner = Runner(queue, lambda: {program()!r}); runner.start()\n"
        f"while not runner.told({job.name!r}).progress: time.sleep(0.02)\n"
        "os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == -signal.SIGKILL
    again = JobQueue(queue.folder)
    pid = again.job(job.name).pid
    assert again.job(job.name).state == "running"
    assert pid is not None
    os.kill(pid, 0)  # it lives
    runner = Runner(again, program)
    runner.start()
    until(lambda: again.job(job.name).state == "done")
    runner.close()
    done = [line for line in queue.events(job.name).read_text().splitlines() if '"progress"' in line]
    assert len(done) == 40  # each frame once: nobody else was at work


def test_a_job_that_the_system_kills_says_so_and_one_whose_file_is_gone_too(
    queue: JobQueue, runner: Runner, tmp_path: Path
) -> None:
    crash, gone = add(queue, tmp_path, "crash"), add(queue, tmp_path, "gone")
    (tmp_path / "gone").unlink()
    runner.start()
    until(lambda: {job.state for job in queue.jobs()} == {"failed"})
    assert "want of memory" in queue.job(crash.name).error
    assert queue.job(gone.name).error == f"{tmp_path / 'gone'}: is not there any more"


def test_a_description_that_is_damaged_does_not_hide_the_others(queue: JobQueue, tmp_path: Path) -> None:
    add(queue, tmp_path, "a")
    (queue.folder / "0123456789ab.json").write_text('{"name": "0123')
    again = JobQueue(queue.folder)
    assert [job.title for job in again.jobs()] == ["a"]
    assert [path.name for path in again.unreadable] == ["0123456789ab.json"]


def test_torn_lines_of_events_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events"
    listener = Listener(path)
    path.write_bytes(b'{"event": "progress", "done": 1, "frames": 4}\n{"event": "prog')
    assert listener.listen().share == 0.25
    with path.open("ab") as file:
        file.write(b'\n{"event": "progress", "done": 2, "frames": 4}\n[1]\n{"event": "progress", "done": 3')
    assert listener.listen().share == 0.5
    with path.open("ab") as file:
        file.write(b', "frames": 4}\n')
    assert listener.listen().share == 0.75


@pytest.mark.parametrize(
    "wish",
    [
        {"model": "/etc/passwd"},
        {"model": "--watch"},
        {"model": "../rt4ksr-x2"},
        {"size": "10x10 -m x"},
        {"device": "cuda:0,cpu"},
        {"codec": "libx264"},
        {"scale": float("nan")},
        {"scale": 0},
        {"preset": "-x"},
        {"output": "/tmp"},
    ],
)
def test_no_wish_becomes_another_option_of_the_command(wish: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Wishes(**wish)  # type: ignore[arg-type]


def test_the_command_is_one_that_a_person_could_have_typed() -> None:
    wishes = Wishes(scale=2.0, effort="good", crf=18.5)
    words = command(["/films/it's one.mp4"], "/results", wishes)
    flags = ["--scale", "2", "--effort", "good", "--crf", "18.5"]
    assert words == ["upscale", "/films/it's one.mp4", "--output", "/results/", *flags, "--resume", "--json"]
    typed = """upframe upscale '/films/it'"'"'s one.mp4' --output /results/ --scale 2 --effort good --crf 18.5 --resume"""
    assert spoken(["/films/it's one.mp4"], "/results", wishes) == typed
