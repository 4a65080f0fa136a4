"""``upframe models``: what is built in, and what a file is."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from upframe.cli.errors import one_line

app = typer.Typer(help="List the built-in models, or show one model or weights file.", invoke_without_command=True)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output, nothing else.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@app.callback()
def models(context: typer.Context, as_json: AsJson = False, debug: Debug = False) -> None:
    """List the built-in models, or show one model or weights file."""
    if context.invoked_subcommand is None:
        list_models(as_json=as_json, debug=debug)


@app.command("list")
def list_models(as_json: AsJson = False, debug: Debug = False) -> None:
    """List the models that are built in."""
    with one_line(debug=debug):
        from upframe.models.catalog import shipped

        cards = shipped()
        if as_json:
            for card in cards:
                print(json.dumps(card.as_dict()))
            return

        from rich.console import Console
        from rich.table import Table

        table = Table(box=None, header_style="bold")
        for heading in ("model", "kind", "scale", "parameters", "trained for", "licence", ""):
            table.add_column(heading, overflow="fold")
        for card in cards:
            scale = f"x{card.scale}" if card.degradation != "none" else "any"
            parameters = f"{card.parameters:,}" if card.parameters else "-"
            summary = f"(experimental) {card.summary}" if card.experimental else card.summary
            table.add_row(
                card.name if scale != "any" else card.family,
                card.kind,
                scale,
                parameters,
                card.degradation,
                card.licence,
                summary,
            )
        Console().print(table)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A built-in name, or a weights file (.safetensors, .pth, .ckpt, ...).")],
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show all that is known of a model, and its card if it has one."""
    with one_line(debug=debug):
        from upframe.models.catalog import card_text, load

        info = load(name).info
        if as_json:
            print(json.dumps(info.as_dict()))
            return

        from rich.console import Console
        from rich.markdown import Markdown

        console = Console()
        for key, value in info.as_dict().items():
            console.print(f"[bold]{key:12}[/] {value}", highlight=False)
        text = card_text(info.name)
        if text:
            console.print()
            console.print(Markdown(text))
