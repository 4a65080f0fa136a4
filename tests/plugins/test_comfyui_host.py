"""The nodes in a real host, started on the processor and driven by its HTTP interface. UPFRAME_COMFYUI names its folder.

Its Python is that of a `.venv` or `venv` in the folder, or else the one that runs the tests.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest
from tests.plugins.comfy_stand_ins import PACK, ROOT

import upframe

pytestmark = pytest.mark.long
MEDIA = ROOT / "examples" / "media"
START, RUN = 240, 240  # seconds


class Host:
    """A host that is running, with the pack in its folder of nodes."""

    def __init__(self, program: Path, base: Path) -> None:
        self.base = base
        for name in ("custom_nodes", "input", "output", "models"):
            (base / name).mkdir()
        shutil.copytree(PACK, base / "custom_nodes" / "upframe-nodes", ignore=shutil.ignore_patterns("__pycache__"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"http://127.0.0.1:{free.getsockname()[1]}"
        own = [program / name / "bin" / "python" for name in (".venv", "venv")]
        python = next((str(path) for path in own if path.exists()), sys.executable)
        options = ["--cpu", "--port", self.address.rpartition(":")[2], "--base-directory", str(base), "--disable-auto-launch"]
        apart = ["--disable-api-nodes", "--database-url", "sqlite:///:memory:"]
        self._log = (base / "log").open("w+")
        self.process = subprocess.Popen(
            [python, "main.py", *options, *apart],
            cwd=program,
            env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def wait(self) -> None:
        """Until it answers. Fails with what it said where it ends or takes too long."""
        until = time.monotonic() + START
        while time.monotonic() < until and self.process.poll() is None:
            try:
                self.ask("/queue")
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
            else:
                return
        pytest.fail(f"the host did not start: {self.said()[-2000:]}")

    def said(self) -> str:
        return (self.base / "log").read_text()

    def ask(self, path: str, content: Any = None) -> Any:
        given = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self.address + path, given, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def run(self, workflow: dict[str, Any], *, cancel_after: int | None = None) -> dict[str, Any]:
        """What became of a workflow; ``cancel_after``: so many seconds, by its own button."""
        number = self.ask("/prompt", {"prompt": workflow})["prompt_id"]
        until = time.monotonic() + RUN
        while time.monotonic() < until:
            history = self.ask(f"/history/{number}")
            if number in history:
                return dict(history[number])
            if cancel_after is not None and self.is_running(number):
                time.sleep(cancel_after)
                self.ask("/interrupt", {})
                cancel_after = None
            time.sleep(0.3)
        return pytest.fail(f"it takes too long: {self.said()[-2000:]}")

    def is_running(self, number: str) -> bool:
        return any(entry[1] == number for entry in self.ask("/queue")["queue_running"])

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    named = os.environ.get("UPFRAME_COMFYUI")
    if not named or not (Path(named) / "main.py").is_file():
        pytest.skip("set UPFRAME_COMFYUI to the folder of one, with its requirements installed")
    started = Host(Path(named), tmp_path_factory.mktemp("host"))
    try:
        started.wait()
        yield started
    finally:
        started.close()


def workflow(name: str) -> dict[str, Any]:
    return dict(json.loads((PACK / "example_workflows" / "api" / f"{name}.json").read_text()))


def image_of(host: Host, entry: dict[str, Any]) -> np.ndarray[Any, Any]:
    query = urllib.parse.urlencode(entry)
    with urllib.request.urlopen(f"{host.address}/view?{query}", timeout=30) as answer:
        return np.asarray(PIL.Image.open(io.BytesIO(answer.read())))


def outcome(result: dict[str, Any]) -> str:
    """Why it ended: the last message but its time."""
    kind, content = result["status"]["messages"][-1]
    return f"{kind} {content.get('exception_message', '')}".strip()


def test_images_of_a_batch_are_what_upscaler_makes_of_them(host: Host) -> None:
    photo = PIL.Image.open(MEDIA / "stream.png").convert("RGB").crop((40, 30, 136, 94))
    photo.putalpha(PIL.Image.linear_gradient("L").resize(photo.size))
    photo.save(host.base / "input" / "photo.png")
    given = workflow("images")
    given["5"] = {"class_type": "RepeatImageBatch", "inputs": {"image": ["1", 0], "amount": 3}}
    given["3"]["inputs"]["image"] = ["5", 0]
    given["6"] = {"class_type": "InvertMask", "inputs": {"mask": ["3", 1]}}
    given["7"] = {"class_type": "MaskToImage", "inputs": {"mask": ["6", 0]}}
    given["8"] = {"class_type": "SaveImage", "inputs": {"images": ["7", 0], "filename_prefix": "alpha"}}
    result = host.run(given)
    assert outcome(result) == "execution_success", host.said()[-2000:]
    expected = np.asarray(upframe.Upscaler("rt4ksr-x2", device="cpu").upscale(photo)).astype(int)
    colours, covers = result["outputs"]["4"]["images"], result["outputs"]["8"]["images"]
    assert (len(colours), len(covers)) == (3, 3)
    shown = expected[..., 3] > 0  # below, any colour will do
    for colour, cover in zip(colours, covers, strict=True):
        assert (
            np.abs(image_of(host, colour).astype(int) - expected[..., :3])[shown].max() <= 1
        )  # the host cuts, and does not round
        assert np.abs(image_of(host, cover)[..., 0].astype(int) - expected[..., 3]).max() <= 1


def test_a_video_keeps_its_frames_and_its_sound(host: Host) -> None:
    shutil.copyfile(MEDIA / "bunny.mp4", host.base / "input" / "video.mp4")
    given = workflow("video")
    given["2"]["inputs"]["model"] = "bicubic-x2"  # quick
    result = host.run(given)
    assert outcome(result) == "execution_success", host.said()[-2000:]
    (shown,) = result["outputs"]["3"]["images"]
    path = host.base / "output" / shown["subfolder"] / shown["filename"]
    with av.open(MEDIA / "bunny.mp4") as source, av.open(path) as made:
        assert made.streams.video[0].width == 2 * source.streams.video[0].width
        assert len(made.streams.audio) == len(source.streams.audio)
        assert times_of(source) == times_of(made)


def times_of(container: Any) -> list[Any]:
    packets = list(container.demux(video=0))
    return sorted(packet.pts * packet.time_base for packet in packets if packet.pts is not None)


def test_a_video_that_is_cancelled_leaves_nothing(host: Host) -> None:
    shutil.copyfile(MEDIA / "bunny.mp4", host.base / "input" / "video.mp4")
    given = workflow("video")
    given["3"]["inputs"]["filename_prefix"] = "cancelled/upframe"
    result = host.run(given, cancel_after=3)
    assert outcome(result) == "execution_interrupted"
    assert list((host.base / "output" / "cancelled").iterdir()) == []


def test_what_cannot_be_done_is_one_line_on_the_node(host: Host) -> None:
    (host.base / "input" / "damaged.mp4").write_bytes(b"not a video")
    given = workflow("video")
    given["1"]["inputs"]["file"] = "damaged.mp4"
    said = outcome(host.run(given))
    assert "damaged.mp4" in said
    assert "\n" not in said.removesuffix("\n")
