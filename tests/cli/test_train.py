"""``upframe train``: killed, interrupted, on several processes, and told what is wrong."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest
from tests.cli.conftest import ENVIRONMENT, Command, Running, Start, is_one_error
from tests.training.conftest import COMMON, TINY, rows, tiny

from upframe.models import load
from upframe.training.loop import train


def recipe_of(name: str, *changes: str) -> list[str]:
    return ["train", name, *COMMON, *TINY[name], "run.tensorboard=false", *changes]


def wait_for(path: Path, running: object) -> None:
    """Until a file is there."""
    for _ in range(1200):
        if path.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} never came: {running}")


@pytest.mark.long
@pytest.mark.parametrize("name", ["frvsr-small", "tecogan-small"])
def test_a_killed_training_goes_on_as_if_it_had_not_been(upframe: Command, start: Start, tmp_path: Path, name: str) -> None:
    changes = ["iterations=40", "run.save_every=3"]
    assert upframe(*recipe_of(name, *changes), "-o", "whole", "--json").code == 0
    with start(*recipe_of(name, *changes), "-o", "cut") as running:
        wait_for(tmp_path / "cut/last.ckpt", running)
        running.kill()
    assert not (tmp_path / f"cut/{name}.safetensors").exists()
    outcome = upframe(*recipe_of(name, *changes), "-o", "cut", "--json", "--resume")
    assert outcome.code == 0, outcome.err
    assert 0 < outcome.events_of("started")[0]["step"] < 40
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")
    assert (tmp_path / f"cut/{name}.safetensors").read_bytes() == (tmp_path / f"whole/{name}.safetensors").read_bytes()


LONG = ["iterations=150", "run.save_every=1000", "run.workers=2"]


@pytest.fixture(scope="module")
def losses_of_long(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """Of a training that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    train(tiny("frvsr-small", *LONG, "run.tensorboard=false"), folder / "whole", lambda _: None)
    return rows(folder / "whole")


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "send"),
    [(signal.SIGINT, os.killpg), (signal.SIGTERM, os.killpg), (signal.SIGTERM, os.kill), (signal.SIGHUP, os.killpg)],
)
def test_an_interrupted_training_saves_and_goes_on_exactly(
    upframe: Command,
    start: Start,
    tmp_path: Path,
    losses_of_long: list[dict[str, str]],
    number: int,
    send: Callable[[int, int], None],
) -> None:
    running = started(start, tmp_path, *recipe_of("frvsr-small", *LONG), "-o", "cut", "--json")
    send(running.pid, number)
    out, err = running.communicate(timeout=120)
    assert running.returncode == (129 if number == signal.SIGHUP else 130), err
    step = json.loads(out.splitlines()[-1])["step"]
    assert err == f"upframe: interrupted after step {step}, which is saved; --resume goes on\n"
    assert load(tmp_path / "cut/frvsr-small.safetensors").info.scale == 2
    outcome = upframe(*recipe_of("frvsr-small", *LONG), "-o", "cut", "--resume", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.events_of("started")[0]["step"] == step
    assert rows(tmp_path / "cut") == losses_of_long


@pytest.mark.long
def test_a_training_whose_terminal_is_closed_is_saved(tmp_path: Path) -> None:
    command = [*recipe_of("rt4ksr-small", "iterations=100000", "run.save_every=100000"), "-o", str(tmp_path / "cut")]
    child, terminal = pty.fork()
    if not child:
        os.execve(sys.executable, [sys.executable, "-m", "upframe", *command], {**os.environ, **ENVIRONMENT})
    deadline = time.monotonic() + 120
    while not ((tmp_path / "cut/losses.csv").exists() and rows(tmp_path / "cut")):
        assert time.monotonic() < deadline
        if select.select([terminal], [], [], 0.05)[0]:
            os.read(terminal, 2**16)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 129
    assert load(tmp_path / "cut/rt4ksr-small.safetensors").info.scale == 2
    assert (tmp_path / "cut/last.ckpt").exists()


def test_a_machine_that_cannot_compile_is_told(tmp_path: Path) -> None:
    without = {
        "CXX": "no-such-compiler",
        "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache"),
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
    }
    command = [sys.executable, "-m", "upframe", *recipe_of("rt4ksr-small", "run.compile=true"), "-o", "run"]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT | without, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    *_, line, remedy = done.stderr.splitlines()
    assert line.startswith("upframe: run.compile: ")
    assert remedy == "         Leave run.compile out"
    assert "Traceback" not in done.stderr


