"""``upframe models publish``: a model with its card, on Hugging Face or for OpenModelDB."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from upframe.cli.errors import one_line
from upframe.cli.options import AsJson, Debug, Overwrite
from upframe.cli.printing import write_line
from upframe.errors import InputError


def publish(
    name: Annotated[str, typer.Argument(help="The name of a model, or a .safetensors file with a card.")],
    repository: Annotated[str, typer.Argument(metavar="hf:OWNER/REPO", help="The repository of Hugging Face.")],
    to: Annotated[
        Literal["huggingface", "openmodeldb"],
        typer.Option(help="openmodeldb: only its entry for a pull request there, with the weights at the repository."),
    ] = "huggingface",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write card or entry there, too.", show_default=False)
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What `upframe evaluate ... --json` printed, for the card.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Upload nothing, also where there is a token.")] = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Publish a model with its card: licence, degradation, protocol, scores.

    Without a token (HF_TOKEN, or that of `hf auth login`) nothing is uploaded: what would be is shown.
    """
    with one_line(debug=debug):
        from upframe.models import hub, publishing

        place = hub.repository_of(repository)
        model = publishing.publication(name)
        measured = publishing.read_scores(scores, model.info) if scores else None
        if to == "openmodeldb":
            url = f"{hub.endpoint()}/{place}/resolve/main/{model.file.name}"
            file, text = publishing.entry(model, author=place.partition("/")[0], url=url, scores=measured)
        else:
            file, text = "README.md", publishing.card(model, place, measured)
        written = _write(output, file, text, overwrite=overwrite)
        key = None if dry_run or to == "openmodeldb" else publishing.token()
        commit = publishing.upload(model, place, text, key) if key else None
        if as_json:
            sizes = {model.file.name: model.file.stat().st_size} if to == "huggingface" else {}
            sizes[file] = len(text.encode())
            print(json.dumps({"repository": place, "files": sizes, "written": written, "published": commit, "text": text}))
        elif commit:
            write_line(f"published: {commit}")
        else:
            if to == "huggingface":
                why = "a dry run" if dry_run else "no token: a dry run"
                write_line(f"{why}; to {hub.endpoint()}/{place} would go:")
                write_line(f"  {model.file.name}  {model.file.stat().st_size:,} bytes, SHA-256 {model.info.sha256}")
            write_line(f"  {file}  {len(text.encode()):,} bytes" if written is None else f"  {file}: {written}")
            if written is None:
                write_line("")
                print(text, end="")


def _write(output: Path | None, file: str, text: str, *, overwrite: bool) -> str | None:
    """Write a text into a folder; its path, or None where none is asked for."""
    from upframe.media.atomic import atomic_output

    if output is None:
        return None
    if output.exists() and not output.is_dir():
        raise InputError(f"{output}: is a file; give a folder")
    output.mkdir(parents=True, exist_ok=True)
    with atomic_output(output / file, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return str(output / file)
