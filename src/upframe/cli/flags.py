"""What to do about an error, in flags of the command that runs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from upframe.remedies import Call, Option, Remedy, Task

try:
    from typer._click.globals import get_current_context
except ImportError:  # an edition of typer that takes click as it is
    from click import get_current_context  # type: ignore[assignment, no-redef, unused-ignore]


_COMMANDS = {
    "upframe.models.catalog.fetch": "models fetch",
    "upframe.models.catalog.load_file": "models import",
    "upframe.datasets.catalog.named_entry": "data show",
    "upframe.datasets.fetching.fetch": "data fetch",
    "upframe.datasets.preparation.regroup_reds": "data prepare reds",
    "upframe.datasets.pack.pack": "pack",
}
"""What the command line has for functions of the library."""

_TASKS = {
    Task.REPORT: "please report it with the output of --debug",
    Task.EXPORT_AGAIN: "export it again with `upframe export`",
    Task.SEE_MODELS: "see `upframe models`",
    Task.SEE_PUBLISHED: "see `upframe models list --published`",
    Task.SEE_DATA_SETS: "see `upframe data list`",
}


def in_flags(remedy: Remedy | None) -> str:
    """A remedy as a sentence; empty without one. Ways out that need a flag the command does not have are left out."""
    return "" if remedy is None else remedy.spelled(_spelled)


def _spelled(part: Option | Task | Call) -> str | None:
    known = _flags()
    match part:
        case Task.WRITE_ELSEWHERE:
            return "write elsewhere with -o" if known is None or "-o" in known else "write elsewhere"
        case Task():
            return _TASKS[part]
        case Call(function, arguments):
            return " ".join(("`upframe", _COMMANDS[function], *map(_argument, arguments))) + "`"
        case Option(name):
            return _flag(part) if known is None or f"--{name.replace('_', '-')}" in known else None


def _argument(given: str | Path | Option) -> str:
    return _flag(given) if isinstance(given, Option) else shlex.quote(str(given))


def _flag(option: Option) -> str:
    """``--max-pixels 400``; a mapping is the settings of a network: ``--set scale=4 --set eca=no``."""
    if isinstance(option.value, Mapping):
        from upframe.models.cards import word

        return " ".join(f"--set {name}={word(value)}" for name, value in option.value.items())
    flag = f"--{option.name.replace('_', '-')}"
    return flag if option.value is None or option.value is True else f"{flag} {shlex.quote(str(option.value))}"


def _flags() -> set[str] | None:
    """Those of the command that runs; None outside of one."""
    context = get_current_context(silent=True)
    return (
        None
        if context is None
        else {flag for parameter in context.command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    )
