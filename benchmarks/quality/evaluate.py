"""Quality of every shipped and published weights file on everything that can be scored on this machine.

Set5 and clips are looked for in the folder of reference data (``UPFRAME_SHARED``, else ``shared`` beside the repository),
which is no part of it; what is not there is left out and named. Rendered clips are made on the fly, unless a folder of them
is given. The model cards' scores come from the results.

With ``--short``: a few frames of each clip, their middle, and every model on both: low resolution by bicubic, as that of
ordinary video, and by blur and every scale-th pixel. Networks for either then stand in one table; it takes minutes.

What is finished is kept in ``build/quality``, for as long as nothing of the sources changes: a run that was cut off goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _report import ROOT, write

from upframe.datasets.frames import ImageFrames
from upframe.datasets.rendered_clips import clips_in
from upframe.datasets.videos import VideoFrames
from upframe.errors import DeviceError, MissingExtra
from upframe.evaluation import Evaluation, EvaluationOptions, ScoringOptions, SubjectScores, evaluate
from upframe.evaluation.models import trained_for
from upframe.media import Image, write_image
from upframe.models.cards import shipped
from upframe.models.catalog import load
from upframe.rendered.clip import RenderedClip
from upframe.renderers.job import SETS, render_clip

SHARED = Path(os.environ.get("UPFRAME_SHARED") or ROOT.parent / "shared")
BUILD = ROOT / "build" / "quality"
SHORT_FRAMES, SHORT_SIZE = 8, (384, 512)  # (height, width) at most
SCALES = (2, 3, 4)
OF = {"images": ("image",), "rendered": ("rendered",)}
"""The kinds of models that are run on a layout; on the others those for images and for video."""


@dataclass(frozen=True)
class Sample:
    """Something to score on: where it is, and how it is read and scored. scales: those it is there at."""

    name: str
    place: Path
    layout: str
    protocol: str
    low: str = ""
    video: bool = False
    scales: tuple[int, ...] = SCALES


SAMPLES = (
    Sample("set5", SHARED / "reference/set5", "images", "set-y"),
    Sample("set5, published LR", SHARED / "reference/set5", "images", "set-y", low="reference/set5_lr_matlab/x{scale}"),
    Sample("set5 as RT4KSR's script", SHARED / "reference/set5", "images", "rt4ksr"),
    Sample("vid4 foliage, 10 frames", SHARED / "reference/vid4_foliage", "clip", "vid4-y"),
    Sample("aspen, 20 frames", SHARED / "media/aspen", "clip", "vid4-y"),
    Sample("bigbuckbunny", SHARED / "media/bigbuckbunny.mp4", "videos", "vid4-y", video=True),
    Sample("phone_dog", SHARED / "media/phone_dog.mp4", "videos", "vid4-y", video=True),
)


def short_samples() -> Iterator[Sample]:
    """A few frames of every clip, the middle of them, as images."""
    for sample in SAMPLES:
        if sample.layout != "images" and sample.place.exists():
            name = sample.name.partition(",")[0]
            folder = BUILD / "short" / name.replace(" ", "_")
            frames = VideoFrames(sample.place) if sample.video else ImageFrames(sorted(sample.place.iterdir()))
            for index in range(SHORT_FRAMES):
                pixels = frames.read(index)
                height, width = (min(side - side % 16, most) for side, most in zip(pixels.shape[:2], SHORT_SIZE, strict=True))
                top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
                middle = np.ascontiguousarray(pixels[top : top + height, left : left + width])
                write_image(folder / f"{index:03d}.png", Image(middle), overwrite=True)
            yield replace(sample, name=f"{name}, short", place=folder, layout="clip", video=False, scales=(2, 4))


def rendered_samples(folder: Path | None) -> Iterator[Sample]:
    """Rendered clips, as a whole, at their edges and in their holes, and by the protocol of NSRR.

    Of a folder, or, where none is named, made for every scale that there are models of.
    """
    names = {"": "stssnet", ", edges": "stssnet-edge", ", holes": "stssnet-hole", " as NSRR's": "nsrr"}
    for scale in SCALES:
        example = Sample("", Path(), "rendered", "nsrr")
        if folder is not None and scale not in {RenderedClip(path).info.scale for _, path in clips_in(folder)}:
            continue
        place = folder or (render(BUILD / f"tiny-x{scale}-{sources('rendering')}", scale) if models(example, scale) else None)
        if place is not None:
            yield from (Sample(f"rendered clips{n}", place, "rendered", p, scales=(scale,)) for n, p in names.items())


def render(folder: Path, scale: int) -> Path | None:
    """The test part of the tiny set, made where it is not yet; None, and why, where nothing can be rendered."""
    settings, clips = SETS["tiny"]
    try:
        for clip in clips:
            if clip.folder.startswith("test/"):
                print(f"rendering {clip.folder}", file=sys.stderr)
                for _ in render_clip(clip.theme, clip.seed, folder / clip.folder, replace(settings, scale=scale)):
                    pass
    except (DeviceError, MissingExtra) as error:
        print(f"left out: rendered clips: {error}", file=sys.stderr)
        return None
    return folder / "test"


def models(sample: Sample, scale: int) -> dict[str, list[str]]:
    """The shipped models of a scale and the published files that are here, by the degradation they are to be given."""
    kinds = OF.get(sample.layout, ("image", "video"))
    wanted: dict[str, list[str]] = {}
    names = [info.name for info in shipped() if info.scale == scale and info.kind in kinds and info.degradation != "none"]
    for folder, suffix in (("rt4ksr", "pth"), ("stssnet", "pkl")):
        names += [str(path) for path in sorted((SHARED / "reference" / folder).glob(f"*.{suffix}"))]
    for name in names:
        info = load(name).info
        if info.scale == scale and info.kind in kinds:
            degradation = trained_for(info)
            wanted.setdefault(degradation.name if degradation else "bi", []).append(name)
    return wanted


def runs(samples: list[Sample], *, videos: bool) -> Iterator[tuple[Sample, int, str, list[str]]]:
    """What there is to score, with the models of each scale and degradation."""
    for sample in samples:
        if sample.video and not videos:
            continue
        if not sample.place.exists():
            print(f"left out: {sample.name} is not in {SHARED}", file=sys.stderr)
            continue
        for scale in sample.scales:
            for degradation, names in models(sample, scale).items():
                if degradation == "bi" or not sample.low:
                    yield sample, scale, degradation, names


def short_runs() -> Iterator[tuple[Sample, int, str, list[str]]]:
    """Every model on both ways to make low resolution."""
    for sample in short_samples():
        for scale in sample.scales:
            names = [name for together in models(sample, scale).values() for name in together if not name.endswith(".pth")]
            yield from ((sample, scale, degradation, names) for degradation in ("bi", "bd"))


def scored(sample: Sample, scale: int, degradation: str, names: list[str]) -> Evaluation:
    """One evaluation."""
    print(f"{sample.name} x{scale}: {', '.join(Path(name).stem for name in names)}", file=sys.stderr)
    options = EvaluationOptions(
        models=tuple(names),
        place=str(sample.place),
        scoring=ScoringOptions(sample.protocol),
        degradation=None if sample.low or sample.layout == "rendered" else degradation,
        low=SHARED / sample.low.format(scale=scale) if sample.low else None,
        layout=sample.layout,
        cuts="auto" if sample.video else "off",
        journal=BUILD / f"journal-{sources()}",
    )
    evaluation, _ = evaluate(options, on_note=lambda text: print(f"  {text}", file=sys.stderr))
    return evaluation


def sources(package: str = "") -> str:
    """A digest of the sources of a package, or of all: what is made with others is not taken for the same."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "src" / "upframe" / package).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def figures(evaluation: Evaluation) -> dict[str, Any]:
    """What is kept of an evaluation: quality alone, which is the same on every run."""
    return {
        "protocol": evaluation.protocol.name,
        "digest": evaluation.protocol.digest(),
        "about": evaluation.about,
        "scores": {one.subject.name: _values(one) for one in evaluation.scored},
    }


