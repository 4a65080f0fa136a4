"""The very beginning of the command: signals are heeded before anything slow is imported."""

from __future__ import annotations

import io
import os
import sys

from upframe.cli.signals import exit_code, heed_signals, tell_interrupted


def write_all_characters() -> None:
    """Characters that the encoding of the output lacks are written out, as on Windows in a file: a name must not end a job."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def main() -> None:
    """Run the command line."""
    heed_signals()
    write_all_characters()
    try:
        from upframe.cli.main import app

        app()
    except KeyboardInterrupt:  # before or after the command itself, which tells of its own
        tell_interrupted()
        os._exit(exit_code())  # at once: nothing is open any more, and half an import is not to be torn down
