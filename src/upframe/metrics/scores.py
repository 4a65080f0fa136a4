"""What scoring yields: values of frames, of clips, and their averages; plain dataclasses that go into JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from upframe.errors import InputError
from upframe.metrics.protocol import METRICS, Metric, Protocol

Values = dict[Metric, float]


@dataclass(frozen=True, slots=True)
class FrameScores:
    """The values of one frame, whose number in its clip (from 0) is ``index``.

    A metric is absent where the frame has no value: temporal ones at the start, masked ones where the mask counts nothing.
    PSNR of equal frames is infinity.
    """

    index: int
    values: Values


@dataclass(frozen=True, slots=True)
class ClipScores:
    """A clip's frames that count, in order; an image is a clip of one frame."""

    name: str
    frames: tuple[FrameScores, ...]

    @property
    def means(self) -> Values:
        """The mean of each metric over the frames that have it."""
        return mean_values(frame.values for frame in self.frames)

    def as_json(self) -> dict[str, Any]:
        """For ``json.dumps``; infinity becomes the string "inf", which JSON has no number for."""
        frames = [{"frame": frame.index, **finite(frame.values)} for frame in self.frames]
        return {"name": self.name, "means": finite(self.means), "frames": frames}


@dataclass(frozen=True, slots=True)
class Averages:
    """The averages over clips: all four kinds, and the one that the protocol calls the result.

    ``counts``: how many frames have a value, by metric.
    """

    protocol: str
    digest: str
    result: Values
    frames: Values
    clips: Values
    even: Values
    odd: Values
    counts: dict[Metric, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For ``json.dumps``, as :meth:`ClipScores.as_json`."""
        kinds = {name: finite(getattr(self, name)) for name in ("result", "frames", "clips", "even", "odd")}
        return {"protocol": self.protocol, "digest": self.digest, **kinds, "counts": self.counts}


def average(clips: Sequence[ClipScores], protocol: Protocol) -> Averages:
    """Average clips as the protocol has it. Raises InputError without any frame."""
    frames = [frame for clip in clips for frame in clip.frames]
    if not frames:
        raise InputError("there is no frame to average")
    by_frames = mean_values(frame.values for frame in frames)
    by_clips = mean_values(clip.means for clip in clips)
    even, odd = (mean_values(frame.values for frame in frames if frame.index % 2 == parity) for parity in (0, 1))
    result = {"frames": by_frames, "clips": by_clips, "parity": mean_values((even, odd))}[protocol.averaging]
    counts = {metric: sum(metric in frame.values for frame in frames) for metric in protocol.metrics}
    return Averages(protocol.name, protocol.digest(), result, by_frames, by_clips, even, odd, counts)


def mean_values(many: Iterable[Values]) -> Values:
    """The mean of each metric over those that have it, in the order of ``METRICS``."""
    columns: dict[Metric, list[float]] = {}
    for values in many:
        for metric, value in values.items():
            columns.setdefault(metric, []).append(value)
    return {metric: math.fsum(columns[metric]) / len(columns[metric]) for metric in METRICS if metric in columns}


def finite(values: Mapping[Metric, float]) -> dict[str, float | str]:
    """Values as JSON can hold them."""
    return {metric: value if math.isfinite(value) else str(value) for metric, value in values.items()}
