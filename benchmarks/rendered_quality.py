r"""STSSNet's published weights on clips of the rasteriser, against bicubic: ``benchmarks/results/rendered_quality.json``.

    upframe render --set small clips/
    python benchmarks/rendered_quality.py clips/test --weights stssnet/ --far 4 10 25 --buffers \
        --image docs/stssnet-on-our-scenes.png

``stssnet/`` holds ``Arena.pkl`` and the other files of STSSNet's repository. Every other frame goes into
:class:`upframe.Supersampler` without its colour. PSNR of luma as STSSNet's script has it (8 bits, truncated), the mean of
frames: of all pixels, of edges, of holes; frames with a colour of their own (SF) and those without (IF) apart.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
from _report import write

from upframe import RenderedFrame, Supersampler
from upframe.metrics import ClipScorer, find_protocol
from upframe.ops.resize import upscale
from upframe.ops.shift import centred
from upframe.ops.transfer import encode_linear
from upframe.rendered.clip import RenderedClip
from upframe.rendered.history import STSSNetHistory
from upframe.rendered.preparation import FramePreparation, planes

SCALE = 2
SHOWN = ("Arena", "Lewis", "SunTemple")  # in the image; Subway is between the first and the last
MODES = {"all": "stssnet", "edge": "stssnet-edge", "hole": "stssnet-hole"}
Change = Callable[[RenderedFrame], RenderedFrame]
Scores = dict[str, float]


@dataclass(frozen=True)
class Shot:
    """Frames of a clip and what is needed to score results: targets (3, H, W) as shown, holes (h, w), 1 = hole.

    ``warped`` and ``filled`` (3, h, w): the newest colour before, moved to this frame, holes left as they fall and filled.
    """

    name: str
    frames: list[RenderedFrame]
    targets: list[Tensor]
    holes: list[Tensor]
    warped: list[Tensor]
    filled: list[Tensor]


def shown(light: Any, exposure: float) -> Tensor:
    """(h, w, 3) of light -> (3, h, w) as a display has it."""
    return encode_linear(torch.from_numpy(np.asarray(light, np.float32)) * exposure).permute(2, 0, 1)


def open_shot(folder: Path, frames: int, *, smooth: bool = False) -> Shot:
    """The first frames of a clip. ``smooth``: their colour is the mean of the target's pixels, so without aliasing."""
    clip = RenderedClip(folder)
    shot, history = Shot(folder.name, [], [], [], [], []), STSSNetHistory()
    prepare = FramePreparation(history)
    for number in range(min(frames, len(clip))):
        frame, target = clip[number], np.asarray(clip.target(number), np.float32)
        if smooth:
            height, width = frame.size
            mean = target.reshape(height, SCALE, width, SCALE, 3).mean(axis=(1, 3))
            frame = replace(frame, colour=mean, jitter=(0.0, 0.0))
        buffers = {"depth": planes(frame.depth), "motion": planes(frame.motion)}
        if not without_colour(number, frame):
            buffers["colour"] = planes(frame.colour)
        ready = prepare(frame, buffers)
        now = history.step(ready.get("colour"), ready["depth"], ready["motion"])
        shot.frames.append(frame)
        shot.targets.append(shown(target, frame.exposure).clamp(0, 1))
        shot.holes.append(1 - now.mask[0, 0])
        shot.filled.append(now.colour[0, :3])
        shot.warped.append(now.colour[0, 3:])
    return shot


def without_colour(number: int, frame: RenderedFrame) -> bool:
    """Whether a frame is made of the past."""
    return number % 2 == 1 and not frame.cut


def supersampled(shot: Shot, weights: Path, far: float | None, change: Change = lambda frame: frame) -> Iterator[Tensor]:
    """What the network makes of a shot, (3, H, W) each."""
    supersampler = Supersampler(weights, far=far)
    for number, frame in enumerate(shot.frames):
        given = change(frame)
        result = supersampler.step(replace(given, colour=None) if without_colour(number, frame) else given)
        yield shown(result, frame.exposure)


def upscaled(shot: Shot, images: list[Tensor]) -> Iterator[Tensor]:
    """By bicubic, and moved from where the frames were sampled to the pixels, as the supersampler's results are."""
    for frame, image in zip(shot.frames, images, strict=True):
        yield centred(upscale(image[None], SCALE), SCALE, frame.jitter)[0]


def score(shots: list[Shot], results: Callable[[Shot], Iterator[Tensor]]) -> Scores:
    """``SF all`` and so on: the mean PSNR of the frames of all shots."""
    values: dict[str, list[float]] = {}
    for shot in shots:
        with ExitStack() as stack:
            scorers = {
                mode: stack.enter_context(ClipScorer(find_protocol(name).select(["psnr"]), scale=SCALE, name=shot.name))
                for mode, name in MODES.items()
            }
            for number, result in enumerate(results(shot)):
                kind = "IF" if without_colour(number, shot.frames[number]) else "SF"
                for mode, scorer in scorers.items():
                    scored = scorer.add(result.clamp(0, 1), shot.targets[number], hole=shot.holes[number])
                    if scored is not None and "psnr_y" in scored.values and (mode != "hole" or kind == "IF"):
                        values.setdefault(f"{kind} {mode}", []).append(scored.values["psnr_y"])
    return {name: round(sum(column) / len(column), 2) for name, column in values.items()}


