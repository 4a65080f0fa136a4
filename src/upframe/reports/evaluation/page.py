"""The page as a whole, filled into its template."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from upframe.evaluation.images import RESULT
from upframe.evaluation.panels import Panel
from upframe.evaluation.results import Evaluation
from upframe.media.atomic import atomic_output
from upframe.reports.evaluation.images import blocks, viewers
from upframe.reports.evaluation.scores import (
    PLOTS,
    ROWS,
    clip_table,
    colours,
    downloadable,
    is_of_images,
    plots_of,
    results_table,
    speed,
)
from upframe.reports.page import fill

PAGE = "report.html"


def page(evaluation: Evaluation, panels: Sequence[Panel]) -> str:
    """The page's HTML."""
    upscaled = any(one.subject.milliseconds for one in evaluation.scored)
    first = _first(evaluation, panels)
    plots, clips = list(plots_of(evaluation)), clip_table(evaluation)
    return fill(
        "evaluation.html",
        title=evaluation.title,
        kind="Evaluation" if upscaled else "Comparison",
        facts=list(_facts(evaluation)),
        notes=evaluation.notes,
        footer=[f"Made with Upframe {evaluation.made.get('upframe', '')}", evaluation.made.get("date", "")],
        colours=colours(evaluation),
        results=results_table(evaluation),
        csv=downloadable(evaluation),
        speed=speed(evaluation),
        viewers=list(viewers(panels)),
        first=first,
        blocks=list(blocks(panels, first)),
        profiles=[panel for panel in panels if panel.kind == "profile"],
        of_images=is_of_images(evaluation),
        plots=plots[:PLOTS],
        plots_left_out=max(len(plots) - PLOTS, 0),
        clips=clips,
        clips_left_out=max(len(evaluation.scored) * len(evaluation.scored[0].clips) - ROWS, 0),
        how=list(_how(evaluation)),
    )


def write_page(folder: Path, evaluation: Evaluation, panels: Sequence[Panel], *, overwrite: bool = False) -> Path:
    """Write ``report.html`` in a folder, whole or not at all. Raises OutputError where there is one, unless ``overwrite``."""
    path = folder / PAGE
    with atomic_output(path, overwrite=overwrite) as temporary:
        temporary.write_text(page(evaluation, panels), encoding="utf-8")
    return path


def _first(evaluation: Evaluation, panels: Sequence[Panel]) -> str:
    """What the first subject is called among what is shown."""
    name = evaluation.scored[0].subject.name
    return name if any(name in panel.layers for panel in panels) else RESULT


def _facts(evaluation: Evaluation) -> Iterator[str]:
    """The line below the title."""
    about = evaluation.about
    if "scale" in about:
        yield f"x{about['scale']}"
    clips, frames = int(about.get("clips", 0)), int(about.get("frames", 0))
    if frames == clips:
        yield f"{clips} image{'s' * (clips != 1)}"
    else:
        yield f"{clips} clip{'s' * (clips != 1)}, {frames} frames"
    if "low resolution" in about:
        source = str(about["low resolution"])
        yield "low resolution from files" if source == "files" else f"low resolution: {source}"
    yield f"protocol {evaluation.protocol.name}"


def _how(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    """The protocol, what was scored, and the machine."""
    for name, value in evaluation.about.items():
        yield name, str(value)
    yield "protocol", str(evaluation.protocol)
    for one in evaluation.scored:
        described = one.subject.description
        numbers = {name: f"{value:,}" if isinstance(value, int) else value for name, value in described.items()}
        yield one.subject.name, ", ".join(f"{name}: {value}" for name, value in numbers.items())
    yield from evaluation.made.items()
