"""Errors become one line and an exit code, in one place."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from upframe.errors import UpframeError, as_upframe_error

FAILED, INTERRUPTED = 1, 130


@contextmanager
def one_line(*, debug: bool) -> Iterator[None]:
    """Print an error as one line on standard error and leave with its exit code; ``debug`` lets the traceback through."""
    try:
        yield
    except KeyboardInterrupt:
        print("upframe: interrupted; nothing unfinished was left behind", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    except UpframeError as error:
        if debug:
            raise
        print(f"upframe: {error}", file=sys.stderr)
        raise typer.Exit(FAILED) from None
    except BrokenPipeError:
        raise typer.Exit(FAILED) from None
    except Exception as error:
        if debug:
            raise
        print(f"upframe: {as_upframe_error(error)}", file=sys.stderr)
        raise typer.Exit(FAILED) from None
