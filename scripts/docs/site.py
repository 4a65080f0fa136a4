"""What MkDocs is given beside the pages of docs/: pages made from the commands and the results, and links that hold there.

Pages of docs/ are read in the repository too, where they link to files beside docs/. On the site such a link is a name.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BESIDE = re.compile(r"\[([^\]]*)\]\(((?:\.\./)+)([^)#]+)(#[^)]*)?\)")
WIDE = {"COLUMNS": "200", "TERM": "dumb"}


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages that are made."""
    from mkdocs.structure.files import File

    os.environ.update(WIDE)
    made = {
        "commands.md": "\n".join(_commands()),
        "benchmarks.md": "\n".join(_benchmarks()),
        "changelog.md": (ROOT / "CHANGELOG.md").read_text(),
        "contributing.md": (ROOT / "CONTRIBUTING.md").read_text(),
    }
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links to files of the repository that are no pages become their names."""
    made = page.file.generated_by is not None
    folder = (ROOT / "docs" / page.file.src_uri).parent

    def named(match: re.Match[str]) -> str:
        text, up, path, _ = match.groups()
        target = (folder / (up + path)).resolve()
        inside = target.is_relative_to(ROOT / "docs") and target.exists()
        return match.group(0) if inside else f"{text} (`{path}`)" if text.strip("`") != path else f"`{path}`"

    markdown = BESIDE.sub(named, markdown)
    return re.sub(r"\[([^\]]*)\]\(([A-Z]+(?:\.md)?)\)", r"`\2`", markdown) if made else markdown


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Roles of docstrings, as :func:, are left out: what they name is shown as code."""
    return re.sub(r":(?:func|class|meth|mod|data|attr):(<code>)~?", r"\1", html)


def on_post_build(config: Any) -> None:
    """Writes llms.txt: the pages in a list, as plain text for programs that read."""
    site = Path(config.site_dir)
    lines = [f"# {config.site_name}", "", f"> {config.site_description}", ""]
    for page in sorted((ROOT / "docs").rglob("*.md")):
        name = page.relative_to(ROOT / "docs")
        title = page.read_text().splitlines()[0].lstrip("# ")
        lines.append(f"- [{title}]({name.with_suffix('.html').as_posix()})")
    (site / "llms.txt").write_text("\n".join(lines) + "\n")


def _commands() -> Iterator[str]:
    import typer.main

    from upframe.cli.main import app

    yield "# Commands\n"
    yield "Made from the commands themselves; `upframe COMMAND --help` says the same.\n"
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        yield from _command(f"upframe {name}", command)


def _command(name: str, command: Any) -> Iterator[str]:
    import typer

    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    yield f"## {name}\n"
    yield _plain(command.help or "") + "\n"
    for title, rows in (("argument", arguments), ("option", options)):
        if rows:
            yield f"| {title} | |\n|---|---|"
            context = typer.Context(command)
            yield from (f"| {_shown(row, context)} | {_cell(row)} |" for row in rows)
            yield ""
    for below, inner in getattr(command, "commands", {}).items():
        yield from _command(f"{name} {below}", inner)


def _shown(parameter: Any, context: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`"
    value = "" if parameter.is_flag else f" {parameter.metavar or parameter.display_type(context).upper()}"
    return ", ".join(f"`{option}{value}`".replace("|", "\\|") for option in parameter.opts)


def _cell(parameter: Any) -> str:
    return " ".join(_plain(parameter.help or "").split()).replace("|", "\\|")


def _plain(text: str) -> str:
    """Without rich's marks; what looks like a tag is shown."""
    text = re.sub(r"\[/?(?:bold|dim|italic|/)?\]|\[/\]", "", text).replace("\\[", "[")
    return text.replace("<", "&lt;").replace("[", "\\[")  # which Markdown takes for the text of a link


def _benchmarks() -> Iterator[str]:
    yield "# Benchmarks\n"
    yield "The results that are kept in `benchmarks/results`, each with the machine it was measured on.\n"
    yield "| benchmark | when | commit | processor | instructions | torch |\n|---|---|---|---|---|---|"
    for path in sorted((ROOT / "benchmarks" / "results").glob("*.json")):
        content = json.loads(path.read_text())
        machine = content.get("machine", {})
        cells = (content.get("when", "")[:10], content.get("commit", ""), machine.get("processor", ""))
        rest = (machine.get("instructions", ""), machine.get("torch", ""))
        yield f"| `{path.name}` | {' | '.join(map(str, (*cells, *rest)))} |"
