"""``upframe models``: what there is, what a file is, and how a file becomes a model with a name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from upframe.cli.errors import one_line
from upframe.cli.options import AsJson, Debug, Overwrite
from upframe.cli.printing import cell, console, printable, write_line
from upframe.cli.publish import publish
from upframe.errors import InputError, OutputError

if TYPE_CHECKING:
    from upframe.models.cards import Card
    from upframe.models.catalog import Model
    from upframe.models.info import ModelInfo

app = typer.Typer(
    help="List the models there are, show one, import a weights file, fetch a published one, or publish your own.",
    invoke_without_command=True,
)
app.command("publish")(publish)

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Where to write: a folder or a .safetensors file. Without it: the user's models."),
]


@app.callback()
def models(context: typer.Context, as_json: AsJson = False, debug: Debug = False) -> None:
    """List the models there are, show one, import a weights file, fetch a published one, or publish your own."""
    if context.invoked_subcommand is None:
        list_models(as_json=as_json, debug=debug)


@app.command("list")
def list_models(
    published: Annotated[
        bool, typer.Option("--published", help="List the checkpoints that others have published, for `models fetch`.")
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """List the models that are built in and those that were imported."""
    with one_line(debug=debug):
        if published:
            _list_published(as_json=as_json)
            return
        from upframe.models.cards import imported, shipped

        origins = {"built in": shipped(), "imported": imported()}
        for origin, cards in origins.items():
            if as_json:
                for card in cards:
                    print(json.dumps(card.as_dict() | {"origin": origin}))
            elif cards:
                _print_table((origin, "kind", "scale", "size", "for", ""), map(_row, cards))


def _row(card: ModelInfo) -> tuple[str, ...]:
    summary = f"(experimental) {card.summary}" if card.experimental else card.summary
    trained = card.degradation != "none"
    name, scale = (card.name, f"x{card.scale}") if trained else (card.family, "any")
    return name, card.kind, scale, _short(card.parameters), card.purpose, summary


def _short(parameters: int | None) -> str:
    """The number of parameters in a few characters, so that a line of a terminal holds the rest."""
    if not parameters:
        return "-"
    return f"{parameters / 1e6:.1f} M" if parameters >= 1e6 else f"{parameters / 1e3:.0f} k"


def _list_published(*, as_json: bool) -> None:
    from upframe.models.published import PUBLISHED

    if as_json:
        for entry in PUBLISHED:
            print(json.dumps(entry.as_dict()))
        return
    rows = [
        (
            entry.name,
            f"x{entry.scale}",
            entry.degradation,
            entry.licence,
            entry.verified_by or "-",
            entry.summary if entry.address else f"{entry.summary} By hand, from {entry.page}",
        )
        for entry in PUBLISHED
    ]
    _print_table(("name", "scale", "trained for", "licence", "verified by", ""), rows)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="The name of a model, or a weights file (.safetensors, .pth, .ckpt, ...).")],
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show all that is known of a model, and its card if it has one.

    Of a name that is what its file says of itself; a file that is given by its path is loaded, and what was found in it told.
    """
    with one_line(debug=debug):
        from upframe.models.cards import card_of, card_text

        model: Card | Model | None = card_of(name)
        if model is None:
            from upframe.models.catalog import load

            model = load(name)
        if as_json:
            print(json.dumps(model.info.as_dict() | {"found": model.found}))
            return

        from rich.markdown import Markdown

        screen = console()
        for key, value in model.info.as_dict().items():
            screen.print(f"{key:12} {printable(value)}", highlight=False, markup=False, soft_wrap=True)
        for sentence in model.found:
            screen.print(f"{'found':12} {printable(sentence)}", highlight=False, markup=False, soft_wrap=True)
        text = card_text(model.info.name)
        if text:
            screen.print()
            screen.print(Markdown(text))


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A weights file of a known network, as its authors published it.")],
    output: Output = None,
    name: Annotated[str | None, typer.Option(help="The name it is to have. Without it: the file's own.")] = None,
    degradation: Annotated[
        str | None, typer.Option(help="How the small images of its training were made: BI, BD, rendered, ...")
    ] = None,
    sampling: Annotated[
        Literal["centre", "corner"] | None,
        typer.Option(help="Where they had their samples. Without it: corner for BD, else centre.", show_default=False),
    ] = None,
    licence: Annotated[str | None, typer.Option(help="What it may be used for.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A switch of the network that its file does not tell: residual=yes, scale=4, ...",
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Write a weights file as safetensors with its card, so that its name works wherever a model is asked for."""
    with one_line(debug=debug):
        from upframe.models.catalog import load_file, name_for
        from upframe.ops.sampling import sampling_of

        model = load_file(file, merge=False, settings=_settings(settings or []))
        info = replace(
            model.info,
            name=name_for(model, name),
            degradation=degradation or model.info.degradation,
            sampling=sampling or (sampling_of(degradation) if degradation else model.info.sampling),
            licence=licence or model.info.licence,
        )
        _keep(replace(model, info=info), file, output, overwrite=overwrite, as_json=as_json)


def _settings(given: list[str]) -> dict[str, bool | int | str]:
    """What ``--set`` says, by name: yes and no, whole numbers, or words."""
    settings: dict[str, bool | int | str] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not (name and sign and value):
            raise InputError(f"--set {text}: write it as NAME=VALUE, as in --set residual=yes")
        yes_or_no = {"yes": True, "true": True, "no": False, "false": False}.get(value.lower())
        settings[name.replace("-", "_")] = yes_or_no if yes_or_no is not None else int(value) if value.isdecimal() else value
    return settings


@app.command("fetch")
def fetch(
    name: Annotated[
        str,
        typer.Argument(
            help="A name of `upframe models list --published`, or, of Hugging Face, hf:OWNER/REPO\\[/FILE]\\[@REVISION]."
        ),
    ],
    output: Output = None,
    own_name: Annotated[
        str | None, typer.Option("--name", help="The name it is to have. Without it: its own.", show_default=False)
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Download a published checkpoint, verify it where its digest is known, and import it.

    A download that broke off goes on where it was. From Hugging Face only .safetensors files are taken; the commit is written
    into the imported file.
    """
    with one_line(debug=debug):
        from upframe.models import catalog, hub
        from upframe.models.published import published_name

        hosted = hub.find(name) if name.startswith(hub.PREFIX) else None
        chosen = own_name or (hosted.name if hosted else published_name(name).name)
        target = _target(output, catalog.usable_name(chosen))
        if not overwrite and target.is_file():
            model = catalog.load_file(target, merge=False)
            _tell(model, target, f"{name} is here already", as_json=as_json)
            return
        with _progress(name, quiet=as_json) as on_progress:
            original, model = hub.fetch(hosted, on_progress) if hosted else catalog.fetch(name, on_progress)
        source = hosted.address if hosted else original.name
        model = replace(model, info=replace(model.info, name=chosen))
        _keep(model, original, output, overwrite=overwrite, as_json=as_json, source=source)
        original.unlink()
        with suppress(OSError):  # other downloads are on their way
            original.parent.rmdir()


def _target(output: Path | None, name: str) -> Path:
    """The file to write for ``-o``: a folder's NAME.safetensors, or the file itself."""
    from upframe.folders import MODELS, made_writable
    from upframe.models.cards import models_folder

    if output is not None and output.suffix and not output.is_dir():
        if output.suffix != ".safetensors":
            raise OutputError(f"{output}: models are written as .safetensors: give such a name, or a folder that is there")
        return output
    return (output or made_writable(models_folder(), MODELS)) / f"{name}.safetensors"


def _keep(
    model: Model, original: Path, output: Path | None, *, overwrite: bool, as_json: bool, source: str | None = None
) -> None:
    from upframe.media.atomic import atomic_output
    from upframe.models.catalog import save
    from upframe.models.header import sha256

    target = _target(output, model.info.name)
    if target.resolve() == original.resolve():
        raise OutputError(f"{target}: is the input, which is never written over; choose another name with -o")
    with atomic_output(target, overwrite=overwrite) as temporary:
        save(model, temporary, source=f"{source or original.name}, SHA-256 {model.info.sha256}")
    model = replace(model, info=replace(model.info, name=target.stem, sha256=sha256(target)))
    _tell(model, target, f"imported as {model.info.name}", as_json=as_json)


def _tell(model: Model, target: Path, what: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(model.info.as_dict() | {"path": str(target), "found": model.found}))
        return
    write_line(f"{what}: {target}")
    for sentence in model.found:
        write_line(f"  {sentence}")
    if model.info.caution:
        write_line(f"  {model.info.caution}")
    write_line(f"  trained for {model.info.degradation}, samples at the {model.info.sampling}, licence {model.info.licence}")
    write_line(f"  SHA-256 {model.info.sha256}")


@contextmanager
def _progress(name: str, *, quiet: bool) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on standard error while a file is on its way."""
    from upframe.cli.terminal import terminal, transferred

    with terminal(transferred(), quiet=quiet) as screen:
        yield lambda done, total: screen.move(done, total, description=name)


def _print_table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Print a table whose last column alone is broken where the terminal is narrow."""
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=bool(heading))
    for row in rows:
        table.add_row(*map(cell, row))
    console().print(table)
