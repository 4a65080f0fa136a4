"""The sections of the page that show numbers."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterator, Sequence
from html import escape

from upframe.evaluation.panels import PLAIN_FAMILY
from upframe.evaluation.results import COLUMN_TITLES, UNITS, Evaluation, SubjectScores, as_csv, heading, written
from upframe.metrics import ClipScores, Metric
from upframe.metrics.scores import Values
from upframe.reports.parts import colours, key, section
from upframe.reports.plots import Dot, Series, line_plot, scatter_plot

PLOTS = 12
_CSV_BYTES = 300_000  # that a page carries at most
_ROWS = 400  # of the table of clips at most
_NO_VALUE = "<td class=none>&ndash;</td>"


def table(evaluation: Evaluation) -> str:
    """The results: one row for each subject, the best of each column in bold."""
    timed = any(one.subject.milliseconds for one in evaluation.scored)
    sized = any("parameters" in one.subject.description for one in evaluation.scored)
    headings = ["", *map(heading, evaluation.metrics), *(["ms a frame ↓"] if timed else []), *(["parameters"] if sized else [])]
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in headings)
    rows = "".join(_row(evaluation, one, timed=timed, sized=sized) for one in evaluation.scored)
    return (
        '<div class="card scroll"><table class="results"><thead><tr>'
        f"{head}</tr></thead><tbody>{rows}</tbody></table></div>{_download(evaluation)}"
    )


def _row(evaluation: Evaluation, one: SubjectScores, *, timed: bool, sized: bool) -> str:
    subject = one.subject
    colour = colours(evaluation)[subject.name]
    chip = f'<span class="chip" style="background:{colour}"></span>' if len(evaluation.scored) > 1 else ""
    cells = [_cell(evaluation, one, metric) for metric in evaluation.metrics]
    if timed:
        median = subject.median_milliseconds
        cells.append(_NO_VALUE if median is None else f"<td>{_milliseconds(median)}</td>")
    if sized:
        count = subject.description.get("parameters")
        cells.append(f"<td>{count:,}</td>" if isinstance(count, int) else _NO_VALUE)
    plain = ' class="plain"' if subject.name.startswith(PLAIN_FAMILY) else ""
    row = f'<tr{plain}><th scope="row">{chip}{escape(subject.name)}</th>{"".join(cells)}</tr>'
    return row + "".join(_part(evaluation, *part, empty=timed + sized) for part in evaluation.parts(one).items())


def _part(evaluation: Evaluation, name: str, values: Values, *, empty: int) -> str:
    """A row below a subject's: one of the means that its result is the mean of."""
    cells = "".join(_mean(values, metric) for metric in evaluation.metrics) + "<td></td>" * empty
    return f'<tr class="part"><th scope="row">{escape(name)}</th>{cells}</tr>'


def _cell(evaluation: Evaluation, one: SubjectScores, metric: Metric) -> str:
    values = one.averages.result
    if metric not in values:
        return _NO_VALUE
    best = len(evaluation.scored) > 1 and written(metric, values[metric]) == written(metric, evaluation.best(metric) or 0.0)
    gain = ""
    plain = next((other for other in evaluation.scored if other.subject.name.startswith(PLAIN_FAMILY)), None)
    if plain is not None and plain is not one and UNITS.get(metric) == "dB" and metric in plain.averages.result:
        gain = f"<small>{values[metric] - plain.averages.result[metric]:+.2f}</small>"
    return f"<td{' class=best' if best else ''}>{written(metric, values[metric])}{gain}</td>"


