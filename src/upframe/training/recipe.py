"""Recipes: a YAML file that says all a training depends on, checked before anything is touched."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import ValidationError

from upframe.errors import InputError
from upframe.regular import refuse_irregular
from upframe.remedies import either
from upframe.training import systems
from upframe.training.data.settings import Section
from upframe.training.objectives.recipe import Recipe

VERSION = 1


def built_in() -> dict[str, Path]:
    """The recipes of the package, by name."""
    folder = Path(str(resources.files("upframe") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def read_recipe(name_or_path: str, changes: Sequence[str] = ()) -> Recipe:
    """A built-in recipe or a YAML file, with ``changes`` such as ``data.crop=96``; values are YAML too.

    Raises InputError, one line with the place of the first thing that is wrong.
    """
    values = _mapping(name_or_path)
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or not all(key.split(".")):
            raise InputError(f"{change!r} changes nothing", remedy="write key=value, for instance data.crop=96")
        _change(values, key, _parsed(value, key))
    return validated(values, name_or_path)


def validated(values: dict[str, Any], name: str) -> Recipe:
    """A recipe of plain values. Raises InputError as :func:`read_recipe`."""
    version = values.get("version")
    if isinstance(version, int) and version > VERSION:
        raise InputError(
            f"{name}: version: is {version}, of a newer Upframe; this one reads {VERSION}", remedy="update Upframe"
        )
    kind = next((kind for kind in systems.RECIPES if systems.name_of(kind) == values.get("system")), None)
    if kind is None:
        raise InputError(f"{name}: system: must be one of {', '.join(map(systems.name_of, systems.RECIPES))}")
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InputError(f"{name}: {_line(dict(problems[0]))}{more}") from None


def _mapping(name: str) -> dict[str, Any]:
    path = built_in().get(name) or Path(name).expanduser()
    refuse_irregular(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        near = difflib.get_close_matches(name, built_in(), 1)
        known = f"choose one of {', '.join(built_in())}"
        remedy = either(*(f"use {one}" for one in near), known, "give a file")
        raise InputError(f"{name}: no such recipe", remedy=remedy) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: is not a recipe: keys and values are expected, version: 1 among them")
    return values


def _parsed(text: str, key: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{key}: {text[:40]!r} is not a YAML value: {' '.join(str(error).split())}") from error


def _change(values: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for section in sections:
        inner = values.get(section)
        values[section] = inner = inner if isinstance(inner, dict) else {}
        values = inner
    values[last] = value


def _line(problem: dict[str, Any]) -> str:
    """``data.crop: must be at least 1, not 0`` of one of pydantic's errors."""
    place = [
        str(part)
        for part in problem["loc"]
        if part not in ("own", "film") and not str(part).startswith(("literal[", "constrained"))
    ]
    key, kind = ".".join(place), problem["type"]
    message = str(problem["ctx"]["error"]) if kind == "value_error" else problem["msg"]  # ours, without pydantic's words
    if kind == "extra_forbidden":
        known = difflib.get_close_matches(place[-1], _keys(), 1)
        return f"{key}: there is no such key" + (f"; did you mean {known[0]}?" if known else "")
    if kind == "missing":
        return f"{key}: is missing"
    if kind == "too_short":
        return f"{key}: name at least one: {key}=[FOLDER], or more with commas between them"
    if kind == "tuple_type":
        return f"{key}: must be a list: {key}=[{problem['input']}]"
    given = "" if kind == "value_error" else f", not {problem['input']!r}"
    return f"{key}: {message[0].lower()}{message[1:]}{given}" if key else message


def _named_types(annotation: Any) -> list[type]:
    """The classes in an annotation, at any depth."""
    if isinstance(annotation, type) and not get_args(annotation):
        return [annotation]
    return [kind for part in get_args(annotation) for kind in _named_types(part)]


def _keys() -> list[str]:
    """Every key a recipe may have, at any depth."""
    found: set[str] = set()
    waiting: list[Any] = list(systems.RECIPES)
    while waiting:
        section = waiting.pop()
        for name, field in section.model_fields.items():
            found.add(name)
            waiting += [kind for kind in _named_types(field.annotation) if issubclass(kind, Section)]
    return sorted(found)
