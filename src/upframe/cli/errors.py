"""Errors become one line and an exit code, in one place."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from upframe.errors import UpframeError

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
    except MemoryError as error:
        if debug:
            raise
        what = f" ({error})" if str(error) else ""
        print(
            f"upframe: there is not enough memory{what}: ask for less at a time, or for a smaller size",
            file=sys.stderr,
        )
        raise typer.Exit(FAILED) from None
    except BrokenPipeError:
        raise typer.Exit(FAILED) from None
    except (Exception, RecursionError) as error:
        if debug:
            raise
        kind = type(error).__name__
        print(
            f"upframe: a fault of Upframe itself: {kind}: {error}. Please report it with the output of --debug", file=sys.stderr
        )
        raise typer.Exit(FAILED) from None
