"""The page as a whole, in the template and style of the page about an evaluation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from upframe.errors import OutputError
from upframe.media.atomic import atomic_output
from upframe.reports.parts import section
from upframe.reports.training.images import images
from upframe.reports.training.records import Curve, TrainingRecord

PAGE = "monitor.html"
POINTS = 1200  # of a curve; of a longer one the means of as many parts
WIDE_RANGE = 30.0  # a curve whose highest value is so many times its lowest is drawn on a logarithmic axis
_COLOURS = 7  # of the page's style
_MARK = '<p class="kind">Training</p>'

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


def monitor_page(records: Sequence[TrainingRecord], *, refresh: int | None = None) -> str:
    """The page's HTML. ``refresh``: seconds after which it loads itself again."""
    plots = list(_plots(records))
    validation = list(_sections(plots, records, ("Validation",)))
    others = list(_sections(plots, records, ("Losses", "Discriminator", "Gradients", "Learning rate and time")))
    sections = [_table(records), *validation, images(records), *others, _recipes(records)]
    curves = {"runs": [record.name for record in records], "plots": plots, "refresh": refresh}
    data = json.dumps(curves, separators=(",", ":")).replace("<", "\\u003c")
    sections.append(f'<script type="application/json" id="curves">{data}</script>')
    count = f"{len(records)} runs"
    return Template(_file("page", "page.html")).substitute(
        title=escape(records[0].name if len(records) == 1 else f"{records[0].name} and {len(records) - 1} more"),
        kind="Training",
        facts="".join(f"<span>{escape(fact)}</span>" for fact in (_facts(records[0]) if len(records) == 1 else [count])),
        notes=_notes(records),
        sections="\n".join(part for part in sections if part),
        footer=f"<span>Made with Upframe</span><span>{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC</span>",
        style=_file("page", "page.css") + _file("monitor", "monitor.css"),
        script=_file("monitor", "monitor.js"),
    )


