"""The very beginning of the command: signals are heeded before anything slow is imported."""

from __future__ import annotations

import os

from upframe.cli.signals import exit_code, heed_signals, tell_interrupted


def main() -> None:
    """Run the command line."""
    heed_signals()
    try:
        from upframe.cli.main import app

        app()
    except KeyboardInterrupt:  # before or after the command itself, which tells of its own
        tell_interrupted()
        os._exit(exit_code())  # at once: nothing is open any more, and half an import is not to be torn down
