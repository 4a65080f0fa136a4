"""Errors become a line, what to do about them, and an exit code, in one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from upframe.cli.flags import in_flags
from upframe.cli.printing import write_error
from upframe.cli.signals import exit_code, tell_interrupted, was_interrupted
from upframe.errors import UpframeError, as_upframe_error

FAILED = 1


@contextmanager
def one_line(*, debug: bool) -> Iterator[None]:
    """Print an error as one line on standard error, its remedy below it, and leave with its exit code.

    ``debug`` lets the traceback through.
    """
    try:
        yield
    except KeyboardInterrupt:
        tell_interrupted()
        raise typer.Exit(exit_code()) from None
    except UpframeError as error:
        if debug:
            raise
        write_error(error, in_flags(error.remedy))
        raise typer.Exit(FAILED) from None
    except BrokenPipeError:
        raise typer.Exit(FAILED) from None
    except Exception as error:
        if was_interrupted() and isinstance(error, OSError):  # the terminal is gone, and cannot be written to
            raise typer.Exit(exit_code()) from None
        if debug:
            raise
        known = as_upframe_error(error)
        write_error(known, in_flags(known.remedy))
        raise typer.Exit(FAILED) from None
