"""Models from and to Hugging Face, against a stand-in of its protocol on this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli.conftest import Outcome, is_one_error
from typer.testing import CliRunner

from upframe.cli.main import app
from upframe.models import cards, hub, load

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PAGE = "https://huggingface.co/me/mine"
BUILT_IN = cards.weights_folder() / "rt4ksr-x2.safetensors"


@dataclass
class Hub:
    """What the stand-in has and was asked: ``files`` by repository and name."""

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)


class Answers(BaseHTTPRequestHandler):
    hub: Hub

    def answer(self, content: bytes | dict[str, Any], code: int = 200) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/octet-stream" if isinstance(content, bytes) else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.hub.asked.append(self.path)
        if found := re.fullmatch(r"/api/models/([^/]+/[^/?]+)(/revision/[^?]+)?\?blobs=true", self.path):
            files = self.hub.files.get(found[1])
            listed = [
                {"rfilename": name, "size": len(of), "lfs": {"size": len(of), "sha256": hashlib.sha256(of).hexdigest()}}
                for name, of in (files or {}).items()
            ]
            return self.answer({"sha": COMMIT, "siblings": listed} | self.hub.about, 404 if files is None else 200)
        if found := re.fullmatch(rf"/([^/]+/[^/]+)/resolve/{COMMIT}/(.+)", self.path):
            return self.answer(self.hub.files[found[1]][found[2]])
        return self.answer({}, 404)

    def do_POST(self) -> None:
        self.hub.asked.append(self.path)
        self.hub.keys.add(self.headers.get("Authorization", ""))
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/api/repos/create":
            return self.answer({"url": PAGE})
        if self.path.endswith("/preupload/main"):
            names = [one["path"] for one in json.loads(sent)["files"]]
            return self.answer({"files": [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]})
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", self.path):
            for line in map(json.loads, sent.splitlines()):
                if line["key"] == "file":
                    content = base64.b64decode(line["value"]["content"])
                    self.hub.files.setdefault(found[1], {})[line["value"]["path"]] = content
            return self.answer({"success": True, "commitOid": COMMIT, "commitUrl": f"{PAGE}/commit/{COMMIT}"})
        return self.answer({})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the standard library's
        """Nothing on the tests' output."""


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The stand-in; no models of the user's, and no token."""
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr("upframe.download.PAUSE", 0.01)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("UPFRAME_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)
    held = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Here", (Answers,), {"hub": held}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    yield held
    server.shutdown()
    thread.join()
    server.server_close()


def run(*arguments: object) -> Outcome:
    """``upframe models`` in this process."""
    result = CliRunner().invoke(app, ["models", *map(str, arguments)])
    return Outcome(result.exit_code, result.stdout, result.stderr)


def front_matter(readme: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(readme.split("---\n")[1])
    return found


def test_a_model_is_published_with_its_card_and_fetched_again(site: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = [{"name": "bicubic-x2", "result": {"psnr_y": 33.68}}, {"name": "rt4ksr-x2", "result": {"psnr_y": 36.4123456}}]
    protocol = {"description": "Y of BT.601, border of 2 left out"}
    Path("scores.json").write_text(json.dumps({"title": "rt4ksr-x2 on Set5", "protocol": protocol, "scores": scores}))
    monkeypatch.setenv("HF_TOKEN", "secret-key")
    outcome = run("publish", "rt4ksr-x2", "hf:me/mine", "--scores", "scores.json")
    assert outcome.code == 0, outcome.err
    assert site.keys == {"Bearer secret-key"}
    stored = site.files["me/mine"]
    assert set(stored) == {"README.md", "rt4ksr-x2.safetensors"}
    head = front_matter(stored["README.md"].decode())
    assert (head["license"], head["library_name"], head["degradation"]) == ("apache-2.0", "upframe", "BI")
    assert head["protocol"] == "Y of BT.601, border of 2 left out"
    (result,) = head["model-index"][0]["results"]
    assert result["dataset"] == {"type": "set5", "name": "Set5"}
    assert result["metrics"] == [{"type": "psnr_y", "value": 36.4123}]
    site.asked.clear()
    outcome = run("fetch", "hf:me/mine", "--name", "again")
    assert outcome.code == 0, outcome.err
    assert site.asked[-1] == f"/me/mine/resolve/{COMMIT}/rt4ksr-x2.safetensors"
    assert "verified by its SHA-256" in outcome.out
    [shown] = run("show", "again", "--json").events
    assert any(f"hf:me/mine/rt4ksr-x2.safetensors@{COMMIT}" in sentence for sentence in shown["found"])
    assert load("again").info.degradation == "BI"


def test_without_a_token_nothing_leaves_and_all_is_shown(site: Hub) -> None:
    outcome = run("publish", "frvsr-lite-x4", "hf:me/mine")
    assert outcome.code == 0, outcome.err
    assert "no token: a dry run" in outcome.out
    assert "frvsr-lite-x4.safetensors" in outcome.out
    assert "pipeline_tag: video-to-video" in outcome.out
    assert not site.asked


def test_an_entry_of_openmodeldb_names_the_file_and_its_digest(site: Hub, tmp_path: Path) -> None:
    outcome = run("publish", "rt4ksr-x2", "hf:me/mine", "--to", "openmodeldb", "-o", "entries")
    assert outcome.code == 0, outcome.err
    made = json.loads((tmp_path / "entries/2x-rt4ksr.json").read_text())
    (resource,) = made["resources"]
    assert resource["sha256"] == hashlib.sha256(BUILT_IN.read_bytes()).hexdigest()
    assert resource["size"] == BUILT_IN.stat().st_size
    assert resource["urls"][0].endswith("/me/mine/resolve/main/rt4ksr-x2.safetensors")
    assert (made["scale"], made["license"], made["author"]) == (2, "Apache-2.0", "me")
    refused = run("publish", "frvsr-x4", "hf:me/mine", "--to", "openmodeldb")
    assert refused.code == 1
    assert "networks for images" in refused.err
    assert not site.asked


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("hf:me", "hf:OWNER/REPO"),
        ("hf:me/many/../../x.safetensors", "not an address"),
        ("hf:me/many", "2 .safetensors files"),
        ("hf:me/many/net.pth", "only .safetensors files"),
        ("hf:me/many/c.safetensors", "There are: a.safetensors, b.safetensors"),
        ("hf:me/nothing", "it is not there, or wants an account"),
        ("hf:me/large", "more than the"),
        ("hf:me/one/rt4ksr-x2.safetensors", "the name of a built-in model"),
    ],
)
def test_what_is_not_taken_is_said_in_one_line(
    address: str, words: str, site: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.files = {
        "me/many": {"a.safetensors": b"", "b.safetensors": b"", "net.pth": b""},
        "me/large": {"x.safetensors": b"1234"},
    }
    site.files["me/one"] = {"rt4ksr-x2.safetensors": b"never asked for"}
    monkeypatch.setattr(hub, "SIZE_LIMIT", 3)
    outcome = run("fetch", address)
    assert outcome.code == 1
    assert words in outcome.err
    assert is_one_error(outcome.err)
    assert not list(tmp_path.rglob("models/*.safetensors"))
    assert not any("rt4ksr-x2" in path for path in site.asked)


def test_nothing_is_asked_while_offline_nor_of_what_is_given_on_request(site: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    site.files, site.about = {"me/one": {"x.safetensors": b""}}, {"gated": "manual"}
    assert "to those who asked" in run("fetch", "hf:me/one").err
    site.asked.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    outcome = run("fetch", "hf:me/one")
    assert outcome.code == 1
    assert "HF_HUB_OFFLINE" in outcome.err
    assert not site.asked