def write_monitor(
    path: Path, records: Sequence[TrainingRecord], *, refresh: int | None = None, overwrite: bool = False
) -> None:
    """Write the page, whole or not at all, over an older one of its kind.

    Raises OutputError for a name that is not one of a page, and where another file is there, unless ``overwrite``.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise OutputError(f"{path}: the page is written as .html: give such a name with -o")
    if path.is_file() and not overwrite and _MARK not in path.read_text(encoding="utf-8", errors="replace"):
        raise OutputError(f"{path}: exists already and is no page of upframe monitor; write elsewhere with -o, or --overwrite")
    with atomic_output(path, overwrite=True) as temporary:
        temporary.write_text(monitor_page(records, refresh=refresh), encoding="utf-8")


def _file(package: str, name: str) -> str:
    return (resources.files(f"upframe.reports.{package}") / name).read_text(encoding="utf-8")


def _facts(record: TrainingRecord) -> list[str]:
    recipe = record.recipe
    told = [str(recipe[key]) for key in ("system",) if key in recipe]
    told.append(f"step {record.step:,}" + (f" of {record.total:,}" if record.total else ""))
    if "batch" in recipe:
        told.append(f"batch {recipe['batch']}")
    return [*told, record.state()]


def _notes(records: Sequence[TrainingRecord]) -> str:
    text = "nothing is logged yet: the training has just started, or ended before the first line"
    notes = "".join(f"<li>{escape(record.name)}: {text}</li>" for record in records if not record.losses)
    return f'<ul class="notes">{notes}</ul>' if notes else ""


def _table(records: Sequence[TrainingRecord]) -> str:
    """A row for each run: where it is, its best scores, its speed."""
    metrics = list(dict.fromkeys(name for record in records for name in record.scores))
    timed = any(record.times for record in records)
    titles = ["", "step", *(f"{name}, best" for name in metrics), *(["seconds a step", "waiting for data"] if timed else [])]
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    rows = []
    for number, record in enumerate(records):
        cells = [f"{record.step:,}" + (f"<small>of {record.total:,}</small>" if record.total else "")]
        cells += [_best(name, record.scores.get(name)) for name in metrics]
        if timed:
            cells += [_latest(record.times.get("seconds_a_step"), "{:.3g}"), _latest(record.times.get("data_share"), "{:.1%}")]
        name = f"{_chip(number)}{escape(record.name)}<small>{escape(record.state())}</small>"
        rows.append(f"<tr><th scope=row>{name}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return (
        '<div class="card scroll"><table class="results"><thead><tr>'
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _chip(number: int) -> str:
    return f'<span class="chip" style="background:var(--s{number % _COLOURS})"></span>'


def _best(metric: str, curve: Curve | None) -> str:
    """The best value and its step; perceptual and temporal distances are to be low."""
    if not curve:
        return "&ndash;"
    low = metric.startswith(("lpips", "tof", "tlp"))
    step, value = (min if low else max)(curve, key=lambda point: point[1])
    return f"{value:.4g}<small>at {step:,}</small>"


def _latest(curve: Curve | None, pattern: str) -> str:
    return pattern.format(curve[-1][1]) if curve else "&ndash;"


def _plots(records: Sequence[TrainingRecord]) -> Iterator[dict[str, Any]]:
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


def _plot(section_title: str, name: str, curves: Sequence[Curve], *, smooth: bool) -> dict[str, Any]:
    values = [value for curve in curves for _, value in curve]
    low, high = min(values), max(values)
    title = _TITLES.get(name, f"{name.removeprefix('gradient_')}: length of the gradient" if "gradient_" in name else name)
    lines = [
        {"run": number, "x": [step for step, _ in thin], "y": [float(f"{value:.6g}") for _, value in thin]}
        for number, curve in enumerate(curves)
        if (thin := thinned(curve))
    ]
    return {
        "section": section_title,
        "title": title,
        "log": low > 0 and high > WIDE_RANGE * low,
        "smooth": smooth,
        "lines": lines,
    }


def thinned(curve: Curve) -> Curve:
    """A curve of few points: the means of equal parts of it, each at its last step."""
    if len(curve) <= POINTS:
        return curve
    parts = (curve[n * len(curve) // POINTS : (n + 1) * len(curve) // POINTS] for n in range(POINTS))
    return [(part[-1][0], sum(value for _, value in part) / len(part)) for part in parts]


def _sections(plots: Sequence[dict[str, Any]], records: Sequence[TrainingRecord], titles: Sequence[str]) -> Iterator[str]:
    """A place for each plot; the script draws into it."""
    entries = "".join(f"<li>{_chip(number)}{escape(record.name)}</li>" for number, record in enumerate(records))
    key = f'<ul class="key">{entries}</ul>' if len(records) > 1 else ""
    smoothing = (
        '<p class="choice tune"><label>Smoothing <input type="range" id="smoothing" min="0" max="0.99" step="0.01" value="0.7">'
        "</label><noscript>The curves are drawn by the page's script, which is switched off.</noscript></p>"
    )
    shown = False
    for title in titles:
        places = []
        for number, plot in enumerate(plots):
            if plot["section"] == title:
                log = f'<label class="log"><input type="checkbox"{" checked" if plot["log"] else ""}> logarithmic</label>'
                places.append(f'<div class="card plot" data-plot="{number}"><h3>{escape(plot["title"])}{log}</h3></div>')
        smooth = any(plot["smooth"] for plot in plots if plot["section"] == title)
        tune, shown = (smoothing if smooth and not shown else ""), shown or smooth
        if places:
            yield section(title, _LEADS.get(title, ""), f'{tune}{key}<div class="plots">{"".join(places)}</div>')


def _recipes(records: Sequence[TrainingRecord]) -> str:
    """The recipe of each run, folded away; of several, what differs comes first."""
    flat = [dict(_flattened(record.recipe)) for record in records]
    keys = list(dict.fromkeys(key for values in flat for key in values))
    differing = [key for key in keys if len({values.get(key) for values in flat}) > 1]
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in ("", *(record.name for record in records)))
    folded = []
    for title, chosen in (("What differs in their recipes", differing), ("The whole recipe", keys)):
        body = ""
        for key in chosen:
            cells = "".join(f"<td>{escape(values.get(key, ''))}</td>" for values in flat)
            body += f"<tr><th scope=row>{escape(key)}</th>{cells}</tr>"
        if body:
            table = f'<div class="card scroll long"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
            folded.append(f"<details{' open' if chosen is differing else ''}><summary>{title}</summary>{table}</details>")
    return section("Recipes" if len(records) > 1 else "Recipe", "", "".join(folded)) if folded else ""


def _flattened(values: dict[str, Any], place: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{place}{key}.")
        elif value is not None:
            yield f"{place}{key}", str(value)
