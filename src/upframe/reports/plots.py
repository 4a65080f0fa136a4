"""Plots as inline SVG: values over frames, and quality against time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

POINTS = 600  # of a line at most
MARKED = 60  # points of a line that are marked one by one
_WIDTH, _HEIGHT = 520, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 12, 24


@dataclass(frozen=True, slots=True)
class Series:
    """A line: its name, a CSS colour, and its values by number; those that are not finite are gaps."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of a scatter plot."""

    name: str
    colour: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class _Axis:
    """Values between two ends on pixels between two others, both as given: the pixels may fall as the values rise."""

    low: float
    high: float
    first: float
    last: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.first + (value - low) / (high - low) * (self.last - self.first)


def line_plot(series: Sequence[Series], label: str, *, names: Sequence[str] = (), width: int = _WIDTH) -> Markup:
    """Lines over a number. ``names``: of points that do not follow on one another; they stand below where they are few.

    Empty without a finite value.
    """
    finite = [point for line in series for point in line.points if math.isfinite(point[1])]
    if not finite:
        return Markup()
    x = _Axis(*_spread(min(p[0] for p in finite), max(p[0] for p in finite), 0), _LEFT, width - _RIGHT)
    y = _Axis(*_spread(min(p[1] for p in finite), max(p[1] for p in finite), 0.06), _HEIGHT - _BOTTOM, _TOP)
    parts = [*_rows(y, width), *_numbers(x, names)]
    parts.append(Markup('<g class="apart">') if names else Markup("<g>"))
    for line in series:
        parts += _line(line, x, y, names)
    parts.append(Markup("</g>"))
    return _svg(width, _HEIGHT, label, parts)


def scatter_plot(dots: Sequence[Dot], label: str, *, x_title: str, y_title: str) -> Markup:
    """Dots with their names; the horizontal axis is logarithmic. Empty unless two dots can be drawn."""
    dots = [dot for dot in dots if math.isfinite(dot.y) and dot.x > 0]
    if len(dots) < 2:
        return Markup()
    width, height = 1040, 330
    x = _Axis(min(d.x for d in dots) / 1.6, max(d.x for d in dots) * 1.6, 64, width - 24, logarithmic=True)
    y = _Axis(*_spread(min(d.y for d in dots), max(d.y for d in dots), 0.15), height - 46, 26)
    parts = [*_rows(y, width, left=64), *_decades(x, height - 46)]
    parts.append(Markup('<text x="64" y="14">{}</text>').format(y_title))
    parts.append(_text(width - 24, height - 8, "end", x_title))
    taken: list[tuple[float, float]] = []
    for dot in sorted(dots, key=lambda dot: dot.y, reverse=True):
        at, level = x(dot.x), y(dot.y)
        parts.append(_circle(at, level, 6, dot.colour, f"{dot.name}: {dot.x:.3g} ms, {dot.y:.4g}"))
        ends = at > width - 220
        below = level + 4
        while any(abs(below - other) < 15 and abs(at - place) < 260 for place, other in taken):
            below += 15
        taken.append((at, below))
        anchor, beside = ("end", at - 12) if ends else ("start", at + 12)
        parts.append(_text(beside, below, anchor, dot.name, kind="name"))
    return _svg(width, height, label, parts)


def _svg(width: int, height: int, label: str, parts: Sequence[Markup]) -> Markup:
    svg = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    return svg.format(width, height, label, Markup().join(parts))


def _text(x: float, y: float, anchor: str, text: str, *, kind: str = "") -> Markup:
    """A word; ``kind`` is a class of the page's style."""
    mark = Markup('class="{}" ').format(kind) if kind else Markup()
    return Markup('<text {}x="{}" y="{}" text-anchor="{}">{}</text>').format(mark, f"{x:.1f}", f"{y:.1f}", anchor, text)


def _circle(x: float, y: float, radius: float, colour: str, title: str) -> Markup:
    circle = Markup('<circle cx="{}" cy="{}" r="{}" style="fill:{}"><title>{}</title></circle>')
    return circle.format(f"{x:.1f}", f"{y:.1f}", radius, colour, title)


def _grid_line(x1: float, x2: float, y1: float, y2: float) -> Markup:
    line = Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>')
    return line.format(*(f"{place:.1f}" for place in (x1, x2, y1, y2)))


def _spread(low: float, high: float, margin: float) -> tuple[float, float]:
    """Two ends with some room about them, never the same."""
    if high - low < 1e-9:
        return low - 0.5, high + 0.5
    room = (high - low) * margin
    return low - room, high + room


def _ticks(low: float, high: float, count: int) -> Iterator[float]:
    """Round numbers between two ends."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    number = math.ceil(low / step)
    while number * step <= high + step * 1e-9:
        yield number * step
        number += 1


def _rows(y: _Axis, width: float, left: float = _LEFT) -> Iterator[Markup]:
    values = list(_ticks(y.low, y.high, 4))
    gap = values[1] - values[0] if len(values) > 1 else 1.0
    decimals = max(0, -math.floor(math.log10(gap) + 1e-9)) + (round(gap / 10 ** math.floor(math.log10(gap)), 1) == 2.5)
    for value in values:
        level = y(value)
        yield _grid_line(left, width - _RIGHT, level, level)
        yield _text(left - 7, level + 4, "end", f"{value:.{decimals}f}")


def _numbers(x: _Axis, names: Sequence[str]) -> Iterator[Markup]:
    """What stands below the horizontal axis."""
    level = _HEIGHT - 6
    if names:
        if len(names) <= 16:
            for number, name in enumerate(names):
                anchor = "start" if number == 0 else "end" if number == len(names) - 1 else "middle"
                short = name if len(name) <= 12 else f"{name[:11]}…"
                yield _text(x(number), level, anchor, short)
        return
    for value in _ticks(x.low, x.high, 6):
        if value == int(value):
            yield _text(x(value), level, "middle", f"{int(value)}")


def _decades(x: _Axis, level: float) -> Iterator[Markup]:
    """Lines and numbers at 1, 2 and 5 of each decade."""
    for power in range(math.floor(math.log10(x.low)), math.ceil(math.log10(x.high)) + 1):
        for factor in (1, 2, 5):
            value = factor * 10.0**power
            if x.low <= value <= x.high:
                yield _grid_line(x(value), x(value), 26, level)
                yield _text(x(value), level + 16, "middle", f"{value:g}")


def _line(line: Series, x: _Axis, y: _Axis, names: Sequence[str]) -> Iterator[Markup]:
    for run in _runs(line.points):
        places = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in _thinned(run))
        yield Markup('<polyline points="{}" style="stroke:{}"/>').format(places, line.colour)
    if len(line.points) <= MARKED:
        for number, value in line.points:
            if math.isfinite(value):
                name = names[int(number)] if names else f"frame {number:g}"
                yield _circle(x(number), y(value), 2.6, line.colour, f"{line.name}, {name}: {value:.4f}")


def _runs(points: Sequence[tuple[float, float]]) -> Iterator[list[tuple[float, float]]]:
    """The parts of a line between its gaps."""
    run: list[tuple[float, float]] = []
    for point in points:
        if math.isfinite(point[1]):
            run.append(point)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The lowest and the highest of every few points, so that no dip is lost."""
    if len(points) <= POINTS:
        return points
    size = math.ceil(2 * len(points) / POINTS)
    thinned = []
    for start in range(0, len(points), size):
        few = points[start : start + size]
        thinned += sorted({min(few, key=lambda p: p[1]), max(few, key=lambda p: p[1])})
    return thinned
