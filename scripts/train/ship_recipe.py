"""Turn trainings by `upframe train` into shipped weights with a card, and write measured scores into the cards.

python scripts/train/ship_recipe.py ship frvsr-lite-x4 runs/first runs/last --time "32 minutes on one CPU core"
python benchmarks/quality/evaluate.py
python scripts/train/ship_recipe.py scores

The last run's weights are shipped; the runs before it are those it began from, in their order.
"""

from __future__ import annotations

import argparse
import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from upframe.models.cards import shipped, weights_folder
from upframe.models.catalog import load, load_file
from upframe.models.info import ModelInfo, to_metadata
from upframe.training.objectives.recipe import Recipe
from upframe.training.recipe import read_recipe

RESULTS = [Path(__file__).resolve().parents[2] / "benchmarks/results" / name for name in ("quality.json", "quality_short.json")]
SCORES = "<!-- scores -->"
FILM_RESULTS, PHOTO_RESULTS = (RESULTS[0].with_name(f"{name}_quality.json") for name in ("film", "photo"))
TITLES = {
    "rt4ksr": "RT4KSR (Zamfir et al., CVPR Workshops 2023)",
    "frvsr": "FRVSR (Sajjadi et al., CVPR 2018, in the form of TecoGAN, ACM TOG 2020)",
    "tecogan": "TecoGAN (Chu et al., ACM TOG 2020)",
    "ttvsr": "TTVSR (Liu et al., CVPR 2022)",
    "nsrr": "NSRR (Xiao et al., SIGGRAPH 2020)",
    "stssnet": "STSSNet (He et al., AAAI 2024)",
    "ntaau": "NTAAU, temporal upsampling whose decisions are a small network's: a network of this project,",
}
DATA = {
    "clips": "52 photographs of `scripts/train/photographs.py` and drawings before a moving camera, and the targets of the 20 "
    "training clips of `upframe render --set small` (`scripts/train/rendered_targets.py`)",
    "rendered": "{clips} training clips of `upframe render --set {set}`, whose scenes are in no other part of the set",
    "film": "{clips}, and what codecs made of them; their own size and 0.7 of it",
}
KINDS = {"image": "Video", "video": "Video", "rendered": "Rendered frames"}
INPUTS = {
    "image": "RGB in [0, 1], any size",
    "video": "frames of video, RGB in [0, 1], any size",
    "rendered": "rendered frames with depth, motion and, for STSSNet, materials; jitter is undone: docs/rendered-frames.md",
}
DEGRADATIONS = {
    "BD": "BD: Gaussian of 1.5 pixels, then every scale-th pixel",
    "BI": "BI: MATLAB bicubic, rounded to 8 bits",
    "rendered": "none: rendered small, one sample a pixel",
}
SAMPLES = {
    "centre": "in the middle of their cells, as those of any video and image",
    "corner": "on the first pixel of their cells; results of ordinary video are moved to the middle: docs/conventions.md",
}
CARD = """# {name}

{title} x{scale}, trained by the Upframe project. {parameters:,} parameters.{experimental}

| | |
|---|---|
| Input | {input} |
| Degradation | {degradation} |
| Samples | {samples} |
| Network | {network} |
| Data | {data}. No test clip is among them |
| Licence of the weights | Apache-2.0 |
| Time | {time} |

Trained by

```
{commands}
```

{heading}:

{curve}

{scores}
"""


def described(recipe: Recipe) -> str:
    """The network in a few words."""
    model = recipe.model.model_dump(exclude={"start", "initial", "widen", "scale"})
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in model.items()) or "as published"


