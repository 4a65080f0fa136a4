"""Imports of what a command needs, without the garbage collector, which finds nothing in them."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """A block of imports. Afterwards the garbage collector leaves alone all that there is, if torch is new among it.

    PyTorch makes half a million objects that live as long as the program. To look for garbage among them takes a tenth of
    the time of the import, and half a second more when the program ends. A program that has imported torch before is not
    ours to freeze: what was garbage in it would stay.
    """
    known, collecting = "torch" in sys.modules, gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
    if not known and "torch" in sys.modules:
        gc.freeze()
