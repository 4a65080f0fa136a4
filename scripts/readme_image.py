"""Make the README's image: crops of the bundled samples as they are small, upscaled by bicubic, by Upframe, and as they were.

    python scripts/readme_image.py docs/before-after.png

The samples are shrunk to half by MATLAB bicubic first, so that there is an original to compare with.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import av
import numpy as np
import PIL.Image
import torch
from PIL import ImageDraw, ImageFont

from upframe import Upscaler
from upframe.ops.resize import downscale

SAMPLES = Path(__file__).resolve().parent.parent / "examples" / "media"
CROP, ZOOM, GAP = (128, 96), 2, 8  # width and height of a crop in original pixels
PLACES = ((150, 96), (300, 60))


def shrunk(image: PIL.Image.Image) -> PIL.Image.Image:
    tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
    return PIL.Image.fromarray(downscale(tensor, 2)[0].permute(1, 2, 0).mul(255).round().clamp(0, 255).byte().numpy())


def frame(number: int) -> PIL.Image.Image:
    with av.open(str(SAMPLES / "bunny.mp4")) as video:
        for index, image in enumerate(video.decode(video=0)):
            if index == number:
                return image.to_image()
    raise IndexError(number)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--frame", type=int, default=40)
    arguments = parser.parse_args()
    bicubic, upframe = Upscaler("bicubic-x2"), Upscaler("rt4ksr-x2")
    width, height = CROP[0] * ZOOM, CROP[1] * ZOOM
    titles = ("before, 64 x 48 pixels", "bicubic x2", "Upframe x2 (rt4ksr-x2)", "original")
    sheet = PIL.Image.new("RGB", (len(titles) * (width + GAP) - GAP, len(PLACES) * (height + GAP) + 20), "white")
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        draw.text((column * (width + GAP) + 2, 3), title, fill="black", font=ImageFont.load_default(13))
    originals = (PIL.Image.open(SAMPLES / "stream.png").convert("RGB"), frame(arguments.frame))
    for row, (original, (x, y)) in enumerate(zip(originals, PLACES, strict=True)):
        small = shrunk(original)
        upscaled = small.resize(original.size, PIL.Image.Resampling.NEAREST)
        for column, image in enumerate((upscaled, bicubic.upscale(small), upframe.upscale(small), original)):
            crop = image.crop((x, y, x + CROP[0], y + CROP[1])).resize((width, height), PIL.Image.Resampling.NEAREST)
            sheet.paste(crop, (column * (width + GAP), 20 + row * (height + GAP)))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(arguments.output, optimize=True)


if __name__ == "__main__":
    main()
