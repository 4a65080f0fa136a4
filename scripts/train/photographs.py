"""Gather the openly licensed photographs the shipped RT4KSR weights are trained on.

They come in Debian packages; on a Debian machine: ``apt-get download`` each name in PACKAGES, unpack with
``dpkg -x FILE ROOT``, then

    python scripts/train/photographs.py ROOT photographs/

Every image is shrunk (camera noise and demosaicing blur teach nothing) and written as PNG at three sizes. A few drawings of
letters, lines and shapes are added: edges sharper than a lens makes them, of which photographs have too few.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import PIL.Image
from PIL import ImageDraw, ImageFont, ImageOps

PACKAGES = (
    "lomiri-wallpapers-16.04",
    "lomiri-wallpapers-20.04",
    "forensics-samples-files",
    "lxqt-themes",
    "plasma-workspace-wallpapers",
    "mate-backgrounds",
)

# Folder below usr/share -> the images used. Left out after looking at them: drawings, fog, and what is soft everywhere.
IMAGES = {
    "backgrounds": """Bridge_by_Sander_Klootwijk.jpg Dragonfly_by_Bolly.jpg Infinite-Sea_by_Aury88.jpg
        Kleiber_by_Lukas_Baubkus.jpg Painting-Colors_by__herobrine7gamer.jpg Picture_0B_by_freespace.jpg
        Image_1A_by_freespace.jpg Wine_by_Jakkub_Mede.jpg aitzgorri_by_Aitzol_Berasategi.jpg free_by_Peter_Nerlich.jpg
        friends_by_Aitzol_Berasategi.jpg greentock_by_Peter_Nerlich.jpg picosdeeuropa_by_Aitzol_Berasategi.jpg
        seeding_by_Clements_Engelhardt.jpg sunset_by_Aitzol_Berasategi.jpg""",
    "backgrounds/mate/nature": """Aqua.jpg Blinds.jpg Dune.jpg FreshFlower.jpg Garden.jpg GreenMeadow.jpg LadyBird.jpg
        RainDrops.jpg Storm.jpg TwoWings.jpg Wood.jpg YellowFlower.jpg""",
    "lxqt/wallpapers": """Butterfly-Kenneth-Wimer.jpg Valendas.png after-the-rain.jpg appleflower.png beam.png butterfly.png
        cloud.png drop.png flowers.png this-is-not-windows.jpg""",
    "wallpapers": """BytheWater ColdRipple ColorfulCups EveningGlow FallenLeaf Grey Kite OneStandsOut Path Autumn""",
    "forensics-samples/original-files": """pic1/IMG-20191006-WA0002.jpg pic1/IMG_1054.JPG pic1/IMG_20200827_231612.jpg
        pic2/IMG_20191224_234846.jpg pic2/IMG_20200124_231153.jpg pic2/IMG_20200608_111614.jpg""",
}
DRAWINGS = 12
LONG_SIDES = (960, 560, 360)  # an image is written at each of these it is at least 1.25 times larger than


def sources(root: Path) -> list[Path]:
    """The images below an unpacked ``root``, in a fixed order; raises FileNotFoundError for one that is missing."""
    found = []
    for folder, names in IMAGES.items():
        for name in names.split():
            path = root / "usr/share" / folder / name
            if folder == "wallpapers":
                path = path / "contents/images/2560x1600.jpg"
            if not path.is_file():
                matches = sorted(root.rglob(path.name))
                if len(matches) != 1:
                    raise FileNotFoundError(path)
                path = matches[0]
            found.append(path)
    return found


def drawing(seed: int, side: int = 640, supersampling: int = 4) -> PIL.Image.Image:
    """Letters, lines, rings and polygons of random colours over one another, anti-aliased by supersampling."""
    random = np.random.default_rng(seed)
    full = side * supersampling
    canvas = PIL.Image.new("RGB", (full, full), _colour(random))
    draw = ImageDraw.Draw(canvas)
    for _ in range(220):
        x, y = random.integers(-full // 8, full, 2).tolist()
        extent = int(full * 10 ** random.uniform(-2, -0.5))
        kind = random.integers(4)
        if kind == 0:
            word = "".join(chr(letter) for letter in random.integers(33, 126, random.integers(3, 24)))
            draw.text((x, y), word, fill=_colour(random), font=ImageFont.load_default(max(extent // 3, 8 * supersampling)))
        elif kind == 1:
            end = (x + int(random.normal(0, 3 * extent)), y + int(random.normal(0, 3 * extent)))
            draw.line((x, y, *end), fill=_colour(random), width=max(1, int(extent * random.uniform(0.005, 0.1))))
        elif kind == 2:
            width = max(1, int(extent * random.uniform(0.02, 0.5)))
            draw.ellipse((x, y, x + extent, y + extent), outline=_colour(random), width=width)
        else:
            points = [
                (x + int(random.normal(0, extent)), y + int(random.normal(0, extent))) for _ in range(random.integers(3, 7))
            ]
            draw.polygon(points, fill=_colour(random))
    return canvas.resize((side, side), PIL.Image.Resampling.BOX)


def _colour(random: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = random.integers(0, 256, 3).tolist()
    return red, green, blue


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="folder the packages were unpacked into")
    parser.add_argument("output", type=Path, help="folder for the shrunk PNG files")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(sources(arguments.root)):
        image = ImageOps.exif_transpose(PIL.Image.open(path)).convert("RGB")
        for long_side in LONG_SIDES:
            ratio = long_side / max(image.size)
            if ratio <= 0.8:
                size = (round(image.width * ratio), round(image.height * ratio))
                image.resize(size, PIL.Image.Resampling.LANCZOS).save(arguments.output / f"{number:02d}-{long_side}.png")
    for seed in range(DRAWINGS):
        drawing(seed).save(arguments.output / f"drawing-{seed:02d}.png")


if __name__ == "__main__":
    main()
