"""``upframe serve``: a page for people who do not use a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upframe.cli.errors import one_line
from upframe.cli.options import Debug
from upframe.cli.printing import write_line


def serve(
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="The port; 0 for any that is free.")] = 7860,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            metavar="DIR",
            help="Files in here, and below, can be used where they are. Without it files are dropped onto the page.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="Another address, for others on the network: needs --password-file.")
    ] = "127.0.0.1",
    password_file: Annotated[
        Path | None,
        typer.Option("--password-file", metavar="FILE", help="The password is its first line.", show_default=False),
    ] = None,
    debug: Debug = False,
) -> None:
    """Open a page on this machine: drop files, see a preview, watch the queue.

    The page only watches and asks: closing it loses nothing, and after Ctrl-C the queue goes on with the next start.
    """
    with one_line(debug=debug):
        from upframe.serve.application import ServerOptions
        from upframe.serve.application import serve as run

        options = ServerOptions(host, port, folder, password_file, open_browser)
        run(options, lambda address: write_line(f"Upframe is at {address}  (Ctrl-C ends it; the queue goes on next time)"))
