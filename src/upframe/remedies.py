"""What to do about an error, as data: the options in it are named, not spelt, so that Python and the command line each show
their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Option:
    """A keyword argument of the library, and a flag of the command line of the same name.

    ``value``: what to set it to; None where the remedy leaves that open.
    """

    name: str
    value: object = None

    def __str__(self) -> str:
        """As Python has it: ``overwrite=True``."""
        return self.name if self.value is None else f"{self.name}={self.value!r}"


class Task(Enum):
    """Something to do that the command line has other words for than Python; the value is Python's."""

    WRITE_ELSEWHERE = "write elsewhere"
    REPORT = "report it with its traceback"
    EXPORT_AGAIN = "export it again with upframe.export.exporting.export_model"
    SEE_MODELS = "see upframe.models.cards.shipped and imported"
    SEE_PUBLISHED = "see upframe.models.published.PUBLISHED"
    SEE_DATA_SETS = "see upframe.datasets.catalog_entries.ENTRIES"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the library that the command line has a command for, and what to give it.

    An argument that is a Path stands for a file of the user's: it is written as it is, without quotes.
    """

    function: str
    arguments: tuple[str | Path | Option, ...] = ()

    def __str__(self) -> str:
        return f"{self.function}({', '.join(repr(one) if isinstance(one, str) else str(one) for one in self.arguments)})"


Part = str | Option | Task | Call
Spelling = Callable[[Option | Task | Call], str | None]
"""How one of these is written; None where there is no such thing, so that a way that needs it is not open."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """One or more ways out, any of which helps. Made by :func:`way` and :func:`either`.

    ``str(remedy)`` is a sentence for users of Python, without a full stop.
    """

    ways: tuple[tuple[Part, ...], ...]

    def __str__(self) -> str:
        return self.spelled(str)

    def spelled(self, spelling: Spelling) -> str:
        """A sentence in someone else's words; empty where none of the ways is open to them."""
        texts = [[part if isinstance(part, str) else spelling(part) for part in way] for way in self.ways]
        open_ways = ["".join(filter(None, parts)) for parts in texts if None not in parts]
        sentence = ", or ".join(open_ways)
        return sentence[:1].upper() + sentence[1:]


def way(*parts: Part) -> Remedy:
    """A remedy of one way: words, and the options and tasks among them. Starts with a verb in lower case: "use a GPU"."""
    return Remedy((parts,))


def either(*remedies: Remedy | str) -> Remedy:
    """Several remedies as one: "use a GPU, or set precision='fp32'"."""
    return Remedy(tuple(one for remedy in remedies for one in (((remedy,),) if isinstance(remedy, str) else remedy.ways)))


WRITE_ELSEWHERE = way(Task.WRITE_ELSEWHERE)
OVERWRITE = either(WRITE_ELSEWHERE, way("replace it with ", Option("overwrite", True)))
MAKE_ROOM = either("make room on the disk", WRITE_ELSEWHERE)
LESS_MEMORY = either("ask for less at a time", "for a smaller size")
CONVERT_IMAGE = way("convert it, for instance to PNG")


def keep_readable(what: str) -> Remedy:
    """For a damaged input: keep what of it can be read, named by ``what``."""
    return way(f"to keep {what}, use ", Option("allow_truncated", True))


def leave_out(*options: str) -> Remedy:
    """For options that do not go with the rest."""
    parts: list[Part] = ["leave out "]
    for position, name in enumerate(options):
        parts += [" and " if position else "", Option(name)]
    return way(*parts)


def set_to(name: str, choices: Iterable[str]) -> Remedy:
    """For an option that takes one of a few words."""
    return way("set ", Option(name), f" to one of {', '.join(choices)}")


def install(requirement: str) -> Remedy:
    """For an optional package that is not there: ``upframe[train]``, or the name of a package."""
    return way(f"install it with: pip install {requirement if requirement.isalnum() else repr(requirement)}")
