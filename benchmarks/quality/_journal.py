"""Scores that were computed before, a line each, so that a benchmark that was ended goes on where it was."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


class Journal:
    """A file of JSON lines, ``key`` and ``value``; a last line that is cut short is passed over."""

    def __init__(self, path: Path) -> None:
        self._path, self._kept = path, dict[str, Any]()
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            self._kept[entry["key"]] = entry["value"]

    def __contains__(self, key: str) -> bool:
        return key in self._kept

    def __getitem__(self, key: str) -> Any:
        return self._kept[key]

    def keep(self, key: str, value: Any) -> None:
        self._kept[key] = value
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n" * self._is_cut() + json.dumps({"key": key, "value": value}) + "\n")

    def _is_cut(self) -> bool:
        content = self._path.read_bytes() if self._path.is_file() else b""
        return bool(content) and not content.endswith(b"\n")


def key_of(*decisive: object) -> str:
    """A digest of everything that a value depends on."""
    return hashlib.sha256(json.dumps([str(part) for part in decisive]).encode()).hexdigest()[:24]
