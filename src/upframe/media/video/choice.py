"""Which kind of file a video's result becomes, when nobody says: one that can hold what the video holds."""

from __future__ import annotations

from pathlib import Path

from upframe.errors import InputError
from upframe.media.video.containers import CONTAINER_OF_SUFFIX, result_suffix
from upframe.media.video.streams import holds_all_sound

_OTHERS = (".mkv", ".mov", ".3gp")


def suitable_suffix(path: Path) -> str:
    """The suffix for the result of the video ``path``.

    Its own where that can be written; else .mkv, or the first that takes all its sound as it is. A file that cannot be opened
    is given .mkv: whoever reads it says what is wrong.
    """
    usual = result_suffix(path)
    if usual == path.suffix or usual not in _OTHERS:
        return usual
    try:
        fitting = (suffix for suffix in _OTHERS if holds_all_sound(path, CONTAINER_OF_SUFFIX[suffix]))
        return next(fitting, usual)
    except InputError:
        return usual
