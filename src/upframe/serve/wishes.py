"""What a person may wish of a job, in the terms of the command, and the command that does it.

Everything is checked when it is made, as it comes from a page or from another program: no word reaches the command that is not
one of a few, a number, or the name of a model.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from upframe.models.cards import NAME

Codec = Literal["x264", "x265", "av1", "vp9", "ffv1", "prores", "h264-nvenc", "hevc-nvenc"]


@dataclass(frozen=True, config={"extra": "forbid"})
class Wishes:
    """How a job is made; None and empty leave a choice to the input, as without the option on the command line."""

    scale: Annotated[float, Field(gt=0, le=16)] | None = None
    size: Annotated[str, Field(pattern=r"^([1-9][0-9]{0,4}x[1-9][0-9]{0,4}|same)$")] | None = None
    effort: Literal["fast", "good", "best"] | None = None
    model: Annotated[str, Field(pattern=f"^{NAME.pattern}$", max_length=120)] | None = None
    codec: Codec | None = None
    crf: Annotated[float, Field(ge=0, le=63)] | None = None
    preset: Annotated[str, Field(pattern=r"^[a-z0-9]+$", max_length=20)] | None = None
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:[0-9]{1,2})?)$")] = "auto"
    precision: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    quality: Annotated[int, Field(ge=1, le=100)] | None = None
    allow_truncated: bool = False


def options(wishes: Wishes) -> list[str]:
    """The flags of ``upframe upscale``; those that say what is usual are left out."""
    flags = []
    for name in ("scale", "size", "effort", "model", "codec", "crf", "preset", "quality"):
        value = getattr(wishes, name)
        if value is not None and not (name == "effort" and wishes.model):
            flags += [f"--{name}", f"{value:g}" if isinstance(value, float) else str(value)]
    for name in ("device", "precision"):
        if (value := getattr(wishes, name)) != "auto":
            flags += [f"--{name}", value]
    return flags + ["--allow-truncated"] * wishes.allow_truncated


def command(inputs: Sequence[str], results: str, wishes: Wishes) -> list[str]:
    """The words after ``upframe``. Paths are absolute, so that none is taken for a flag."""
    return ["upscale", *inputs, "--output", f"{results}/", *options(wishes), "--resume", "--json"]


def program() -> list[str]:
    """How this program is started."""
    return [sys.executable, "-m", "upframe"]


def spoken(inputs: Sequence[str], results: str, wishes: Wishes) -> str:
    """The command as a person would type it to get the same bytes."""
    return shlex.join(["upframe", *(word for word in command(inputs, results, wishes) if word != "--json")])