def bicubic(shots: list[Shot]) -> dict[str, Scores]:
    """Of what is there for a network: its own colour, or the past; and of the colour that frames made of the past lack."""
    own = {shot.name: [shown(frame.colour, frame.exposure) for frame in shot.frames] for shot in shots}
    return {
        "bicubic of the warped past": score(shots, lambda shot: upscaled(shot, shot.warped)),
        "bicubic of the warped past, holes filled": score(shots, lambda shot: upscaled(shot, shot.filled)),
        "bicubic of the true colour": score(shots, lambda shot: upscaled(shot, own[shot.name])),
    }


def changed_buffers() -> dict[str, Change]:
    """Other conventions for the buffers, and none."""

    def zero(frame: RenderedFrame, *names: str) -> RenderedFrame:
        nothing: dict[str, Any] = {name: np.zeros_like(np.asarray(getattr(frame, name))) for name in names}
        return replace(frame, **nothing)

    def display(frame: RenderedFrame) -> RenderedFrame:
        return replace(frame, albedo=encode_linear(torch.from_numpy(np.array(frame.albedo, np.float32))).numpy())

    return {
        "normals in [0, 1]": lambda frame: replace(frame, normal=np.asarray(frame.normal) * 0.5 + 0.5),
        "no normals": lambda frame: zero(frame, "normal"),
        "albedo as a display shows it": display,
        "no albedo": lambda frame: zero(frame, "albedo"),
        "no normals, albedo and materials": lambda frame: zero(frame, "normal", "albedo", "roughness", "metallic"),
    }


def image(shots: list[Shot], weights: list[Path], path: Path) -> None:
    """A frame made of the past of each shot, where most holes are: the past by bicubic, the networks, the target."""
    import PIL.Image

    side, rows = 112, []
    for shot in shots:
        number = max(index for index, frame in enumerate(shot.frames) if without_colour(index, frame))
        row = [list(upscaled(shot, shot.warped))[number]]
        row += [list(supersampled(shot, file, None))[number] for file in weights if file.stem in SHOWN]
        row.append(shot.targets[number])
        holes = F.avg_pool2d(F.interpolate(shot.holes[number][None, None], scale_factor=SCALE), side, stride=16)[0, 0]
        y, x = (16 * int(place) for place in np.unravel_index(int(holes.argmax()), holes.shape))
        rows.append(
            torch.cat([F.pad(tile[:, y : y + side, x : x + side].clamp(0, 1), (2, 2, 2, 2), value=1) for tile in row], 2)
        )
    pixels = torch.cat(rows, dim=1).mul(255).round().byte().permute(1, 2, 0).numpy()
    pixels = pixels.repeat(2, axis=0).repeat(2, axis=1)
    PIL.Image.fromarray(pixels).quantize(255, dither=PIL.Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=Path, nargs="+", help="folders of clips")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=8, help="of each clip")
    parser.add_argument("--far", type=float, nargs="*", default=(), help="depths to clip at, beside stretching each frame's")
    parser.add_argument("--buffers", action="store_true", help="also with buffers in other conventions, and without them")
    parser.add_argument("--image", type=Path)
    a = parser.parse_args()
    clips = [path.parent for folder in a.sets for path in sorted(folder.glob("*/clip.json"))]
    weights = sorted(a.weights.glob("*.pkl"))
    shots = [open_shot(folder, a.frames) for folder in clips]
    if a.image:
        image(shots[-4:], weights, a.image)
    figures: dict[str, Any] = {"clips": [shot.name for shot in shots], "frames of each": a.frames, "psnr_y": bicubic(shots)}
    for far in (None, *a.far):
        depth = "stretched depth" if far is None else f"far={far:g}"
        for file in weights:
            figures["psnr_y"][f"{file.stem}, {depth}"] = score(shots, lambda shot: supersampled(shot, file, far))  # noqa: B023
    if a.buffers:
        figures["Arena, other buffers"] = {
            name: score(shots, lambda shot: supersampled(shot, a.weights / "Arena.pkl", None, change))  # noqa: B023
            for name, change in changed_buffers().items()
        }
    smooth = [open_shot(folder, a.frames, smooth=True) for folder in clips]
    figures["images without aliasing"] = bicubic(smooth) | {
        file.stem: score(smooth, lambda shot: supersampled(shot, file, None))  # noqa: B023
        for file in weights
    }
    write("rendered_quality", figures)


if __name__ == "__main__":
    main()
