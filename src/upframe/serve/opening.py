"""The address, taken at once, and a page that says so while the rest is being loaded."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from upframe.errors import InputError, OutputError
from upframe.remedies import Option, way

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="1"><title>Upframe</title>
<style>:root{color-scheme:light dark}
body{font:18px/1.5 system-ui,sans-serif;display:grid;place-items:center;min-height:90vh;margin:1rem}</style>
<main role="status"><h1>Upframe</h1><p>The page opens in a moment …</p></main></html>"""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. ``port``: 0 for any that is free. Raises InputError for an address that is none of this machine's,
    OutputError for a port that is taken.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=128)
    except (socket.gaierror, OverflowError) as error:
        raise InputError(f"{host}: is not an address of this machine") from error
    except OSError as error:
        raise OutputError(
            f"cannot listen on {host}:{port}: {error.strerror or error}", remedy=way("choose another with ", Option("port"))
        ) from error


@contextmanager
def waiting_page(listener: socket.socket) -> Iterator[None]:
    """While the block runs, whoever asks is told to wait; the browser asks again by itself."""
    ended = threading.Event()
    listener.settimeout(0.1)

    def answer() -> None:
        body = _PAGE.encode()
        head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        while not ended.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(1)
                    connection.recv(65536)
                    connection.sendall(f"{head}Retry-After: 1\r\nConnection: close\r\n\r\n".encode() + body)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        listener.settimeout(None)
