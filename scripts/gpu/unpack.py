"""Unfold the rendered clips of a kit: python scripts/gpu/unpack.py KIT FOLDER. What is there already is kept."""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from compact import unpack_clip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kit", type=Path)
    parser.add_argument("folder", type=Path)
    a = parser.parse_args()
    sets: Path = a.kit / "sets"
    with ProcessPoolExecutor() as pool:
        waiting = []
        for path in sorted(sets.rglob("*.zip")):
            folder = a.folder / path.relative_to(sets).with_suffix("")
            if not (folder / "clip.json").exists():
                waiting.append(pool.submit(unpack_clip, path, folder))
        for one in waiting:
            one.result()
    print(f"{len(waiting)} clips unfolded into {a.folder}")


if __name__ == "__main__":
    main()
