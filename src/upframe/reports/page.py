"""Pages as templates: values go in as text, and come out escaped; a page holds all it needs and asks no network for more."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

COLOURS = 7  # of page.css
_KINDS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}  # by how they begin


@dataclass(frozen=True, slots=True)
class Cell:
    """A value in a table, with what stands small below it."""

    text: str
    small: str = ""
    best: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table; None is a value that is missing. ``kind``: a class of the style. ``colour``: of the chip before it."""

    name: str
    cells: Sequence[Cell | None]
    kind: str = ""
    colour: str = ""
    small: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """The heading of the rows' names comes first."""

    headings: Sequence[str]
    rows: Sequence[Row]


def series_colour(number: int) -> str:
    """The CSS colour of what is shown as the number-th: those of the style, again and again."""
    return f"var(--s{number % COLOURS})"


def fill(template: str, **values: Any) -> str:
    """The HTML of a template of this package."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_source), autoescape=True, undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"data_uri": _data_uri, "thousands": "{:,}".format}
    environment.globals["asset"] = lambda name: Markup(_source(name))  # ours
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return environment


def _source(name: str) -> str:
    return (resources.files("upframe.reports") / "templates" / name).read_text(encoding="utf-8")


def _data_uri(content: bytes) -> Markup:
    """Bytes as an address that holds them: images, else CSV."""
    kind = next((kind for start, kind in _KINDS.items() if content.startswith(start)), "text/csv;charset=utf-8")
    return Markup("data:{};base64,{}").format(kind, b64encode(content).decode("ascii"))
