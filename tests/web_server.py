"""A small web server on this machine that can be told to misbehave."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Site:
    """What is offered, and how it is served. ``asked`` collects the requests' headers."""

    files: dict[str, bytes]
    etag: str | None = '"first"'
    ranges: bool = True
    break_after: list[int] = field(default_factory=list)  # bytes of the body after which each answer in turn is cut off
    status: list[int] = field(default_factory=list)  # of the first answers, before it is served properly
    content_type: str = "application/octet-stream"
    announce: bool = True  # whether the length is reported
    redirects: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    address: str = ""


class _Answers(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        site = self.site
        site.asked.append(dict(self.headers))
        if site.status:
            self.send_error(site.status.pop(0))
        elif self.path in site.redirects:
            self.send_response(302)
            self.send_header("Location", site.redirects[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path not in site.files:
            self.send_error(404)
        else:
            self._serve(site.files[self.path])

    def _serve(self, whole: bytes) -> None:
        site, start = self.site, 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        version = self.headers.get("If-Range")
        if asked and site.ranges and version in (None, site.etag):
            start = int(asked[1])
            if start >= len(whole):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(whole)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        else:
            self.send_response(200)
        self.send_header("Content-Type", site.content_type)
        if site.announce:
            self.send_header("Content-Length", str(len(whole) - start))
        if site.etag:
            self.send_header("ETag", site.etag)
        self.end_headers()
        body = whole[start:]
        self.wfile.write(body[: site.break_after.pop(0)] if site.break_after else body)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the standard library's
        """Nothing on the tests' output."""


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve a site on a free port of this machine; ``site.address`` is its address, without a slash at its end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Answers", (_Answers,), {"site": site}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    site.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
