"""The page as a whole, filled into its template."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template

from upframe.evaluation.images import RESULT
from upframe.evaluation.panels import Panel
from upframe.evaluation.results import Evaluation
from upframe.media.atomic import atomic_output
from upframe.reports.evaluation.images import crops, profiles, viewers
from upframe.reports.evaluation.scores import by_clip, by_frame, how, speed, table
from upframe.reports.parts import facts, notes

PAGE = "report.html"


def page(evaluation: Evaluation, panels: Sequence[Panel]) -> str:
    """The page's HTML."""
    upscaled = any(one.subject.milliseconds for one in evaluation.scored)
    sections = [
        table(evaluation),
        speed(evaluation),
        viewers(panels),
        crops(panels, _first(evaluation, panels)),
        profiles(panels),
        by_frame(evaluation),
        by_clip(evaluation),
        how(evaluation),
    ]
    return Template(_file("page.html")).substitute(
        title=escape(evaluation.title),
        kind="Evaluation" if upscaled else "Comparison",
        facts=facts(evaluation),
        notes=notes(evaluation),
        sections="\n".join(section for section in sections if section),
        footer=(
            f"<span>Made with Upframe {escape(evaluation.made.get('upframe', ''))}</span>"
            f"<span>{escape(evaluation.made.get('date', ''))}</span>"
        ),
        style=_file("page.css"),
        script=_file("page.js"),
    )


def _first(evaluation: Evaluation, panels: Sequence[Panel]) -> str:
    """What the first subject is called among what is shown."""
    name = evaluation.scored[0].subject.name
    return name if any(name in panel.layers for panel in panels) else RESULT


def write_page(folder: Path, evaluation: Evaluation, panels: Sequence[Panel], *, overwrite: bool = False) -> Path:
    """Write ``report.html`` in a folder, whole or not at all. Raises OutputError where there is one, unless ``overwrite``."""
    path = folder / PAGE
    with atomic_output(path, overwrite=overwrite) as temporary:
        temporary.write_text(page(evaluation, panels), encoding="utf-8")
    return path


def _file(name: str) -> str:
    return (resources.files("upframe.reports.evaluation") / name).read_text(encoding="utf-8")
