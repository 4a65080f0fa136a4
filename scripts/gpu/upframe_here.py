"""``upframe`` on a machine that may lack PyAV, whose wheel is too large to be carried: all but videos works.

python scripts/gpu/upframe_here.py train frvsr-small
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from upframe.errors import MissingExtra


class _Anything(type):
    """Of a class that has every attribute; all of them, and all that is made of two of them, are the class itself."""

    def __getattr__(cls, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls

    def __or__(cls, other: object) -> type:  # type: ignore[override]
        return cls


class Absent(Exception, metaclass=_Anything):
    """Stands for all of PyAV: can be named, in an except clause too, but not made."""

    def __init__(self, *_: object) -> None:
        raise MissingExtra("av", "train", "reading videos")


class WithoutPyAV(MetaPathFinder, Loader):
    """Finds ``av`` and every module in it: empty, but for what is asked of it."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(name, self, is_package=True) if name.partition(".")[0] == "av" else None

    def exec_module(self, module: ModuleType) -> None:
        module.__getattr__ = lambda name: getattr(Absent, name)  # type: ignore[method-assign]


if importlib.util.find_spec("av") is None:
    sys.meta_path.append(WithoutPyAV())

if __name__ == "__main__":
    from upframe.cli.start import main

    main()
