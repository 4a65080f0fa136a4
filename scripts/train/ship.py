"""Turn a finished training into shipped weights: safetensors with their ModelInfo, and a card with the scores.

python scripts/train/ship.py rt4ksr-x2.pt --validate Set5/ --published rt4ksr_x2.pth
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from rt4ksr import validate
from safetensors.torch import save_file

from upframe.models import load
from upframe.models.cards import weights_folder
from upframe.models.info import to_metadata
from upframe.models.rt4ksr import RT4KSR

CARD = """# {name}

RT4KSR (Zamfir et al., CVPR Workshops 2023) x{scale}, trained by the Upframe project. {parameters:,} parameters, merged form.

| | |
|---|---|
| Input | RGB in [0, 1], any size (made even by repeating the last row and column) |
| Degradation | BI: MATLAB bicubic with antialiasing, rounded to 8 bits |
| Samples | in the middle of their cells, as those of any video and image |
| Configuration | {channels} channels, {blocks} blocks, GELU, `residual`, bilinear `skip`, no layer normalisation |
| Data | {data} |
| Training | {training} |
| Licence of the weights | Apache-2.0 |

Blurred, noisy or compressed inputs are outside its training: they are upscaled faithfully, faults included.

Scores on Set5, Y-PSNR in dB (BT.601 luma, 8 bits, border of {scale} cropped; low resolution made by the same MATLAB
bicubic, rounded once):

| | {images_row} | mean | over bicubic |
|---|{rule}---|---|
{rows}
"""

DATA = (
    "52 photographs from Debian packages (lomiri-wallpapers, mate-backgrounds, lxqt-themes, plasma-workspace-wallpapers, "
    "forensics-samples; CC0, CC-BY, CC-BY-SA, LGPL, GPL), shrunk to 960, 560 and 360 pixels, and 12 drawings of letters and "
    "shapes, 53 megapixels in all (`scripts/train/photographs.py`). No test image is among them"
)


def row(title: str, scores: dict[str, float], bicubic: float) -> str:
    cells = " | ".join(f"{value:.2f}" for value in scores.values())
    return f"| {title} | {cells} | {scores['mean'] - bicubic:+.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("training", type=Path)
    parser.add_argument("--validate", type=Path, required=True, help="folder of high-resolution test images")
    parser.add_argument("--published", type=Path, help="the published weights of the same scale, to be scored beside ours")
    parser.add_argument("--text", required=True, help="how it was trained, for the card")
    arguments = parser.parse_args()

    saved = torch.load(arguments.training, map_location="cpu", weights_only=True)
    network = RT4KSR(saved["scale"], **saved["configuration"])
    network.load_state_dict(saved["ema"])
    network = network.eval().merge()
    scale = network.scale
    cpu = torch.device("cpu")
    bicubic = validate(None, arguments.validate, scale, cpu)
    ours = validate(network, arguments.validate, scale, cpu)
    rows = [row("bicubic", bicubic, bicubic["mean"])]
    if arguments.published:
        published = load(arguments.published).network
        assert isinstance(published, RT4KSR)
        rows.append(row("published weights", validate(published, arguments.validate, scale, cpu), bicubic["mean"]))
    rows.append(row("**these weights**", ours, bicubic["mean"]))

    info = replace(
        network.info,
        degradation="BI",
        licence="Apache-2.0",
        summary=f"Photographs and video, x{scale}. Set5 {ours['mean']:.2f} dB, bicubic {bicubic['mean']:.2f}.",
    )
    target = weights_folder() / f"{info.name}.safetensors"
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(state, target, to_metadata(info, network.configuration))
    card = CARD.format(
        name=info.name,
        scale=scale,
        parameters=info.parameters,
        channels=network.channels,
        blocks=network.blocks,
        data=DATA,
        training=arguments.text,
        images_row=" | ".join(name for name in ours if name != "mean"),
        rule="---|" * (len(ours) - 1),
        rows="\n".join(rows),
    )
    target.with_suffix(".md").write_text(card, encoding="utf-8")
    print(target, {name: round(value, 3) for name, value in ours.items()})


if __name__ == "__main__":
    main()
