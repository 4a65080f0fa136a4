"""``upframe data``: which data sets there are, how each must lie on disk, and how it gets there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upframe.cli.errors import one_line
from upframe.cli.flags import in_flags
from upframe.cli.options import AsJson, Debug
from upframe.cli.printing import cell, console, write_line
from upframe.errors import InputError
from upframe.remedies import way

if TYPE_CHECKING:
    from upframe.datasets.catalog_entry import Entry

app = typer.Typer(
    help="List the data sets of super-resolution, show one, fetch one, or prepare one for training.",
    invoke_without_command=True,
)

Name = Annotated[str, typer.Argument(help="A name of `upframe data list`.", show_default=False)]


@app.callback()
def data(context: typer.Context, as_json: AsJson = False, debug: Debug = False) -> None:
    """List the data sets of super-resolution, show one, fetch one, or prepare one for training.

    They are in the folder that the environment variable UPFRAME_DATA names, else in upframe/data where this system keeps
    data of its users: ~/.local/share, ~/Library/Application Support, AppData.
    """
    if context.invoked_subcommand is None:
        list_sets(as_json=as_json, debug=debug)


@app.command("list")
def list_sets(as_json: AsJson = False, debug: Debug = False) -> None:
    """List the data sets that are known, and which of them are here."""
    with one_line(debug=debug):
        from upframe.datasets.catalog_entries import ENTRIES
        from upframe.datasets.places import folder_of

        if as_json:
            for entry in ENTRIES:
                folder = folder_of(entry)
                print(json.dumps(_values(entry) | {"folder": None if folder is None else str(folder)}))
            return
        from rich.table import Table

        table = Table(box=None, header_style="bold")
        for heading in ("name", "here", "for", "licence", ""):
            table.add_column(heading, overflow="fold", no_wrap=heading in ("name", "here", "for"))
        for entry in ENTRIES:
            here = "yes" if folder_of(entry) else "-"
            table.add_row(*map(cell, (entry.name, here, entry.use, entry.licence, entry.title)))
        console().print(table)


@app.command("show")
def show(name: Name, as_json: AsJson = False, debug: Debug = False) -> None:
    """Show all that is known of a data set: rights, size, the folders that are expected, and how to get it."""
    with one_line(debug=debug):
        from upframe.datasets.catalog import named_entry
        from upframe.datasets.places import data_folder, folder_of

        entry = named_entry(name)
        folder = folder_of(entry)
        if as_json:
            print(json.dumps(_values(entry) | {"folder": None if folder is None else str(folder)}))
            return
        write_line(entry.title)
        write_line(f"For:      {entry.use}")
        write_line(f"Licence:  {entry.licence}")
        write_line(f"Size:     {entry.size}")
        write_line(f"Page:     {entry.page}")
        write_line(f"Here:     {folder or f'not in {data_folder()}'}")
        for line in in_flags(entry.instructions()).splitlines():
            write_line(line)
        if entry.prepare:
            write_line(f"Prepare it for training: upframe data prepare {entry.name} FOLDER OUT")


@app.command("fetch")
def fetch(name: Name, as_json: AsJson = False, debug: Debug = False) -> None:
    """Download a data set, verify and unpack it. A download that broke off goes on where it was.

    Where a set is not offered to programs, or there is no network, the steps by hand are printed instead.
    """
    with one_line(debug=debug):
        from upframe.datasets.catalog import named_entry
        from upframe.datasets.fetching import fetch as fetch_set
        from upframe.datasets.places import data_folder

        entry = named_entry(name)
        with _progress(quiet=as_json) as on_progress:
            folder = fetch_set(entry, data_folder(), on_progress)
        write_line(json.dumps({"name": entry.name, "folder": str(folder)}) if as_json else f"{entry.name}: {folder}")


@app.command("prepare")
def prepare(
    name: Name,
    folder: Annotated[Path, typer.Argument(help="The folder of images, or that of REDS.", show_default=False)],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write.", show_default=False)],
    size: Annotated[int, typer.Option("--size", min=1, help="Side of a sub-image in pixels.")] = 512,
    step: Annotated[int, typer.Option("--step", min=1, help="Pixels from one sub-image to the next.")] = 240,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Prepare a set for training: sub-images for DIV2K, Flickr2K, LSDIR and GTA5; for REDS, one folder of 266 clips.

    Clips and images that are for testing are left out: of REDS 000, 011, 015 and 020 (REDS4).
    """
    with one_line(debug=debug):
        from upframe.datasets.catalog import named_entry
        from upframe.datasets.preparation import regroup_reds, subimages

        entry = named_entry(name)
        if not entry.prepare:
            raise InputError(f"{entry.name}: needs no preparation")
        regroup = entry.prepare == "regroup-reds"
        done = sum(1 for _ in (regroup_reds(folder, output) if regroup else subimages(folder, output, size=size, step=step)))
        what = "clips" if regroup else "images"
        write_line(json.dumps({"output": str(output), what: done}) if as_json else f"{output}: {done} {what}")


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str, int, int | None], None]]:
    """A bar on standard error while files are on their way."""
    from upframe.cli.terminal import terminal, transferred

    with terminal(transferred(), quiet=quiet) as screen:
        yield lambda file, done, total: screen.move(done, total, description=file)


def _values(entry: Entry) -> dict[str, Any]:
    """Of an entry, with commands in its steps."""
    steps = [step if isinstance(step, str) else in_flags(way(*step)) for step in entry.steps]
    return entry.as_dict() | {"steps": steps}
