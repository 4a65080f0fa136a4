"""What to do about an error, in the words of the page."""

from __future__ import annotations

from upframe.remedies import Call, Option, Remedy, Task

KEEP_DAMAGED = "Keep what can be read of a damaged file"
_OPTIONS = {
    "allow_truncated": f"“{KEEP_DAMAGED}” under “For experts”",
    "codec": "another video codec under “For experts”",
    "device": "another device under “For experts”",
    "precision": "another precision under “For experts”",
    "password_file": "--password-file",
    "port": "--port",
}
_TASKS = {Task.SEE_MODELS: "see the tab Models", Task.SEE_PUBLISHED: "see the tab Models"}


def in_page_words(remedy: Remedy | None) -> str:
    """A remedy as a sentence; empty without one. Ways that the page does not have are left out."""
    return "" if remedy is None else remedy.spelled(_spelled)


def _spelled(part: Option | Task | Call) -> str | None:
    match part:
        case Option(name):
            return _OPTIONS.get(name)
        case Task():
            return _TASKS.get(part, None if part is Task.WRITE_ELSEWHERE else part.value)
        case Call():
            return None
