"""Every error a user can meet: one tree, caught once in ``cli/``.

The message says which file and what is wrong with it; what to do about it is data beside it (``remedies``).
"""

from __future__ import annotations

import errno
from typing import Self

from upframe.remedies import LESS_MEMORY, MAKE_ROOM, Remedy, Task, install, way


class UpframeError(Exception):
    r"""Base of all errors Upframe raises on purpose.

    ``str(error)`` is the message alone, one line fit for a user's eyes: ``FILE: what is wrong``. ``remedy`` is what to do
    about it, None where nobody can say; a traceback shows it below the message, in the words of Python.

        >>> import upframe
        >>> try:
        ...     upframe.load("stssnet-x2-lewis")
        ... except upframe.UpframeError as error:
        ...     print(f"{error}\n{error.remedy}")
        stssnet-x2-lewis: is published and not on this machine yet
        Bring it with upframe.models.catalog.fetch('stssnet-x2-lewis')
    """

    remedy: Remedy | None

    def __init__(self, message: str = "", *, remedy: Remedy | str | None = None) -> None:
        super().__init__(message)
        self.remedy = way(remedy) if isinstance(remedy, str) else remedy
        if self.remedy is not None:
            self.add_note(str(self.remedy))

    def at(self, place: object) -> Self:
        """This error with a place in front of its message, to be raised from it: ``raise error.at(path) from error``."""
        made = type(self).__new__(type(self), f"{place}: {self}")
        made.__dict__.update(self.__dict__)
        return made


class InputError(UpframeError):
    """An image, clip or folder that is missing, damaged, too large or of the wrong kind."""


class OutputError(UpframeError):
    """A result that cannot be written: it exists already, the folder is read-only, the disk is full."""


class CheckpointError(UpframeError):
    """A weights file that is unsafe, damaged, or of a network that is not the expected one."""


class ShapeError(UpframeError, ValueError):
    """Tensors whose sizes do not fit together."""


class DeviceError(UpframeError):
    """A device or precision that is not there, or that has no memory left for the smallest tile."""


class ClusterError(UpframeError):
    """A cluster that cannot be reached, or whose machines do not fit this one."""


class Fault(UpframeError):
    """A mistake in Upframe itself, to be reported."""


class MissingExtra(UpframeError, ImportError):
    """An optional package that is not installed; the remedy is the command that installs it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed", remedy=install(f"upframe[{extra}]")
        )


def as_upframe_error(error: Exception, place: object = "") -> UpframeError:
    """Any error as one of this tree, its cause kept: what the system refuses, a lack of memory, and what is a fault of ours."""
    if isinstance(error, UpframeError):
        return error
    before = f"{place}: " if str(place) else ""
    made: UpframeError
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        what = f" ({error.filename})" if error.filename else ""
        made = OutputError(f"{before}the disk is full{what}", remedy=MAKE_ROOM)
    elif isinstance(error, OSError):
        made = InputError(f"{before}{error.strerror or error}{f' ({error.filename})' if error.filename else ''}")
    elif isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        what = "" if "allocator" in str(error).lower() or not str(error) else f" ({error})"
        made = InputError(f"{before}there is not enough memory{what}", remedy=LESS_MEMORY)
    else:
        made = Fault(f"{before}a fault of Upframe itself: {type(error).__name__}: {error}", remedy=way(Task.REPORT))
    made.__cause__ = error
    return made
