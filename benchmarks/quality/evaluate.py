"""Quality of every shipped and published weights file on everything that can be scored on this machine.

Set5 and clips are looked for in the folder of reference data (``UPFRAME_SHARED``, else ``shared`` beside the repository),
which is no part of it; what is not there is left out and named. The model cards' scores come from the results.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _report import ROOT, write

from upframe.evaluation import Asked, Evaluation, Scored, Wish, evaluate
from upframe.models.catalog import load, shipped

SHARED = Path(os.environ.get("UPFRAME_SHARED") or ROOT.parent / "shared")
SCALES = (2, 3, 4)


@dataclass(frozen=True)
class Sample:
    """Something to score on: where it lies, and how it is read and scored."""

    name: str
    place: Path
    layout: str
    protocol: str
    low: str = ""
    film: bool = False


SAMPLES = (
    Sample("set5", SHARED / "reference/set5", "pictures", "set-y"),
    Sample("set5, published LR", SHARED / "reference/set5", "pictures", "set-y", low="reference/set5_lr_matlab/x{scale}"),
    Sample("set5 as RT4KSR's script", SHARED / "reference/set5", "pictures", "rt4ksr"),
    Sample("vid4 foliage, 10 frames", SHARED / "reference/vid4_foliage", "clip", "vid4-y"),
    Sample("aspen, 20 frames", SHARED / "media/aspen", "clip", "vid4-y"),
    Sample("bigbuckbunny", SHARED / "media/bigbuckbunny.mp4", "films", "vid4-y", film=True),
    Sample("phone_dog", SHARED / "media/phone_dog.mp4", "films", "vid4-y", film=True),
)


def weights(scale: int) -> list[str]:
    """The shipped models of a scale, and the published files for pictures that are here."""
    names = [info.name for info in shipped() if info.scale == scale and info.degradation != "none"]
    published = sorted((SHARED / "reference/rt4ksr").glob("*.pth"))
    return names + [str(path) for path in published if load(str(path)).info.scale == scale]


def runs(*, films: bool) -> Iterator[tuple[Sample, int, list[str]]]:
    """What there is to score, with the models of each scale."""
    for sample in SAMPLES:
        if sample.film and not films:
            continue
        if not sample.place.exists():
            print(f"left out: {sample.name} is not in {SHARED}", file=sys.stderr)
            continue
        for scale in SCALES:
            models = weights(scale)
            if models:
                yield sample, scale, models


def scored(sample: Sample, scale: int, models: list[str]) -> Evaluation:
    """One evaluation."""
    print(f"{sample.name} x{scale}: {', '.join(Path(model).stem for model in models)}", file=sys.stderr)
    wish = Wish(
        models=tuple(models),
        place=str(sample.place),
        asked=Asked(sample.protocol),
        degradation=None if sample.low else "bi",
        low=SHARED / sample.low.format(scale=scale) if sample.low else None,
        layout=sample.layout,
        cuts="auto" if sample.film else "off",
    )
    evaluation, _ = evaluate(wish, on_step=lambda _: None, on_note=lambda text: print(f"  {text}", file=sys.stderr))
    return evaluation


def figures(evaluation: Evaluation) -> dict[str, Any]:
    """What is kept of an evaluation: quality alone, which is the same on every run."""
    return {
        "protocol": evaluation.protocol.name,
        "digest": evaluation.protocol.digest(),
        "about": evaluation.about,
        "scores": {one.subject.name: _values(one) for one in evaluation.scored},
    }


def _values(one: Scored) -> dict[str, Any]:
    values: dict[str, Any] = {"sha256": one.subject.description.get("sha256", "")}
    values |= {metric: round(value, 4) for metric, value in one.averages.result.items()}
    if len(one.clips) > 1:
        values["pictures"] = {
            clip.name: {metric: round(value, 4) for metric, value in clip.means.items()} for clip in one.clips
        }
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--without-films", action="store_true", help="leave the films out, which take the most time")
    arguments = parser.parse_args()
    found: dict[str, dict[str, Any]] = {}
    for sample, scale, models in runs(films=not arguments.without_films):
        found.setdefault(sample.name, {})[f"x{scale}"] = figures(scored(sample, scale, models))
    if found:
        write("quality", found)


if __name__ == "__main__":
    main()
