"""Who may ask the server."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from upframe.errors import InputError, OutputError
from upframe.serve.application import ServerOptions, hold, serve
from upframe.serve.gate import Gate, Receive, Scope, Send, is_own
from upframe.serve.opening import listen
from upframe.serve.places import Places


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"the page"})


def ask(gate: Gate, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, dict[str, str]]:
    """The status and the headers of an answer."""
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b""}

    given = {"host": "127.0.0.1:7860"} | {name.replace("_", "-"): value for name, value in headers.items()}
    coded = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
    asyncio.run(gate({"type": "http", "method": method, "path": path, "headers": coded}, receive, send))
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}


def gate(tmp_path: Path, host: str = "127.0.0.1", password: str | None = None) -> Gate:
    return Gate(answer, host=host, password=password, most=1000, folder=tmp_path)


def test_other_sites_cannot_speak_to_the_page(tmp_path: Path) -> None:
    mine = gate(tmp_path)
    assert ask(mine)[0] == 200
    assert ask(mine, host="localhost:7860")[0] == 200
    assert ask(mine, host="evil.example:7860")[0] == 421  # a name that was made to point here
    assert ask(mine, method="POST", origin="https://evil.example")[0] == 403
    assert ask(mine, method="POST", origin="null")[0] == 403
    assert ask(mine, method="POST", origin="http://127.0.0.1:7860")[0] == 200


def test_pages_may_load_nothing_from_elsewhere(tmp_path: Path) -> None:
    policy = ask(gate(tmp_path))[1]["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy


def test_a_password_is_asked_for_everything(tmp_path: Path) -> None:
    guarded = gate(tmp_path, "0.0.0.0", "söme secret:x")

    def basic(password: str) -> str:
        return "Basic " + base64.b64encode(f"any:{password}".encode()).decode()

    for path in ("/", "/upframe/jobs", "/gradio_api/upload"):
        status, headers = ask(guarded, path)
        assert status == 401
        assert headers["www-authenticate"].startswith("Basic")
    assert ask(guarded, authorization=basic("söme secret:x"))[0] == 200
    for wrong in (basic("söme secret"), basic(""), "Bearer x", "Basic !", "Basic"):
        assert ask(guarded, authorization=wrong)[0] == 401


def test_more_than_may_be_sent_is_refused_before_it_is_read(tmp_path: Path) -> None:
    mine = gate(tmp_path)
    assert ask(mine, "/gradio_api/upload", "POST", content_length="1001")[0] == 413
    assert ask(mine, "/gradio_api/upload", "POST")[0] == 411
    assert ask(mine, "/gradio_api/upload", "POST", content_length="1000")[0] == 200


@pytest.mark.parametrize(
    ("host", "own"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("192.168.1.2", False)]
)
def test_an_address_that_others_reach_needs_a_password(host: str, own: bool, tmp_path: Path) -> None:
    assert is_own(host) == own
    if not own:
        with pytest.raises(InputError, match="others on the network") as caught:
            serve(ServerOptions(host=host))
        assert "password_file" in str(caught.value.remedy)
        (tmp_path / "short").write_text("1234\n")
        with pytest.raises(InputError, match="fewer than 8"):
            serve(ServerOptions(host=host, password_file=tmp_path / "short"))


def test_a_port_that_is_taken_and_a_second_server_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listen("127.0.0.1", 0) as first:
        with pytest.raises(OutputError, match="cannot listen") as caught:
            listen("127.0.0.1", first.getsockname()[1])
        assert "port" in str(caught.value.remedy)
    monkeypatch.setenv("UPFRAME_SERVE", str(tmp_path / "state"))
    places = Places.open(None)
    with hold(places), pytest.raises(OutputError, match="open already"), hold(places):
        pass
