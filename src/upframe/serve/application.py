"""The server: one for a state folder, its queue going on as soon as it starts."""

from __future__ import annotations

import importlib.util
import os
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upframe import locks
from upframe.errors import InputError, MissingExtra, OutputError
from upframe.remedies import Option, either, way
from upframe.serve.gate import Gate, is_own
from upframe.serve.opening import listen, waiting_page
from upframe.serve.places import Places

PORT = 7860
MOST_BYTES = 20 * 10**9  # that a browser may send in one go
_SHORTEST = 8  # characters of a password that others on the network try to guess
_TIDY = 3600.0  # seconds between two times that what is left over is removed


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """``host``: an address of this machine; one that others can reach needs a ``password_file``. ``port``: 0 for a free one."""

    host: str = "127.0.0.1"
    port: int = PORT
    folder: Path | None = None
    password_file: Path | None = None
    open_browser: bool = False


def serve(options: ServerOptions, on_ready: Callable[[str], None] = lambda _: None) -> None:
    """Answer until the program is interrupted; the job that runs then is ended cleanly, and goes on at the next start.

    ``on_ready``: is given the address, once it answers. Raises MissingExtra, InputError and OutputError.
    """
    password = _password(options)
    if importlib.util.find_spec("gradio") is None:
        raise MissingExtra("gradio", "serve", "the page")
    places = Places.open(options.folder)
    with hold(places):
        listener = listen(options.host, options.port)
        address = _address(options.host, listener.getsockname()[1])
        try:
            with waiting_page(listener):
                on_ready(address)
                if options.open_browser:
                    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
                application = _Application(places)
            application.run(listener, options.host, password)
        finally:
            listener.close()


def _password(options: ServerOptions) -> str | None:
    """The password, where there is one. Raises InputError for an address that others reach, and none."""
    path = options.password_file
    if path is None:
        if is_own(options.host):
            return None
        raise InputError(
            f"{options.host}: others on the network could use the page there, and see what is in it",
            remedy=either(way("set a password with ", Option("password_file")), way("leave out ", Option("host"))),
        )
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}") from error
    if not lines or len(lines[0]) < _SHORTEST:
        raise InputError(f"{path}: its first line is the password, and has fewer than {_SHORTEST} characters")
    return lines[0]


def _address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


@contextmanager
def hold(places: Places) -> Iterator[None]:
    """Keep other servers from the same queue. Raises OutputError where there is one."""
    with (places.state / "lock").open("ab") as file:
        if not locks.taken(file):
            raise OutputError(
                "the page is open already, and two of them cannot have one queue",
                remedy="use that one, or name another folder for the queue in UPFRAME_SERVE",
            )
        yield


class _Application:
    """Everything that takes long to load, made while the browser waits."""

    def __init__(self, places: Places) -> None:
        os.environ["GRADIO_TEMP_DIR"] = str(places.sent)  # read when Gradio is imported, and by every component
        from upframe.serve.desk import Desk
        from upframe.serve.queued import JobQueue
        from upframe.serve.running import Runner

        queue = JobQueue(places.queue)
        self.runner = Runner(queue)
        self.desk = Desk(places, queue, self.runner)
        self.desk.tidy()
        self.runner.start()
        self._ended = threading.Event()
        self.app = self._page()

    def _page(self) -> Any:
        import gradio as gr
        from fastapi import FastAPI

        from upframe.serve.page.looks import asset, head, theme
        from upframe.serve.page.page import build_page
        from upframe.serve.routes import add_routes

        app = FastAPI(title="Upframe", openapi_url=None)
        add_routes(app, self.desk)
        return gr.mount_gradio_app(
            app,
            build_page(self.desk),
            path="/",
            footer_links=[],
            run_history=False,
            blocked_paths=[str(self.desk.places.queue), str(self.desk.places.state / "lock")],
            max_file_size=MOST_BYTES,
            show_error=True,
            ssr_mode=False,
            theme=theme(),
            css=asset("page.css"),
            head=head(),
        )

    def run(self, listener: Any, host: str, password: str | None) -> None:
        """Answer until the program is interrupted."""
        import uvicorn

        gate = Gate(self.app, host=host, password=password, most=MOST_BYTES, folder=self.desk.places.sent)
        threading.Thread(target=self._behind, name="upframe-behind", daemon=True).start()
        config = uvicorn.Config(gate, log_level="error", access_log=False, server_header=False, timeout_graceful_shutdown=1)
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            self._ended.set()
            self.runner.close()

    def _behind(self) -> None:
        """Load what previews need, while nobody waits for it; then tidy up from time to time."""
        import upframe.engine.upscaler  # noqa: F401

        while not self._ended.wait(_TIDY):
            with suppress(OSError):
                self.desk.tidy()
