"""Standard input and output, and named pipes, in place of files.

What comes through a pipe is kept in a temporary file until it has ended, as videos are looked at before they are upscaled; what
goes out goes out when it is whole, as results of every kind do.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Generator, Sequence
from contextlib import nullcontext
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from upframe.engine.events import Event, Failed
from upframe.errors import InputError, OutputError
from upframe.jobs.batch import upscale_files
from upframe.jobs.options import UpscaleOptions
from upframe.media.animation import ANIMATION_FORMATS, AnimationReader
from upframe.media.atomic import output_error
from upframe.media.kinds import kind_of_named
from upframe.remedies import Option, way

PIPE = "-"
"""Standard input as an input, standard output as an output."""
_INPUT, _OUTPUT = "standard input", "standard output"
_CHUNK = 1 << 20


def is_piped(arguments: Sequence[str], output: str | None) -> bool:
    """Whether an input or the output is a pipe."""
    return output == PIPE or any(argument == PIPE or Path(argument).is_fifo() for argument in arguments)


def upscale_piped(arguments: Sequence[str], output: str | None, options: UpscaleOptions) -> Generator[Event, None, None]:
    """As ``upscale_files``, for one input; where the output is a pipe it is Matroska for a video, PNG for an image.

    Raises InputError and OutputError for several inputs, a terminal at the end of a pipe, and a result without a name.
    """
    if len(arguments) != 1:
        raise InputError("a pipe is for one input", remedy="give files one by one, or a folder to write to")
    if output is None and options.files.frames is None:
        raise OutputError(
            f"{_name_of(arguments[0])}: its result has no name", remedy=way("give one with ", Option("output", PIPE))
        )
    with TemporaryDirectory(prefix="upframe-") as folder:
        source = _kept(arguments[0], Path(folder))
        target, names = output, {str(source): _name_of(arguments[0])}
        if output == PIPE:
            if sys.stdout.isatty():
                raise OutputError(f"{_OUTPUT} is a terminal", remedy="pipe it into another program, or name a file")
            target = str(Path(folder, f"result{_suffix(source)}"))
            names[target] = _OUTPUT
        failed = False
        for event in upscale_files([str(source)], target, options):
            failed = failed or isinstance(event, Failed)
            yield _renamed(event, names)
        if output == PIPE and target and not failed:
            _hand_on(Path(target), sys.stdout.buffer)


def _name_of(argument: str) -> str:
    return _INPUT if argument == PIPE else argument


def _kept(argument: str, folder: Path) -> Path:
    """The file that holds what comes through a pipe; the argument itself where it is none. Raises InputError."""
    if argument == PIPE and sys.stdin.isatty():
        raise InputError(f"{_INPUT} is a terminal: nothing is piped into it")
    if argument != PIPE and not Path(argument).is_fifo():
        return Path(argument)
    kept = folder / "input"
    try:
        with kept.open("wb") as file, nullcontext(sys.stdin.buffer) if argument == PIPE else Path(argument).open("rb") as pipe:
            shutil.copyfileobj(pipe, file, _CHUNK)
    except OSError as error:
        raise output_error(kept, error) from error
    return kept


def _suffix(source: Path) -> str:
    kind = kind_of_named(source)
    if kind == "animation":
        with AnimationReader(source) as reader:
            return next(suffix for suffix, name in ANIMATION_FORMATS.items() if name == reader.info.format)
    return ".png" if kind == "image" else ".mkv"


def _renamed(event: Event, names: dict[str, str]) -> Event:
    """With the names a user gave in place of those of temporary files."""
    changed = {}
    for field in fields(event):
        text = getattr(event, field.name)
        if isinstance(text, str):
            for temporary, name in names.items():
                text = text.replace(temporary, name)
            changed[field.name] = text
    return replace(event, **changed)


def _hand_on(result: Path, pipe: BinaryIO) -> None:
    try:
        with result.open("rb") as file:
            shutil.copyfileobj(file, pipe, _CHUNK)
        pipe.flush()
    except BrokenPipeError as error:
        raise OutputError(f"{_OUTPUT}: the program that reads it has ended") from error
