"""Print which wheels of a folder hold packages that are not installed: python scripts/gpu/missing.py WHEELS."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path


def missing(folder: Path) -> list[str]:
    """The names of the wheels. One that is there in another version is left as it is."""
    return [wheel.name for wheel in sorted(folder.glob("*.whl")) if not _installed(wheel.name.split("-")[0])]


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    print(*missing(Path(sys.argv[1])))
