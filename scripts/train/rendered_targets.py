"""Make clips for video models of rendered ones: the targets as a display shows them, a folder of PNG for each clip.

python scripts/train/rendered_targets.py small/train TARGETS
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import PIL.Image
import torch

from upframe.ops.transfer import encode_linear
from upframe.rendered.clip import RenderedClip


def write(clip: RenderedClip, folder: Path) -> None:
    """Every target, exposed and encoded, as 8-bit PNG."""
    folder.mkdir(parents=True)
    for number in range(len(clip)):
        light = torch.from_numpy(np.array(clip.target(number), np.float32))  # (h, w, 3)
        shown = encode_linear(light * clip[number].exposure).clamp(0, 1)
        PIL.Image.fromarray((shown * 255).round().byte().numpy()).save(folder / f"{number:05d}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="a folder of rendered clips")
    parser.add_argument("output", type=Path)
    given = parser.parse_args()
    for path in sorted(given.clips.glob("*/clip.json")):
        write(RenderedClip(path.parent), given.output / path.parent.name)


if __name__ == "__main__":
    main()
