"""The page as a whole, filled into its template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from upframe.errors import OutputError
from upframe.media.atomic import atomic_output
from upframe.remedies import OVERWRITE
from upframe.reports.page import Cell, Row, Table, fill, series_colour
from upframe.reports.training.images import gather
from upframe.reports.training.records import Curve, TrainingRecord

PAGE = "monitor.html"
POINTS = 1200  # of a curve; of a longer one the means of as many parts
WIDE_RANGE = 30.0  # a curve whose highest value is so many times its lowest is drawn on a logarithmic axis
_KIND = "Training"
_MARK = f'<p class="kind">{_KIND}</p>'  # of a page that may be replaced
_NOTHING_YET = "nothing is logged yet: the training has just started, or ended before the first line"

_JUDGE = ("real", "fake", "lead", "discriminator_real", "discriminator_fake")
_TITLES = {
    "real": "discriminator's logits of real clips",
    "fake": "discriminator's logits of the network's clips",
    "lead": "lead of the discriminator: log-probability of real less that of fake",
    "discriminator_real": "discriminator loss on real clips",
    "discriminator_fake": "discriminator loss on the network's clips",
    "rate": "learning rate",
    "seconds_a_step": "seconds a step",
    "data_share": "share of a step spent waiting for data",
}
_LEADS = {
    "Losses": "As logged, faint, and smoothed. Each is weighted as in the recipe. Point at a curve to read it.",
    "Validation": "Of the network that is saved: the average of the weights, where the recipe has one.",
}


@dataclass(frozen=True, slots=True)
class CurvePlot:
    """A plot as the script of the page draws it: a line of each run, ``smooth`` where it may be smoothed."""

    section: str
    title: str
    log: bool
    smooth: bool
    lines: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class CurveSection:
    """Places for plots, by their numbers, under a heading. ``tune``: with the slider that smooths all curves of the page."""

    title: str
    lead: str
    plots: Sequence[tuple[int, CurvePlot]]
    tune: bool


@dataclass(frozen=True, slots=True)
class RecipeTable:
    """Settings of all runs, folded away unless ``open``."""

    title: str
    table: Table
    open: bool


def monitor_page(records: Sequence[TrainingRecord], *, refresh: int | None = None) -> str:
    """The page's HTML. ``refresh``: seconds after which it loads itself again."""
    plots, scenes = list(_plots(records)), gather(records)
    sections = list(_sections(plots))
    names = [record.name for record in records]
    return fill(
        "training.html",
        title=names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more",
        kind=_KIND,
        facts=_facts(records[0]) if len(records) == 1 else [f"{len(records)} runs"],
        notes=[f"{record.name}: {_NOTHING_YET}" for record in records if not record.losses],
        footer=["Made with Upframe", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"],
        colours={name: series_colour(number) for number, name in enumerate(names)},
        runs=_table(records),
        validation=[section for section in sections if section.title == "Validation"],
        scenes=scenes,
        steps=sorted({step for scene in scenes for shown in scene.runs.values() for step, _ in shown}),
        others=[section for section in sections if section.title != "Validation"],
        recipes=list(_recipes(records)),
        curves={"runs": names, "plots": [asdict(plot) for plot in plots], "refresh": refresh},
    )


def write_monitor(
    path: Path, records: Sequence[TrainingRecord], *, refresh: int | None = None, overwrite: bool = False
) -> None:
    """Write the page, whole or not at all, over an older one of its kind.

    Raises OutputError for a name that is not one of a page, and where another file is there, unless ``overwrite``.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise OutputError(f"{path}: the page is an HTML file", remedy="give it a name that ends in .html")
    if path.is_file() and not overwrite and _MARK not in path.read_text(encoding="utf-8", errors="replace"):
        raise OutputError(f"{path}: exists already and is not a page about trainings", remedy=OVERWRITE)
    with atomic_output(path, overwrite=True) as temporary:
        temporary.write_text(monitor_page(records, refresh=refresh), encoding="utf-8")


def _facts(record: TrainingRecord) -> list[str]:
    recipe = record.recipe
    told = [str(recipe[key]) for key in ("system",) if key in recipe]
    told.append(f"step {record.step:,}" + (f" of {record.total:,}" if record.total else ""))
    if "batch" in recipe:
        told.append(f"batch {recipe['batch']}")
    return [*told, record.state()]


def _table(records: Sequence[TrainingRecord]) -> Table:
    """A row for each run: where it is, its best scores, its speed."""
    metrics = list(dict.fromkeys(name for record in records for name in record.scores))
    timed = any(record.times for record in records)
    titles = ["", "step", *(f"{name}, best" for name in metrics), *(["seconds a step", "waiting for data"] if timed else [])]
    rows = []
    for number, record in enumerate(records):
        cells: list[Cell | None] = [Cell(f"{record.step:,}", small=f"of {record.total:,}" if record.total else "")]
        cells += [_best(name, record.scores.get(name)) for name in metrics]
        if timed:
            cells += [_latest(record.times.get("seconds_a_step"), "{:.3g}"), _latest(record.times.get("data_share"), "{:.1%}")]
        rows.append(Row(record.name, cells, colour=series_colour(number), small=record.state()))
    return Table(titles, rows)


def _best(metric: str, curve: Curve | None) -> Cell | None:
    """The best value and its step; perceptual and temporal distances are to be low."""
    if not curve:
        return None
    low = metric.startswith(("lpips", "tof", "tlp"))
    step, value = (min if low else max)(curve, key=lambda point: point[1])
    return Cell(f"{value:.4g}", small=f"at {step:,}")


def _latest(curve: Curve | None, pattern: str) -> Cell | None:
    return Cell(pattern.format(curve[-1][1])) if curve else None


def _plots(records: Sequence[TrainingRecord]) -> Iterator[CurvePlot]:
    """Every curve there is, by section, as the script draws it: x and y of each run, the smoothable ones marked."""
    names = list(dict.fromkeys(name for record in records for name in record.losses))
    judged = [name for name in names if name in _JUDGE]
    norms = [name for name in names if name.startswith("gradient_")]
    losses = [name for name in names if name not in (*judged, *norms, "rate")]
    scores = dict.fromkeys(name for record in records for name in record.scores)
    for title, chosen, part in (
        ("Validation", scores, "scores"),
        ("Losses", losses, "losses"),
        ("Discriminator", judged, "losses"),
        ("Gradients", norms, "losses"),
        ("Learning rate and time", ["rate"], "losses"),
        ("Learning rate and time", ["seconds_a_step", "data_share"], "times"),
    ):
        for name in chosen:
            curves = [getattr(record, part).get(name, []) for record in records]
            if any(curves):
                yield _plot(title, name, curves, smooth=part != "scores" and name != "rate")


def _plot(section_title: str, name: str, curves: Sequence[Curve], *, smooth: bool) -> CurvePlot:
    values = [value for curve in curves for _, value in curve]
    low, high = min(values), max(values)
    title = _TITLES.get(name, f"{name.removeprefix('gradient_')}: length of the gradient" if "gradient_" in name else name)
    lines = [
        {"run": number, "x": [step for step, _ in thin], "y": [float(f"{value:.6g}") for _, value in thin]}
        for number, curve in enumerate(curves)
        if (thin := thinned(curve))
    ]
    return CurvePlot(section_title, title, log=low > 0 and high > WIDE_RANGE * low, smooth=smooth, lines=lines)


def thinned(curve: Curve) -> Curve:
    """A curve of few points: the means of equal parts of it, each at its last step."""
    if len(curve) <= POINTS:
        return curve
    parts = (curve[n * len(curve) // POINTS : (n + 1) * len(curve) // POINTS] for n in range(POINTS))
    return [(part[-1][0], sum(value for _, value in part) / len(part)) for part in parts]


def _sections(plots: Sequence[CurvePlot]) -> Iterator[CurveSection]:
    """The sections that have a plot, in the order of the plots; the first that can be smoothed holds the slider for all."""
    tuned = False
    for title in dict.fromkeys(plot.section for plot in plots):
        shown = [(number, plot) for number, plot in enumerate(plots) if plot.section == title]
        smooth = any(plot.smooth for _, plot in shown)
        yield CurveSection(title, _LEADS.get(title, ""), shown, tune=smooth and not tuned)
        tuned = tuned or smooth


def _recipes(records: Sequence[TrainingRecord]) -> Iterator[RecipeTable]:
    """The recipe of each run; of several, what differs comes first."""
    flat = [dict(_flattened(record.recipe)) for record in records]
    keys = list(dict.fromkeys(key for values in flat for key in values))
    differing = [key for key in keys if len({values.get(key) for values in flat}) > 1]
    for title, chosen in (("What differs in their recipes", differing), ("The whole recipe", keys)):
        rows = [Row(key, [Cell(values.get(key, "")) for values in flat]) for key in chosen]
        if rows:
            yield RecipeTable(title, Table(["", *(record.name for record in records)], rows), open=chosen is differing)


def _flattened(values: dict[str, Any], place: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{place}{key}.")
        elif value is not None:
            yield f"{place}{key}", str(value)
