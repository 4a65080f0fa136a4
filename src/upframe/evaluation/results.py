"""What an evaluation or a comparison found: plain, frozen, ready for a table, JSON, CSV and a page."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from upframe.metrics import LOWER_IS_BETTER, Averages, ClipScores, Metric, Protocol, average
from upframe.metrics.scores import Values, finite

COLUMN_TITLES: dict[Metric, str] = {
    "psnr_rgb": "PSNR RGB",
    "ssim_rgb": "SSIM RGB",
    "psnr_y": "PSNR Y",
    "ssim_y": "SSIM Y",
    "psnr_nsrr": "PSNR (NSRR)",
    "lpips": "LPIPS",
    "tof": "tOF",
    "tlp": "tLP",
    "tpsnr": "tPSNR",
    "warping": "warping",
    "niqe": "NIQE",
    "vmaf": "VMAF",
    "xpsnr": "XPSNR",
}
UNITS: dict[Metric, str] = {"psnr_rgb": "dB", "psnr_y": "dB", "tpsnr": "dB", "xpsnr": "dB", "tof": "pixels", "tlp": "x100"}
_TWO_DECIMALS: frozenset[Metric] = frozenset(("psnr_rgb", "psnr_y", "psnr_nsrr", "tpsnr", "vmaf", "xpsnr", "niqe"))


def written(metric: Metric, value: float) -> str:
    """A value as the field writes it: decibels to two places, the others to four."""
    if not math.isfinite(value):
        return "inf" if value > 0 else str(value)
    return f"{value:.2f}" if metric in _TWO_DECIMALS else f"{value:.4f}"


def heading(metric: Metric) -> str:
    """The title of a metric's column, with an arrow towards the better."""
    return f"{COLUMN_TITLES[metric]} {'↓' if metric in LOWER_IS_BETTER else '↑'}"


@dataclass(frozen=True, slots=True)
class Subject:
    """What was scored: a model's results, or those that lie on disk.

    ``description``: what is known of it, in words, by name: its SHA-256, degradation, parameters. ``milliseconds``: of each
    frame that was upscaled, the network alone, in order; empty where nothing was run.
    """

    name: str
    description: dict[str, str | int] = field(default_factory=dict)
    milliseconds: tuple[float, ...] = ()

    @property
    def median_milliseconds(self) -> float | None:
        return statistics.median(self.milliseconds) if self.milliseconds else None


@dataclass(frozen=True, slots=True)
class SubjectScores:
    """A subject with its scores."""

    subject: Subject
    clips: tuple[ClipScores, ...]
    averages: Averages

    @property
    def frames(self) -> int:
        """How many have a score."""
        return max(self.averages.counts.values(), default=0)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The scores of one or several subjects under one protocol, and all that they depend on.

    ``about``: the set or the two things compared, by name, in words. ``made``: versions, machine and time. ``notes``: what a
    reader must know, such as that a model was trained for another degradation.
    """

    title: str
    protocol: Protocol
    scored: tuple[SubjectScores, ...]
    about: dict[str, str | int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    made: dict[str, str] = field(default_factory=dict)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Those of the protocol that have a value for any subject."""
        return tuple(metric for metric in self.protocol.metrics if any(metric in one.averages.result for one in self.scored))

    def parts(self, one: SubjectScores) -> dict[str, Values]:
        """The two means whose mean is a subject's result, where the protocol tells even frames from odd ones; else nothing."""
        if self.protocol.averaging != "parity":
            return {}
        parts = {"even, SF": one.averages.even, "odd, IF": one.averages.odd}
        return {name: values for name, values in parts.items() if values}

    def best(self, metric: Metric) -> float | None:
        """The best result of all subjects."""
        values = [one.averages.result[metric] for one in self.scored if metric in one.averages.result]
        return (min if metric in LOWER_IS_BETTER else max)(values) if values else None

    def as_json(self) -> dict[str, Any]:
        """For ``json.dumps``: everything, frame by frame."""
        protocol = {"name": self.protocol.name, "digest": self.protocol.digest(), "description": str(self.protocol)}
        scored = [
            {
                "name": one.subject.name,
                **one.subject.description,
                "milliseconds_per_frame": _rounded(one.subject.median_milliseconds),
                "result": finite(one.averages.result),
                "averages": one.averages.as_json(),
                "clips": [clip.as_json() for clip in one.clips],
            }
            for one in self.scored
        ]
        return {
            "title": self.title,
            "protocol": protocol,
            "about": self.about,
            "notes": list(self.notes),
            "made": self.made,
            "scores": scored,
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def scored(subject: Subject, clips: tuple[ClipScores, ...], protocol: Protocol) -> SubjectScores:
    """Average a subject's clips. Raises InputError without any frame."""
    return SubjectScores(subject, clips, average(clips, protocol))


def as_csv(evaluation: Evaluation) -> str:
    """One row for each frame, for the mean of each clip (frame ``mean``), and for the result (no clip, frame ``result``).

    Before the result stand the means of even and odd frames (``even, SF``, ``odd, IF``), where the protocol tells them apart.
    """
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(("name", "clip", "frame", *evaluation.metrics))
    for name, clip, frame, values in _rows(evaluation):
        table.writerow((_plain(name), _plain(clip), frame, *(_cell(values, metric) for metric in evaluation.metrics)))
    return out.getvalue()


def _rows(evaluation: Evaluation) -> Iterator[tuple[str, str, str, Values]]:
    for one in evaluation.scored:
        for clip in one.clips:
            for frame in clip.frames:
                yield one.subject.name, clip.name, str(frame.index), frame.values
            yield one.subject.name, clip.name, "mean", clip.means
        for part, values in evaluation.parts(one).items():
            yield one.subject.name, "", part, values
        yield one.subject.name, "", "result", one.averages.result


def _cell(values: Values, metric: Metric) -> str:
    return repr(values[metric]) if metric in values else ""


def _plain(text: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
