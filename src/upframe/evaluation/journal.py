"""What is finished of an evaluation, so that one that was cut off goes on where it was: one small file an item."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upframe.errors import OutputError
from upframe.evaluation.images import SubjectImages
from upframe.media.atomic import atomic_output
from upframe.metrics import METRICS, ClipScores, FrameScores
from upframe.remedies import Option, either, way

FORMAT = 1
_NAME = re.compile(r"[0-9a-f]{24}\.json")


@dataclass(frozen=True, slots=True)
class JournalItem:
    """One model on one clip: its scores, the milliseconds of each frame, what is shown of it and by which plan."""

    scores: ClipScores
    milliseconds: tuple[float, ...]
    images: SubjectImages
    shown: str = ""


class EvaluationJournal:
    """A folder with a file for each item, found again by all that the item depends on.

    Without a folder nothing is kept. A file that cannot be read, or is of another version, counts as not there.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def items(self) -> list[Path]:
        """The files of what is finished."""
        return [path for path in self.folder.glob("*.json") if _NAME.fullmatch(path.name)] if self.folder else []

    def clear(self, *, overwrite: bool) -> None:
        """Forget everything. Raises OutputError where there is something, unless ``overwrite``."""
        items = self.items()
        if items and not overwrite:
            raise OutputError(
                f"{self.folder}: holds an evaluation that was started",
                remedy=either(
                    way("continue it with ", Option("resume", True)), way("start again with ", Option("overwrite", True))
                ),
            )
        for path in items:
            path.unlink()

    def find(self, key: Mapping[str, Any]) -> JournalItem | None:
        """What was kept under a key; None where there is nothing."""
        if self.folder is None:
            return None
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
            content = json.loads(self._path(key).read_text(encoding="utf-8"))
            if content["format"] == FORMAT and content["key"] == json.loads(json.dumps(key)):
                return JournalItem(
                    _scores(content["scores"]),
                    tuple(float(value) for value in content["milliseconds"]),
                    SubjectImages.from_json(content["images"]),
                    str(content["shown"]),
                )
        return None

    def keep(self, key: Mapping[str, Any], item: JournalItem) -> None:
        """Write an item, whole or not at all. Raises OutputError."""
        if self.folder is None:
            return
        content = {
            "format": FORMAT,
            "key": dict(key),
            "scores": item.scores.as_json(),
            "milliseconds": list(item.milliseconds),
            "shown": item.shown,
            "images": item.images.as_json(),
        }
        with atomic_output(self._path(key), overwrite=True) as temporary:
            temporary.write_text(json.dumps(content), encoding="utf-8")

    def _path(self, key: Mapping[str, Any]) -> Path:
        assert self.folder is not None
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return self.folder / f"{digest[:24]}.json"


def _scores(content: Mapping[str, Any]) -> ClipScores:
    frames = tuple(
        FrameScores(int(frame["frame"]), {metric: _number(frame[metric]) for metric in METRICS if metric in frame})
        for frame in content["frames"]
    )
    if not frames:
        raise ValueError("no frame")
    return ClipScores(str(content["name"]), frames)


def _number(value: float | str) -> float:
    number = float(value)
    if math.isnan(number):
        raise ValueError("no number")
    return number