def started(start: Start, folder: Path, *arguments: object) -> Running:
    """A training at the head of a process group of its own, as a shell starts it, once it has made a step into ``cut``."""
    running = start(*arguments)
    wait_for(folder / "cut/losses.csv", running)
    while not rows(folder / "cut"):
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)
    return running


@pytest.mark.long
def test_a_second_ctrl_c_does_not_wait_for_the_step(tmp_path: Path) -> None:
    large = ["model={scale: 2, channels: 64, blocks: 10}", "data.crop=128", "data.frames=10", "batch=16"]
    command = [*recipe_of("frvsr-small", *large, "run.workers=1"), "-o", "cut", "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "upframe", *command],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stdout is not None
        assert json.loads(running.stdout.readline())["event"] == "started"
        for pause in (1.0, 3.0):  # while the first step goes on, which takes many seconds; one layer of it may take one
            time.sleep(pause)
            os.killpg(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert err == "upframe: interrupted; nothing unfinished was left behind\n"
    assert '"saved"' not in out
    assert not list((tmp_path / "cut").glob("*.ckpt"))


@pytest.mark.long
def test_a_reader_that_is_killed_is_told_in_one_line(start: Start, tmp_path: Path) -> None:
    changes = ["iterations=100000", "run.workers=1"]
    running = started(start, tmp_path, *recipe_of("frvsr-small", *changes), "-o", "cut", "--json")
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    if not children.exists():
        running.kill()
        pytest.skip("the system does not tell which processes belong to one")
    for child in children.read_text().split():
        os.kill(int(child), signal.SIGKILL)
    _, err = running.communicate(timeout=120)
    assert running.returncode == 1
    assert is_one_error(err)
    assert "a process that reads data was ended from outside" in err


@pytest.mark.long
def test_two_processes_learn_what_one_learns_from_both_their_samples(upframe: Command, tmp_path: Path) -> None:
    changes = ["batch=4", "iterations=4"]
    assert upframe(*recipe_of("frvsr-small", *changes), "-o", "one").code == 0
    outcome = upframe(*recipe_of("frvsr-small", *changes, "run.devices=2"), "-o", "two", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.events_of("started")[0]["processes"] == 2
    one, two = (load(tmp_path / folder / "frvsr-small.safetensors").network.state_dict() for folder in ("one", "two"))
    for name in one:
        assert (one[name] - two[name]).abs().max() < 1e-6, name


@pytest.mark.long
def test_what_was_trained_upscales(upframe: Command, tmp_path: Path) -> None:
    assert upframe(*recipe_of("frvsr-small"), "-o", "run").code == 0
    PIL.Image.new("RGB", (24, 16), (200, 90, 30)).save(tmp_path / "small.png")
    outcome = upframe("upscale", "small.png", "-o", "large.png", "-m", "run/frvsr-small.safetensors", "-q")
    assert outcome.code == 0, outcome.err
    with PIL.Image.open(tmp_path / "large.png") as image:
        assert image.size == (48, 32)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere: no such recipe"),
        (["frvsr-smal"], "Use frvsr-small, or choose one of"),
        (["frvsr-small", "data.corp=16"], "data.corp: there is no such key; did you mean crop?"),
        (["frvsr-small", "batch=many"], "batch: "),
        (["frvsr-small", "crop"], "Write key=value"),
        (["frvsr-small", "data.photographs=[nowhere]"], "nowhere: no such file or folder"),
        (["frvsr"], "data.clips=[FOLDER]"),
    ],
)
def test_a_wrong_recipe_is_one_line_and_nothing_is_written(
    upframe: Command, tmp_path: Path, arguments: list[str], words: str
) -> None:
    outcome = upframe("train", *arguments)
    assert outcome.code == 1
    assert words in outcome.err
    assert is_one_error(outcome.err)
    assert list(tmp_path.iterdir()) == []
