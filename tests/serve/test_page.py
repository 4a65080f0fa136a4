"""The page in a real browser: dropped, previewed, made, watched, downloaded; the same bytes as the command's."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.media.video_fixtures import Sound, Video, describe, steady

from upframe.models.cards import weights_folder

pytest.importorskip("gradio", reason="the extra serve is not installed")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
BROWSER = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed"),
    pytest.mark.skipif(sys.platform == "win32", reason="starts the server as POSIX does"),
]
PATIENCE = 90_000  # milliseconds


class Server:
    """``upframe serve`` over a state folder and a folder of files."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.address = folder, ""
        self.environment = {
            **os.environ,
            "UPFRAME_SERVE": str(folder / "state"),
            "UPFRAME_MODELS": str(folder / "models"),
            "OMP_NUM_THREADS": "1",
        }
        (folder / "films").mkdir()

    def start(self) -> None:
        words = [sys.executable, "-m", "upframe", "serve", "--port", "0", "--folder", str(self.folder / "films")]
        self._process = subprocess.Popen(
            words, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        assert self._process.stdout is not None
        self.address = re.findall(r"http://\S+", self._process.stdout.readline())[0]
        for _ in range(600):
            if self.get("")[0] == 200:
                return
            time.sleep(0.2)
        raise AssertionError("the page never came")

    def end(self, number: int) -> str:
        """What it had to say."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.communicate(timeout=60)[0]

    def get(self, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(self.address + path, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def jobs(self) -> dict[str, dict[str, Any]]:
        """By their names."""
        return {job["name"]: job for job in json.loads(self.get("upframe/jobs")[1])}

    def until(self, holds: Callable[[dict[str, dict[str, Any]]], object]) -> dict[str, dict[str, Any]]:
        for _ in range(600):
            if holds(jobs := self.jobs()):
                return jobs
            time.sleep(0.2)
        raise AssertionError(f"it never came to that: {jobs}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("serve"))
    server.start()
    yield server
    server.end(signal.SIGTERM)


@pytest.fixture(scope="module")
def page(server: Server) -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.asked, page.faults = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("dialog", lambda dialog: dialog.accept())
        page.set_default_timeout(PATIENCE)
        page.goto(server.address)
        page.wait_for_selector("#uf-start")
        yield page
        browser.close()


def drop(page: Any, *files: Path) -> None:
    page.get_by_role("tab", name="Upscale").click()
    page.set_input_files("input[type=file] >> nth=0", [str(file) for file in files])


def test_a_film_and_a_picture_from_drop_to_download_and_over_a_kill(server: Server, page: Any, tmp_path: Path) -> None:
    sounds = [Sound(language="eng"), Sound(language="fra", title="Comment")]
    film = Video(times=steady(150), size=(96, 128), sounds=sounds, chapters=2).make(tmp_path / "it's a film 🎬.mkv")
    picture = tmp_path / "a <script>alert(1)<script>.png"
    Image.radial_gradient("L").resize((60, 44)).convert("RGB").save(picture)
    drop(page, film, picture)
    page.wait_for_selector(".uf-card .advice >> nth=1")
    told = page.inner_text("#uf-facts")
    assert "128×96 · 6 s · 25 frames a second · H264, 8-bit 4:2:0 · 2 sound tracks" in told
    assert "Advised: rt4ksr" in told
    page.wait_for_selector("#uf-previews img >> nth=3")  # two models, before and after
    assert re.search(r"Fast \(.*minute", page.inner_text("body"))
    page.click("#uf-start")

    page.wait_for_selector(".uf-job >> nth=1")
    name = next(name for name, job in server.jobs().items() if job["title"].endswith(".mkv"))
    server.until(lambda jobs: jobs[name]["done"])
    server.end(signal.SIGKILL)
    server.start()
    page.goto(server.address)
    server.until(lambda jobs: {job["state"] for job in jobs.values()} == {"done"})
    page.get_by_role("tab", name="Queue").click()
    page.wait_for_selector('.uf-job[data-state="done"] >> nth=1')

    with page.expect_download() as download:
        page.locator(f'.uf-job[data-name="{name}"] a:has-text("Download")').click()
    assert download.value.suggested_filename.endswith("-x2.mkv")
    got = tmp_path / "got.mkv"
    download.value.save_as(got)
    words = [sys.executable, "-m", "upframe", "upscale", str(film), "-o", str(tmp_path / "typed.mkv")]
    subprocess.run([*words, "--scale", "2", "--effort", "fast", "--resume", "-q"], env=server.environment, check=True)
    assert got.read_bytes() == (tmp_path / "typed.mkv").read_bytes()
    assert [stream.kind for stream in describe(got).streams] == ["audio", "audio"]

    page.locator(f'.uf-job[data-name="{name}"] button:has-text("Look")').click()
    page.wait_for_selector("#uf-result img >> nth=1")
    kept = page.inner_text("#uf-result ul.kept")
    assert "150 frames" in kept
    assert "2 sound tracks" in kept
    assert "2 chapters" in kept
    assert page.locator("#uf-result ul.kept li.lost").count() == 0
    assert page.locator(".uf-players video").count() == 2


def test_what_is_no_picture_and_no_film_is_a_sentence_on_the_page(server: Server, page: Any, tmp_path: Path) -> None:
    text, zeros = tmp_path / "text.mp4", tmp_path / "zeros.mkv"
    text.write_text("this is a text")
    zeros.write_bytes(bytes(1 << 20))
    bomb = tmp_path / "bomb.png"
    header = b"\x00\x00\x75\x30\x00\x00\x75\x30\x08\x02\x00\x00\x00"  # 30000x30000
    bomb.write_bytes(
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
        + header
        + zlib.crc32(b"IHDR" + header).to_bytes(4, "big")
        + b"\x00\x00\x00\x00IEND\xaeB`\x82"
    )
    before = len(server.jobs())
    page.reload()
    page.wait_for_selector("#uf-start")
    cut = tmp_path / "cut.png"
    Image.effect_noise((64, 48), 50).save(cut)
    cut.write_bytes(cut.read_bytes()[:2000])
    drop(page, text, zeros, bomb, cut)
    page.wait_for_selector("#uf-facts .problem >> nth=3")
    problems = page.locator("#uf-facts .problem").all_inner_texts()
    assert [problem.partition(":")[0] for problem in problems] == ["text.mp4", "zeros.mkv", "bomb.png", "cut.png"]
    assert not [problem for problem in problems if "fault" in problem or "/" in problem]
    assert page.locator("#uf-start").is_disabled()
    assert len(server.jobs()) == before
    assert "use “Keep what can be read of a damaged file” under “For experts”" in problems[3]
    page.get_by_text("For experts", exact=True).click()
    page.get_by_label("Keep what can be read of a damaged file").check()
    page.wait_for_selector("#uf-facts .advice")
    assert page.locator("#uf-start").is_enabled()


def import_file(page: Any, file: Path, name: str = "") -> None:
    page.get_by_role("tab", name="Models").click()
    page.locator("input[type=file]").nth(1).set_input_files(str(file))
    page.wait_for_selector(f'.file-preview:visible:has-text("{file.stem}")')
    page.get_by_label("What it is to be called").fill(name)
    page.get_by_role("button", name="Import it").click()


def test_a_checkpoint_is_imported_a_dangerous_one_is_not_and_results_are_compared(
    server: Server, page: Any, tmp_path: Path
) -> None:
    own, dangerous = tmp_path / "own.safetensors", tmp_path / "bad.pth"
    shutil.copyfile(weights_folder() / "rt4ksr-x2.safetensors", own)
    mark = tmp_path / "was run"
    dangerous.write_bytes(b"cposix\nsystem\n(S'touch \"" + str(mark).encode() + b"\"'\ntR.")
    import_file(page, dangerous)
    page.wait_for_selector(".toast-body.error")
    assert not mark.exists()
    assert not (server.folder / "models" / "bad.safetensors").exists()
    page.reload()
    page.wait_for_selector("#uf-start")
    import_file(page, own, "mine-x2")
    page.wait_for_selector('.uf-card h3:has-text("mine-x2 is here")')
    assert (server.folder / "models" / "mine-x2.safetensors").is_file()

    for name in ("one.png", "other.png"):
        Image.effect_noise((64, 48), 50).save(server.folder / "films" / name)
    page.get_by_role("tab", name="Compare").click()
    page.get_by_label("The result, by its name").fill("one.png")
    page.get_by_label("Compared with, by its name").fill("other.png")
    page.get_by_role("button", name="Compare", exact=True).click()
    page.frame_locator("#uf-comparison iframe").get_by_text("one.png against other.png").wait_for()


def test_nothing_outside_the_folders_is_read_and_nothing_outside_the_machine_asked(server: Server, page: Any) -> None:
    secret = server.folder / "secret.txt"
    secret.write_text("treasure")
    (server.folder / "films" / "link.png").symlink_to(secret)
    queue = server.folder / "state" / "queue"
    for path in (
        secret,
        server.folder / "films" / "link.png",
        "/etc/passwd",
        *queue.glob("*.json"),
        queue.parent / "lock",
    ):
        for route in ("gradio_api/file=", "file="):
            status, content = server.get(f"{route}{path}")
            assert status >= 400, path
            assert b"treasure" not in content
    assert server.get("upframe/shown/..%2f..%2fsecret")[0] == 404
    assert server.get("upframe/jobs/..%2f..%2fsecret/result/0")[0] == 404
    page.get_by_role("tab", name="Upscale").click()
    page.get_by_label("Or a file or folder of this machine").fill(str(secret))
    page.keyboard.press("Enter")
    page.wait_for_selector('#uf-facts .problem:has-text("may be read here")')
    hosts = {re.sub(r"^(\w+://[^/:]*).*", r"\1", url) for url in page.asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {"http://127.0.0.1"}
    assert page.faults == []


def test_programs_use_the_same_queue(server: Server) -> None:
    from gradio_client import Client, handle_file

    picture = server.folder / "films" / "small.png"
    Image.new("RGB", (20, 16), "teal").save(picture)
    client = Client(server.address, verbose=False)
    [named] = client.predict(["small.png"], {"model": "bicubic-x2"}, api_name="/submit")
    [sent] = client.predict([handle_file(str(picture))], {"model": "bicubic-x2", "scale": 3}, api_name="/submit")
    with pytest.raises(Exception, match="option model"):
        client.predict(["small.png"], {"model": "/etc/passwd"}, api_name="/submit")
    with pytest.raises(Exception, match="may be read"):
        client.predict(["/etc/passwd"], {}, api_name="/submit")
    client.predict(sent["name"], "up", api_name="/act")
    server.until(lambda jobs: {job["state"] for job in jobs.values()} == {"done"})
    done = client.predict(sent["name"], api_name="/job")
    assert (done["state"], done["output_size"]) == ("done", [60, 48])
    status, content = server.get(f"upframe/jobs/{named['name']}/result/0")
    assert status == 200
    assert content.startswith(b"\x89PNG")
    assert client.predict(sent["name"], "remove", api_name="/act") == {}
    assert not (server.folder / "state" / "results" / sent["name"]).exists()
    assert picture.exists()
