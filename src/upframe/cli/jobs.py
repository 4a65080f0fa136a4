"""``upframe jobs``: the videos that are being made in segments, or were left unfinished."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from upframe.cli.errors import one_line
from upframe.cli.options import AsJson, Debug
from upframe.cli.printing import write_line

app = typer.Typer(help="List unfinished videos, show one, or remove what was made of it.", invoke_without_command=True)

Folder = Annotated[
    Path, typer.Argument(metavar="[FOLDER]", help="Where to look, to the bottom. \\[default: this folder]", show_default=False)
]
Result = Annotated[
    Path, typer.Argument(metavar="RESULT", help="The video that is to be made, such as holiday-x2.mkv.", show_default=False)
]


@app.callback()
def jobs(context: typer.Context, as_json: AsJson = False, debug: Debug = False) -> None:
    """List unfinished videos, show one, or remove what was made of it."""
    if context.invoked_subcommand is None:
        list_jobs(Path(), as_json=as_json, debug=debug)


@app.command("list")
def list_jobs(folder: Folder = Path(), as_json: AsJson = False, debug: Debug = False) -> None:
    """List the unfinished videos in a folder and those below it."""
    with one_line(debug=debug):
        from upframe.jobs.journal import find_jobs

        found = find_jobs(folder)
        for job in found:
            facts = _facts(job)
            if as_json:
                print(json.dumps(facts))
            else:
                write_line(_line(facts))
        if not found and not as_json:
            write_line("no unfinished videos here")


@app.command("show")
def show_job(result: Result, as_json: AsJson = False, debug: Debug = False) -> None:
    """Show what is made of one video, and what it is made with."""
    with one_line(debug=debug):
        from upframe.jobs.journal import job_folder, read_journal

        folder = job_folder(result)
        facts = _facts(folder)
        if as_json:
            print(json.dumps(facts))
            return
        record = read_journal(folder)
        write_line(_line(facts))
        for segment in record.segments or []:
            failure = record.failed.get(segment.index)
            state = "whole" if segment.index in record.parts else f"failed: {failure}" if failure else "to be made"
            write_line(f"  segment {segment.index}  frames {segment.first} to {segment.stop - 1}  {state}")


@app.command("clean")
def clean_jobs(
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULT...", help="The videos that are given up.", show_default=False)
    ],
    debug: Debug = False,
) -> None:
    """Remove what was made of unfinished videos. The videos they are made from, and finished ones, stay."""
    with one_line(debug=debug):
        from upframe.errors import InputError
        from upframe.jobs.journal import Journal, is_job, job_folder

        missing = [result for result in results if not is_job(job_folder(result))]
        for result in results:
            if result not in missing:
                journal = Journal(job_folder(result))
                journal.lock()  # raises where a process is at work on it
                journal.remove()
                write_line(f"removed what was made of {result}")
        if missing:
            raise InputError(f"{missing[0]}: there is no unfinished job of it; `upframe jobs` lists those in a folder")


def _facts(folder: Path) -> dict[str, Any]:
    """What is known of a job, as JSON has it; with an ``error`` where its journal cannot be read."""
    from upframe.errors import InputError
    from upframe.jobs.journal import is_running, output_of, read_journal

    facts: dict[str, Any] = {"result": str(output_of(folder)), "running": is_running(folder)}
    try:
        record = read_journal(folder)
    except InputError as error:
        return facts | {"error": str(error)}
    return facts | {
        "input": record.header.get("input"),
        "segments": None if record.segments is None else len(record.segments),
        "segments_done": len(record.parts),
        "segments_failed": sorted(record.failed),
        "frames": record.frames,
        "frames_done": record.frames_done,
        "bytes": sum(part.size for part in record.parts.values()),
        "begun": record.header.get("begun"),
    }


def _line(facts: dict[str, Any]) -> str:
    if "error" in facts:
        return str(facts["error"])
    state = "running" if facts["running"] else "stopped"
    if facts["segments"] is None:
        return f"{facts['result']}  {state}  not planned yet"
    share = 100 * facts["frames_done"] / max(facts["frames"], 1)
    return (
        f"{facts['result']}  {state}  {facts['segments_done']} of {facts['segments']} segments, {share:.0f} %  "
        f"({facts['bytes'] / 1e6:.1f} MB)  from {facts['input']}"
    )
