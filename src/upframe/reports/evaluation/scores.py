"""What the page shows of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from upframe.evaluation.panels import PLAIN_FAMILY
from upframe.evaluation.results import COLUMN_TITLES, UNITS, Evaluation, SubjectScores, as_csv, heading, written
from upframe.metrics import ClipScores, Metric
from upframe.metrics.scores import Values
from upframe.reports.page import Cell, Row, Table, series_colour
from upframe.reports.plots import Dot, Series, line_plot, scatter_plot

PLOTS = 12
ROWS = 400  # of the table of clips at most
_CSV_BYTES = 300_000  # that a page carries at most
_PLAIN_COLOUR = "var(--plain)"


@dataclass(frozen=True, slots=True)
class Speed:
    """Quality against time: a plot, and what it is of."""

    plot: Markup
    lead: str


@dataclass(frozen=True, slots=True)
class ScorePlot:
    """A plot under its title."""

    title: str
    svg: Markup
    wide: bool


def colours(evaluation: Evaluation) -> dict[str, str]:
    """A CSS colour for each subject: grey for bicubic."""
    chosen: dict[str, str] = {}
    for one in evaluation.scored:
        name = one.subject.name
        number = sum(colour != _PLAIN_COLOUR for colour in chosen.values())
        chosen[name] = _PLAIN_COLOUR if name.startswith(PLAIN_FAMILY) else series_colour(number)
    return chosen


def is_of_images(evaluation: Evaluation) -> bool:
    """Whether every clip is one image."""
    return all(len(clip.frames) == 1 for clip in evaluation.scored[0].clips)


def results_table(evaluation: Evaluation) -> Table:
    """The results: one row for each subject, the best of each column in bold."""
    timed = any(one.subject.milliseconds for one in evaluation.scored)
    sized = any("parameters" in one.subject.description for one in evaluation.scored)
    headings = ["", *map(heading, evaluation.metrics), *(["ms a frame ↓"] if timed else []), *(["parameters"] if sized else [])]
    rows = [row for one in evaluation.scored for row in _rows(evaluation, one, timed=timed, sized=sized)]
    return Table(headings, rows)


def _rows(evaluation: Evaluation, one: SubjectScores, *, timed: bool, sized: bool) -> Iterator[Row]:
    """A subject's, and one for each of the means that its result is the mean of."""
    subject = one.subject
    cells = [_cell(evaluation, one, metric) for metric in evaluation.metrics]
    if timed:
        median = subject.median_milliseconds
        cells.append(None if median is None else Cell(_milliseconds(median)))
    if sized:
        count = subject.description.get("parameters")
        cells.append(Cell(f"{count:,}") if isinstance(count, int) else None)
    colour = colours(evaluation)[subject.name] if len(evaluation.scored) > 1 else ""
    yield Row(subject.name, cells, kind="plain" if subject.name.startswith(PLAIN_FAMILY) else "", colour=colour)
    for name, values in evaluation.parts(one).items():
        means = [_mean(values, metric) for metric in evaluation.metrics]
        yield Row(name, [*means, *([Cell("")] * (timed + sized))], kind="part")


def _cell(evaluation: Evaluation, one: SubjectScores, metric: Metric) -> Cell | None:
    values = one.averages.result
    if metric not in values:
        return None
    best = len(evaluation.scored) > 1 and written(metric, values[metric]) == written(metric, evaluation.best(metric) or 0.0)
    gain = ""
    plain = next((other for other in evaluation.scored if other.subject.name.startswith(PLAIN_FAMILY)), None)
    if plain is not None and plain is not one and UNITS.get(metric) == "dB" and metric in plain.averages.result:
        gain = f"{values[metric] - plain.averages.result[metric]:+.2f}"
    return Cell(written(metric, values[metric]), small=gain, best=best)


def _mean(means: Values, metric: Metric) -> Cell | None:
    return Cell(written(metric, means[metric])) if metric in means else None


def _milliseconds(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def downloadable(evaluation: Evaluation) -> bytes:
    """All values as CSV, empty where they are too many for a page."""
    content = as_csv(evaluation).encode()
    return content if len(content) <= _CSV_BYTES else b""


def speed(evaluation: Evaluation) -> Speed | None:
    """Quality against time, where there are several subjects that were run."""
    if not evaluation.metrics:
        return None
    metric = evaluation.metrics[0]
    chosen = colours(evaluation)
    dots = [
        Dot(one.subject.name, chosen[one.subject.name], median, one.averages.result[metric])
        for one in evaluation.scored
        if (median := one.subject.median_milliseconds) is not None and metric in one.averages.result
    ]
    plot = scatter_plot(dots, "Quality against time", x_title="milliseconds a frame, logarithmic", y_title=_title(metric))
    device = evaluation.made.get("device", "")
    where = f" on {device}" if device else ""
    lead = f"{heading(metric)} against the median time of a frame, of the network alone{where}."
    return Speed(plot, lead) if plot else None


def _title(metric: Metric) -> str:
    return f"{COLUMN_TITLES[metric]}, {UNITS[metric]}" if metric in UNITS else COLUMN_TITLES[metric]


def plots_of(evaluation: Evaluation) -> Iterator[ScorePlot]:
    """A plot of each metric over the frames of each clip, or over the images of a set."""
    clips = evaluation.scored[0].clips
    if is_of_images(evaluation):
        names = [clip.name for clip in clips]
        if len(names) > 1:
            for metric in evaluation.metrics:
                yield from _plot(evaluation, _title(metric), [one.clips for one in evaluation.scored], metric, names)
        return
    for number, clip in enumerate(clips):
        for metric in evaluation.metrics:
            title = f"{clip.name}: {_title(metric)}" if len(clips) > 1 else _title(metric)
            yield from _plot(evaluation, title, [one.clips[number] for one in evaluation.scored], metric)


def _plot(
    evaluation: Evaluation,
    title: str,
    of_each: Sequence[ClipScores | tuple[ClipScores, ...]],
    metric: Metric,
    names: Sequence[str] = (),
) -> Iterator[ScorePlot]:
    """A plot with a line for each subject: of a clip's frames, or of the only frame of each clip. None without a number."""
    chosen, wide = colours(evaluation), len(names) > 6
    series = [
        Series(one.subject.name, chosen[one.subject.name], _points(scores, metric))
        for one, scores in zip(evaluation.scored, of_each, strict=True)
    ]
    if svg := line_plot(series, title, names=names, width=1080 if wide else 520):
        yield ScorePlot(title, svg, wide)


def _points(scores: ClipScores | tuple[ClipScores, ...], metric: Metric) -> list[tuple[float, float]]:
    if isinstance(scores, ClipScores):
        return [(frame.index, frame.values.get(metric, math.nan)) for frame in scores.frames]
    return [(number, clip.means.get(metric, math.nan)) for number, clip in enumerate(scores)]


def clip_table(evaluation: Evaluation) -> Table | None:
    """The means of every clip, the first ``ROWS`` of them; None of a single one."""
    clips = evaluation.scored[0].clips
    if len(clips) < 2:
        return None
    rows = [
        Row(
            clip.name if one is evaluation.scored[0] else "",
            [Cell(one.subject.name), *(_mean(one.clips[number].means, metric) for metric in evaluation.metrics)],
        )
        for number, clip in enumerate(clips)
        for one in evaluation.scored
    ]
    return Table(["", "", *map(heading, evaluation.metrics)], rows[:ROWS])
