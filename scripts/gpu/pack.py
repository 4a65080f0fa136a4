r"""Pack what a training on a GPU needs: code, photographs, rendered clips, wheels. Nothing has to be fetched over there.

    python scripts/gpu/pack.py --small small/ --small-x4 small-x4/ --photographs photographs/ --set5 Set5/ \
        --lpips lpips_squeeze_v0.1.safetensors --wheels wheels/

makes ``build/gpu-kit``, at most ``--limit`` MiB of it. What is given is packed, what is not is trained without: the sets are
those of ``upframe render --set``, photographs those of ``scripts/train/photographs.py``. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import PIL.Image
from compact import pack_clip

ROOT = Path(__file__).resolve().parents[2]
CODE = ("src", "scripts", "benchmarks/_report.py", "benchmarks/speed", "LICENSE", "NOTICE")
LARGEST_FILE = 2 * 2**20  # bytes
LARGEST = (
    "-960.png"  # of a photograph, which is written in three sizes, the one to take along: the camera comes nearer by itself
)
QUALITY = 93  # of JPEG, whose faults a blur and a reduction by 2 or 4 leave nothing of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "gpu-kit")
    parser.add_argument("--small", type=Path, help="the rendered set small")
    parser.add_argument("--small-x4", type=Path, help="the rendered set small-x4")
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--set5", type=Path, help="test images")
    parser.add_argument("--lpips", type=Path, help="SqueezeNet's weights, for the perceptual losses")
    parser.add_argument("--wheels", type=Path, help="a folder of wheels for what may be missing over there")
    parser.add_argument("--frames", type=int, default=7, help="of each clip of small; of small-x4 five at most")
    parser.add_argument("--clips", type=int, default=20, help="of each part of small; of small-x4 half as many")
    parser.add_argument("--limit", type=float, default=55, help="MiB in all")
    a = parser.parse_args()

    kit: Path = a.output
    pack_code(kit / "code")
    if a.small:
        pack_set(a.small, kit / "sets" / "small", a.frames, a.clips)
    if a.small_x4:  # NSRR looks at five frames
        pack_set(a.small_x4, kit / "sets" / "small-x4", min(a.frames, 5), (a.clips + 1) // 2)
    if a.photographs:
        pack_photographs(a.photographs, kit / "photographs")
    for given, name, pattern in ((a.set5, "set5", "*.png"), (a.wheels, "wheels", "*.whl")):
        if given:
            copy(sorted(given.glob(pattern)), kit / name)
    if a.lpips:
        copy([a.lpips], kit)
    report(kit, a.limit)


def pack_code(folder: Path) -> None:
    """What git knows of the code, as it is now, without the largest weights: those are what is trained."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", *CODE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    shutil.rmtree(folder, ignore_errors=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and (ROOT / name).stat().st_size <= LARGEST_FILE:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)


def pack_set(given: Path, folder: Path, frames: int, clips: int) -> None:
    """Its parts to train on and to validate; what was packed before is kept."""
    with ProcessPoolExecutor() as pool:
        waiting = []
        for part in ("train", "validation"):
            for source in sorted(path.parent for path in (given / part).glob("*/clip.json"))[:clips]:
                target = folder / part / f"{source.name}.zip"
                if not target.exists():
                    waiting.append(pool.submit(pack_clip, source, target, frames))
        for one in waiting:
            one.result()


def pack_photographs(given: Path, folder: Path) -> None:
    """The largest size of each photograph. Drawings are left out: ``drawn:0-47`` makes them anywhere."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(given.glob(f"*{LARGEST}")):
        target = folder / f"{path.stem}.jpg"
        if not target.exists():
            with PIL.Image.open(path) as image:
                image.convert("RGB").save(target, quality=QUALITY, subsampling=0)


def copy(paths: list[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        shutil.copyfile(path, folder / path.name)


def report(kit: Path, limit: float) -> None:
    """Print what each part weighs; leave with an error when all of it is too much."""
    total = 0.0
    for part in sorted(kit.iterdir()):
        size = sum(path.stat().st_size for path in ([part] if part.is_file() else part.rglob("*")) if path.is_file()) / 2**20
        total += size
        print(f"{size:8.2f} MiB  {part.name}")
    print(f"{total:8.2f} MiB  {kit}")
    if total > limit:
        raise SystemExit(
            f"{kit}: {total:.1f} MiB are more than {limit:g}: delete {kit / 'sets'} and give fewer --frames or --clips"
        )


if __name__ == "__main__":
    main()
