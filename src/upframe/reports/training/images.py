"""Validation images over time: what every run made of the same clip, beside bicubic and the truth."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import PIL.Image
from PIL import UnidentifiedImageError

from upframe.regular import refuse_irregular
from upframe.reports.training.records import TrainingRecord, ValidationImage

STEPS = 48  # of all runs together that are shown, so that a page stays small
FEWEST = 4  # of a run
SIDE = 320  # pixels of an image that are shown at most, from its middle
VIEWS = 3  # in a file: bicubic, network, truth


@dataclass(slots=True)
class SceneImages:
    """A clip: its truth, bicubic (one for each scale and degradation), and each run's images by step."""

    truth: bytes
    plain: dict[str, bytes] = field(default_factory=dict)
    runs: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)


def gather(records: Sequence[TrainingRecord]) -> list[SceneImages]:
    """The clips of all runs; those with the same truth are one. A file that cannot be read is not shown."""
    scenes: dict[str, SceneImages] = {}
    for record in records:
        for sample in _spread(record.samples, max(FEWEST, STEPS // len(records))):
            if (views := _views(sample)) is None:
                continue
            plain, result, truth = views
            scene = scenes.setdefault(_digest(truth), SceneImages(truth))
            scene.plain.setdefault(_digest(plain), plain)
            scene.runs.setdefault(record.name, []).append((sample.step, result))
    return list(scenes.values())


def _spread(samples: Sequence[ValidationImage], count: int) -> list[ValidationImage]:
    """Those of ``count`` steps at most, evenly chosen, the first and the last among them."""
    steps = sorted({sample.step for sample in samples})
    if len(steps) > count:
        steps = [steps[round(number * (len(steps) - 1) / (count - 1))] for number in range(count)]
    return [sample for sample in samples if sample.step in steps]


def _views(sample: ValidationImage) -> tuple[bytes, ...] | None:
    """The three images of a file as PNG."""
    refuse_irregular(sample.path)
    try:
        with PIL.Image.open(sample.path) as opened:
            whole = opened.convert("RGB")
    except (OSError, UnidentifiedImageError, SyntaxError):
        return None
    width, height = whole.width // VIEWS, whole.height
    x, y = max(width - SIDE, 0) // 2, max(height - SIDE, 0) // 2
    right, below = min(x + SIDE, width), min(y + SIDE, height)
    return tuple(_png(whole.crop((n * width + x, y, n * width + right, below))) for n in range(VIEWS))


def _png(image: PIL.Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
