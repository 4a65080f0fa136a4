"""Every error a user can meet: one tree, one clear line each, caught once in ``cli/``.

The message names the file, what is wrong with it, and what to do about it.
"""

from __future__ import annotations

import errno


class UpframeError(Exception):
    """Base of all errors Upframe raises on purpose; ``str(error)`` is fit for a user's eyes.

    ``steps``: what to do, where that takes more than a line; they follow the message on lines of their own.
    """

    steps: str = ""

    def __init__(self, message: str = "", *, steps: str = "") -> None:
        super().__init__(f"{message}\n{steps}" if steps else message)
        self.steps = steps


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


class Fault(UpframeError):
    """A mistake in Upframe itself, told so that it can be reported."""


class MissingExtra(UpframeError, ImportError):
    """An optional package that is not installed; the message holds the command that installs it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed. Install it with: pip install 'upframe[{extra}]'"
        )


def as_upframe_error(error: Exception, place: object = "") -> UpframeError:
    """Any error as one of this tree, its cause kept: what the system refuses, a lack of memory, and what is a fault of ours."""
    if isinstance(error, UpframeError):
        return error
    before = f"{place}: " if str(place) else ""
    made: UpframeError
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        what = f" ({error.filename})" if error.filename else ""
        made = OutputError(f"{before}the disk is full{what}: make room, or write elsewhere")
    elif isinstance(error, OSError):
        made = InputError(f"{before}{error.strerror or error}{f' ({error.filename})' if error.filename else ''}")
    elif isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        what = "" if "allocator" in str(error).lower() or not str(error) else f" ({error})"
        made = InputError(f"{before}there is not enough memory{what}: ask for less at a time, or for a smaller size")
    else:
        made = Fault(
            f"{before}a fault of Upframe itself: {type(error).__name__}: {error}. Please report it with the output of --debug"
        )
    made.__cause__ = error
    return made