def curve(runs: list[Path], file: str) -> str:
    """What was written to a file of the runs while they were trained, one run after another, some twelve rows of it."""
    rows: list[dict[str, str]] = []
    for number, run in enumerate(runs, start=1):
        if (run / file).is_file():
            with (run / file).open(newline="", encoding="utf-8") as opened:
                rows += [{"run": str(number), **row} for row in csv.DictReader(opened)]
    keys = [key for key in rows[-1] if not key.startswith("gradient_")]
    shown = rows if len(rows) <= 12 else [row for i, row in enumerate(rows) if i % (len(rows) // 10) == 0 or row is rows[-1]]
    lines = ["| " + " | ".join(keys) + " |", "|" + "---|" * len(keys)]
    for row in shown:
        cells = [row[key] if key in ("run", "step") else f"{float(row[key]):.4g}" for key in keys]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ship(given: argparse.Namespace, commands: str) -> None:
    """Write the weights of the last run and their card; ``commands``: as the card shows them."""
    name, runs, blend, half, experimental = given.name, given.runs, given.blend, given.half, given.experimental
    recipe = read_recipe(str(runs[-1] / "recipe.yaml"))
    model = load_file(runs[-1] / f"{recipe.name}.safetensors")
    material = "Photographs" if model.info.degradation.startswith("photo") else KINDS[model.info.kind]
    summary = f"{material}, x{model.info.scale}. {experimental}".strip()
    info = replace(model.info, name=name, licence="Apache-2.0", experimental=bool(experimental), summary=summary)
    state = model.network.state_dict()
    if blend:
        before = load_file(runs[-2] / f"{recipe.name}.safetensors").network.state_dict()
        state = {key: torch.lerp(value, before[key], blend) for key, value in state.items()}
    state = {key: value.half() if half else value for key, value in state.items()}
    target = weights_folder() / f"{name}.safetensors"
    configuration: dict[str, Any] = model.network.configuration  # type: ignore[assignment]
    save_file({key: value.contiguous() for key, value in state.items()}, target, to_metadata(info, configuration))
    target.chmod(0o644)
    validation = recipe.validation
    heading = "The terms of its loss while it was trained"
    if validation:
        sources = ", ".join(Path(source).name for source in validation.sources)
        heading = f"Validation while it was trained ({validation.protocol}, {sources})"
    card = CARD.format(
        name=name,
        title=TITLES[recipe.system],
        scale=info.scale,
        parameters=info.parameters,
        experimental=f"\n\n**Experimental.** {experimental}" if experimental else "",
        input=INPUTS[info.kind],
        degradation=DEGRADATIONS.get(info.degradation, f"{info.degradation}: `upframe degrade --help`, docs/training.md"),
        samples=SAMPLES[info.sampling],
        network=described(recipe) + (", stored in float16" if half else ""),
        data=DATA[recipe.data.kind].format(set=given.set, clips=given.clips),
        time=given.time,
        commands=commands,
        heading=heading,
        curve=curve(runs, "validation.csv" if validation else "losses.csv"),
        scores=SCORES,
    )
    target.with_suffix(".md").write_text(card, encoding="utf-8")
    print(target, f"{target.stat().st_size:,} bytes")


def scores() -> None:
    """Write the measured scores into the cards of the models for video and rendered frames."""
    figures: dict[str, Any] = {}
    for results in RESULTS:
        figures |= json.loads(results.read_text(encoding="utf-8"))["figures"]
    for info in shipped():
        card = weights_folder() / f"{info.name}.md"
        kept, mark, _ = card.read_text(encoding="utf-8").partition(SCORES) if card.is_file() else ("", "", "")
        if not mark:
            continue
        sha256 = load(info.name).info.sha256
        if info.degradation.startswith("film"):
            found = degraded_table(info, FILM_RESULTS, ("psnr_y", "ssim_y", "lpips", "vmaf", "vmaf_neg", "tof", "tlp"))
        elif info.degradation.startswith("photo"):
            found = degraded_table(info, PHOTO_RESULTS, ("psnr_y", "ssim_y", "lpips"))
        else:
            found = table(info, figures, sha256)
        card.write_text(f"{kept}{SCORES}\n\n{found}", encoding="utf-8")


def degraded_table(info: ModelInfo, results: Path, columns: tuple[str, ...]) -> str:
    """Means over what was held out, under each condition: bicubic, the weights for clean material, these."""
    lines = ["| on | weights | " + " | ".join(columns) + " |", "|" + "---|" * (len(columns) + 2)]
    conditions = json.loads(results.read_text(encoding="utf-8"))["figures"]["conditions"]
    for condition, models in conditions.items():
        for model in ("bicubic", f"rt4ksr-x{info.scale}", info.name):
            if model in models:
                cells = " | ".join(f"{models[model]['mean'][column]:.3f}" for column in columns)
                lines.append(f"| {condition} | {model} | {cells} |")
    return "\n".join(lines) + "\n"


def table(info: ModelInfo, figures: dict[str, Any], sha256: str) -> str:
    """Every sample the weights were scored on: theirs, bicubic's, and the difference."""
    lines = ["| on | protocol | metric | bicubic | these weights | over bicubic |", "|---|---|---|---|---|---|"]
    for sample, scales in figures.items():
        found = scales.get(f"x{info.scale}", {})
        own = found.get("scores", {}).get(info.name)
        if own is None or own["sha256"] != sha256:
            continue
        base = found["scores"][f"bicubic-x{info.scale}"]
        for metric in (key for key in own if key.startswith("psnr")):
            cells = (
                sample,
                found["protocol"],
                metric,
                f"{base[metric]:.2f}",
                f"{own[metric]:.2f}",
                f"{own[metric] - base[metric]:+.2f}",
            )
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    shipping = commands.add_parser("ship")
    shipping.add_argument("name")
    shipping.add_argument("runs", type=Path, nargs="+")
    shipping.add_argument("--time", required=True)
    shipping.add_argument("--commands", type=Path, required=True, help="a file with the commands, as the card shows them")
    shipping.add_argument("--half", action="store_true", help="store float16")
    shipping.add_argument("--experimental", default="", help="why, in one sentence")
    shipping.add_argument("--blend", type=float, default=0.0, help="the share of the run before the last in the weights")
    shipping.add_argument("--set", default="small", help="the rendered set")
    shipping.add_argument("--clips", default="the 20", help="which of its training clips, in words")
    commands.add_parser("scores")
    given = parser.parse_args()
    if given.command == "scores":
        scores()
    else:
        ship(given, given.commands.read_text(encoding="utf-8").strip())


if __name__ == "__main__":
    main()