def _values(one: SubjectScores) -> dict[str, Any]:
    values: dict[str, Any] = {"sha256": one.subject.description.get("sha256", "")}
    values |= {metric: round(value, 4) for metric, value in one.averages.result.items()}
    if one.averages.protocol.startswith("stssnet"):
        parts = {"even": one.averages.even, "odd": one.averages.odd}
        values |= {part: {metric: round(value, 4) for metric, value in means.items()} for part, means in parts.items()}
    if len(one.clips) > 1:
        values["images"] = {clip.name: {metric: round(value, 4) for metric, value in clip.means.items()} for clip in one.clips}
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few frames, every model on both ways to make them small")
    parser.add_argument("--without-videos", action="store_true", help="leave the videos out, which take the most time")
    parser.add_argument("--rendered", type=Path, metavar="FOLDER", help="rendered clips, instead of those made on the fly")
    arguments = parser.parse_args()
    if arguments.short:
        work = short_runs()
    else:
        work = runs([*SAMPLES, *rendered_samples(arguments.rendered)], videos=not arguments.without_videos)
    found: dict[str, dict[str, Any]] = {}
    for sample, scale, degradation, names in work:
        name = sample.name if degradation == "bi" else f"{sample.name}, {degradation}"
        found.setdefault(name, {})[f"x{scale}"] = figures(scored(sample, scale, degradation, names))
    if found:
        write("quality_short" if arguments.short else "quality", found)


if __name__ == "__main__":
    main()
