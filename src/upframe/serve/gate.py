"""Who may ask this server, and what its pages may load: nothing from anywhere else."""

from __future__ import annotations

import base64
import hmac
import ipaddress
import shutil
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' data: blob:; form-action 'self'; "
    "frame-ancestors 'self'; base-uri 'self'; object-src 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
_SAFE = ("GET", "HEAD", "OPTIONS")
_UPLOAD = "/gradio_api/upload"


class Gate:
    """Stands before the page, its files and its API alike.

    ``host``: the address that is listened on. On this machine's own, only requests by one of its names are answered, so that no
    site that has its name point here can speak to it. ``password``: None for none; any user name goes with it. ``most``: bytes
    of a request that sends files; ``folder``: where they go, whose disk must have room.
    """

    def __init__(self, app: Application, *, host: str, password: str | None, most: int, folder: Path) -> None:
        self._app, self._most, self._folder = app, most, folder
        self._names = {"localhost", "127.0.0.1", "::1"} if is_own(host) else None
        self._password = None if password is None else password.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse in a sentence."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {bytes(name).lower(): bytes(value).decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _answer(send, *refusal)
            return

        async def send_guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                ours = {name for name, _ in _HEADERS}
                kept = [(name, value) for name, value in message.get("headers", []) if bytes(name).lower() not in ours]
                message = {**message, "headers": [*kept, *_HEADERS]}
            await send(message)

        await self._app(scope, receive, send_guarded)

    def _refusal(self, scope: Scope, headers: dict[bytes, str]) -> tuple[int, str] | None:
        host = headers.get(b"host", "")
        if self._names is not None and _name(f"//{host}") not in self._names:
            return 421, "This page answers by the name localhost and the address 127.0.0.1 alone."
        origin = headers.get(b"origin")
        foreign = origin is not None and urlsplit(origin).netloc != host
        if foreign and (scope["type"] != "http" or scope["method"] not in _SAFE):
            return 403, "Another site may not use this page."
        if self._password is not None and not self._knows(headers.get(b"authorization", "")):
            return 401, "A password is needed."
        if scope["type"] == "http" and scope["path"].endswith(_UPLOAD):
            return self._too_much(headers.get(b"content-length"))
        return None

    def _knows(self, given: str) -> bool:
        scheme, _, encoded = given.partition(" ")
        try:
            _, _, password = base64.b64decode(encoded, validate=True).partition(b":")
        except ValueError:
            password = b""
        assert self._password is not None
        return hmac.compare_digest(password, self._password) and scheme.lower() == "basic"

    def _too_much(self, length: str | None) -> tuple[int, str] | None:
        if length is None or not length.isdecimal():
            return 411, "Files are sent with their length alone."
        room = shutil.disk_usage(self._folder).free
        if int(length) > self._most:
            return (
                413,
                f"More than {self._most / 1e9:.0f} GB cannot be sent; start it with --folder to use files where they are.",
            )
        if int(length) > room:
            return 507, f"The disk has {room / 1e9:.1f} GB left, which is not enough for this. Make room on it."
        return None


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def is_own(host: str) -> bool:
    """Whether an address is this machine's own, which no other can reach."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _answer(send: Send, status: int, words: str) -> None:
    headers: Iterable[tuple[bytes, bytes]] = [(b"content-type", b"text/plain; charset=utf-8"), *_HEADERS]
    if status == 401:
        headers = [*headers, (b"www-authenticate", b'Basic realm="Upframe", charset="UTF-8"')]
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": f"{words}\n".encode()})
