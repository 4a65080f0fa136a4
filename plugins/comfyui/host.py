"""The host: whether it has what the nodes need, its progress bar and its way to cancel, and errors as it shows them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

NEEDED = {
    "comfy.utils": ("ProgressBar",),
    "comfy.model_management": ("get_torch_device", "throw_exception_if_processing_interrupted"),
    "comfy_api.input_impl": ("VideoFromFile",),
    "folder_paths": ("add_model_folder_path", "get_filename_list", "get_save_image_path"),
}
OLDEST = "0.3.31"  # the first that has the type VIDEO
WIDGETS = ("model", "scale", "precision", "tile", "cuts")  # choices that a node has too


class NodeError(RuntimeError):
    """What a node cannot do, in one line, as the host shows it."""


def check_host() -> None:
    """Raises ImportError with one line where Upframe is missing or the host is not what the nodes were made for."""
    try:
        import_module("upframe")
    except ImportError as error:
        raise ImportError(f"upframe is not installed for this Python: pip install upframe ({error})") from None
    for module, names in NEEDED.items():
        try:
            missing = [name for name in names if not hasattr(import_module(module), name)]
        except ImportError:
            missing = [module]
        if missing:
            raise ImportError(
                f"upframe: this host has no {module}.{missing[0]}".replace(f"{module}.{module}", module)
                + f": its nodes are made for version {OLDEST} and newer"
            )


class Progress:
    """The bar on the node that is running; counting on it ends the work where the user has cancelled it."""

    def __init__(self, total: int) -> None:
        self._bar = import_module("comfy.utils").ProgressBar(total)

    def reached(self, done: int, total: int | None = None) -> None:
        """Show it. Raises the host's exception where the user has cancelled."""
        check_cancelled()
        self._bar.update_absolute(done, total)


def check_cancelled() -> None:
    """Raises the host's exception where the user has cancelled."""
    import_module("comfy.model_management").throw_exception_if_processing_interrupted()


def device() -> str:
    """What the host computes on, so that its options ``--cpu`` and ``--cuda-device`` hold here too."""
    return str(import_module("comfy.model_management").get_torch_device())


def note(text: str) -> None:
    """Something a user should know, in the host's log."""
    logging.getLogger("upframe").warning("upframe: %s", text)


@contextmanager
def one_line() -> Iterator[None]:
    """Errors of Upframe as one line each, with what to do about it in the words of the nodes."""
    import upframe

    try:
        yield
    except upframe.UpframeError as error:
        raise NodeError(line_of(str(error), error.remedy)) from error


def line_of(message: str, remedy: Any) -> str:
    """A message and what to do about it, as far as the nodes have a way to do it."""
    advice = "" if remedy is None else remedy.spelled(_widget)
    return " ".join(f"{message}. {advice}".split()) if advice else " ".join(message.split())


def _widget(part: Any) -> str | None:
    """A choice as it is called on the nodes; None for one they do not have."""
    name = getattr(part, "name", "")
    if name in ("resume", "restart"):
        return "'resume' switched on" if name == "resume" else "'resume' switched off"
    return str(part) if name in WIDGETS else None
