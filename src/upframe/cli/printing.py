"""Text for a terminal or a log: no name of a file, nothing in it and no error steers the one or forges a line of the other.

Everything that commands print goes through here, except JSON, which escapes such characters by itself.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_UNSAFE = ("Cc", "Cs", "Zl", "Zp")  # control characters, halves of pairs (bytes that are no text), breaks of lines
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # what follows, back to front


BELOW = " " * len("upframe: ")
"""What stands before a line that belongs to the error above it."""


def printable(text: object, *, lines: bool = False) -> str:
    r"""A text with every character written out that would steer a terminal, end the line or turn it round: ``\x1b``.

    ``lines``: the text may have several of them, so that their ends are left.
    """
    return "".join(_safe(character) if character != "\n" or not lines else character for character in str(text))


def _safe(character: str) -> str:
    if character.isascii() and character.isprintable():
        return character
    if unicodedata.category(character) not in _UNSAFE and character not in _TURNING:
        return character
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def write_line(text: object, *, error: bool = False) -> None:
    """Print a line, on standard output or standard error."""
    print(printable(text), file=sys.stderr if error else sys.stdout, flush=True)


def write_error(message: object, remedy: str = "") -> None:
    """Print an error on standard error: in a line, and what to do about it below, in as many as that takes."""
    write_line(f"upframe: {message}", error=True)
    for line in remedy.splitlines():
        write_line(f"{BELOW}{line}", error=True)


def cell(text: object, style: str = "") -> Text:
    """A text in a table."""
    from rich.text import Text

    return Text(printable(text), style=style)


def console(**options: Any) -> Console:
    """Rich's console, which passes on colours of its own, and no control character of a text's."""
    from rich.console import Console
    from rich.segment import Segment

    class SafeConsole(Console):
        def render(self, renderable: Any, options: Any = None) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                text, style, control = segment
                yield segment if control or text.isprintable() else Segment(printable(text, lines=True), style)

    return SafeConsole(**options)
