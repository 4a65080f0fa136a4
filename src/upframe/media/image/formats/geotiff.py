"""Where on Earth a TIFF is: its tags, for an image of another size (OGC GeoTIFF 1.1)."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from upframe.media.image.tiff_directory import TagValue

SCALE, TIEPOINTS, TRANSFORMATION = 33550, 33922, 34264
_KEYS = 34735
TAGS = frozenset({SCALE, TIEPOINTS, TRANSFORMATION, _KEYS, 34736, 34737, 42112, 42113})
"""Of GeoTIFF, and those in which GDAL describes bands and the value that stands for no data."""
_RASTER_TYPE, _IS_POINT = 1025, 2


def scaled(tags: Mapping[int, TagValue], across: float, down: float) -> dict[int, TagValue]:
    """The same place for an image that has ``across`` times the columns and ``down`` times the rows.

    Where pixels are points, column 0 is the middle of the first pixel, else its left edge.
    """
    shift = 0.5 if _are_points(tags) else 0.0
    found = dict(tags)
    if SCALE in tags:
        x, y, *rest = _doubles(tags[SCALE])
        found[SCALE] = _packed(tags[SCALE], [x / across, y / down, *rest])
    if TIEPOINTS in tags:
        values = _doubles(tags[TIEPOINTS])
        for start in range(0, len(values) - 5, 6):
            values[start] = (values[start] + shift) * across - shift
            values[start + 1] = (values[start + 1] + shift) * down - shift
        found[TIEPOINTS] = _packed(tags[TIEPOINTS], values)
    if TRANSFORMATION in tags and len(_doubles(tags[TRANSFORMATION])) == 16:
        values = _doubles(tags[TRANSFORMATION])
        for row in (0, 4, 8):
            i, j, k, origin = values[row : row + 4]
            moved = origin + i * (shift / across - shift) + j * (shift / down - shift)
            values[row : row + 4] = [i / across, j / down, k, moved]
        found[TRANSFORMATION] = _packed(tags[TRANSFORMATION], values)
    return found


def _are_points(tags: Mapping[int, TagValue]) -> bool:
    if _KEYS not in tags:
        return False
    stored = tags[_KEYS].stored
    keys = struct.unpack(f"<{len(stored) // 2}H", stored[: len(stored) // 2 * 2])
    return any(keys[start] == _RASTER_TYPE and keys[start + 3] == _IS_POINT for start in range(4, len(keys) - 3, 4))


def _doubles(value: TagValue) -> list[float]:
    return list(struct.unpack(f"<{len(value.stored) // 8}d", value.stored[: len(value.stored) // 8 * 8]))


def _packed(value: TagValue, numbers: list[float]) -> TagValue:
    return TagValue(value.kind, struct.pack(f"<{len(numbers)}d", *numbers))