def _milliseconds(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _download(evaluation: Evaluation) -> str:
    content = as_csv(evaluation).encode()
    if len(content) > _CSV_BYTES:
        return ""
    uri = f"data:text/csv;charset=utf-8;base64,{b64encode(content).decode('ascii')}"
    return f'<p class="hint"><a download="scores.csv" href="{uri}">All values as CSV</a></p>'


def speed(evaluation: Evaluation) -> str:
    """Quality against time, where there are several subjects that were run."""
    if not evaluation.metrics:
        return ""
    metric = evaluation.metrics[0]
    chosen = colours(evaluation)
    dots = [
        Dot(one.subject.name, chosen[one.subject.name], median, one.averages.result[metric])
        for one in evaluation.scored
        if (median := one.subject.median_milliseconds) is not None and metric in one.averages.result
    ]
    plot = scatter_plot(dots, "Quality against time", x_title="milliseconds a frame, logarithmic", y_title=_title(metric))
    if not plot:
        return ""
    device = escape(evaluation.made.get("device", ""))
    where = f" on {device}" if device else ""
    lead = f"{escape(heading(metric))} against the median time of a frame, of the network alone{where}."
    return section("Quality and speed", lead, f'<div class="card plot wide">{plot}</div>')


def _title(metric: Metric) -> str:
    return f"{COLUMN_TITLES[metric]}, {UNITS[metric]}" if metric in UNITS else COLUMN_TITLES[metric]


def by_frame(evaluation: Evaluation) -> str:
    """A plot of each metric over the frames of each clip, or over the images of a set."""
    of_images = all(len(clip.frames) == 1 for clip in evaluation.scored[0].clips)
    if of_images and len(evaluation.scored[0].clips) < 2:
        return ""
    plots = [plot for plot in (_plots_of_images if of_images else _plots_of_clips)(evaluation) if plot]
    if not plots:
        return ""
    left_out = f"<p class=hint>{len(plots) - PLOTS} more are left out.</p>" if len(plots) > PLOTS else ""
    title = "Image by image" if of_images else "Frame by frame"
    return section(title, "", f'{key(evaluation)}<div class="plots">{"".join(plots[:PLOTS])}</div>{left_out}')


def _plots_of_images(evaluation: Evaluation) -> Iterator[str]:
    names = [clip.name for clip in evaluation.scored[0].clips]
    wide = len(names) > 6
    for metric in evaluation.metrics:
        yield _plot(evaluation, _title(metric), [one.clips for one in evaluation.scored], metric, names=names, wide=wide)


def _plots_of_clips(evaluation: Evaluation) -> Iterator[str]:
    several = len(evaluation.scored[0].clips) > 1
    for number, clip in enumerate(evaluation.scored[0].clips):
        for metric in evaluation.metrics:
            title = f"{clip.name}: {_title(metric)}" if several else _title(metric)
            yield _plot(evaluation, title, [one.clips[number] for one in evaluation.scored], metric)


def _plot(
    evaluation: Evaluation,
    title: str,
    of_each: Sequence[ClipScores | tuple[ClipScores, ...]],
    metric: Metric,
    *,
    names: list[str] | None = None,
    wide: bool = False,
) -> str:
    """A plot with a line for each subject: of a clip's frames, or of the only frame of each clip."""
    chosen = colours(evaluation)
    series = [
        Series(one.subject.name, chosen[one.subject.name], _points(scores, metric))
        for one, scores in zip(evaluation.scored, of_each, strict=True)
    ]
    plot = line_plot(series, title, names=names or (), width=1080 if wide else 520)
    return f'<div class="card plot{" wide" if wide else ""}"><h3>{escape(title)}</h3>{plot}</div>' if plot else ""


def _points(scores: ClipScores | tuple[ClipScores, ...], metric: Metric) -> list[tuple[float, float]]:
    if isinstance(scores, ClipScores):
        return [(frame.index, frame.values.get(metric, math.nan)) for frame in scores.frames]
    return [(number, clip.means.get(metric, math.nan)) for number, clip in enumerate(scores)]


def by_clip(evaluation: Evaluation) -> str:
    """The means of every clip, folded away."""
    if len(evaluation.scored[0].clips) < 2:
        return ""
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in ("", "", *map(heading, evaluation.metrics)))
    rows: list[str] = []
    for number, clip in enumerate(evaluation.scored[0].clips):
        for one in evaluation.scored:
            name = escape(clip.name) if one is evaluation.scored[0] else ""
            cells = "".join(_mean(one.clips[number].means, metric) for metric in evaluation.metrics)
            rows.append(f"<tr><th scope=row>{name}</th><td>{escape(one.subject.name)}</td>{cells}</tr>")
    more = f"<p class=hint>{len(rows) - _ROWS} more rows are left out.</p>" if len(rows) > _ROWS else ""
    what = "image" if all(len(clip.frames) == 1 for clip in evaluation.scored[0].clips) else "clip"
    return (
        f'<details><summary>The values of every {what}</summary><div class="card scroll long">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows[:_ROWS])}</tbody></table></div>{more}</details>"
    )


def _mean(means: Values, metric: Metric) -> str:
    return f"<td>{written(metric, means[metric])}</td>" if metric in means else _NO_VALUE


def how(evaluation: Evaluation) -> str:
    """The protocol, what was scored, and the machine."""
    protocol = evaluation.protocol
    told = [(name, str(value)) for name, value in evaluation.about.items()]
    told.append(("protocol", str(protocol)))
    for one in evaluation.scored:
        described = one.subject.description
        numbers = {name: f"{value:,}" if isinstance(value, int) else value for name, value in described.items()}
        told.append((one.subject.name, ", ".join(f"{name}: {value}" for name, value in numbers.items())))
    told += evaluation.made.items()
    entries = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in told)
    return section("How this was computed", "", f"<dl>{entries}</dl>")
