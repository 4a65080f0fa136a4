"""What is known of one data set: rights, size, where to get it, in which layout."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from upframe.remedies import Call, Part, Remedy, way

Use = Literal["training", "test", "training, test"]
Preparation = Literal["", "subimages", "regroup-reds"]


@dataclass(frozen=True, slots=True)
class DownloadArchive:
    """A file to download: a .zip or a .tar, compressed or not.

    size, md5: in bytes, None where they are not known. inside: the folder in it that is the set's own; what is beside that
    folder belongs to other sets. Empty where all of it is taken as it is.
    """

    address: str
    file: str
    size: int | None = None
    md5: str | None = None
    inside: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A data set.

    size: how much there is, in words. layout: the folders and files that are expected, as text. folders: what its folder
    may be called, the first being what ``fetch`` calls it. archives: empty where programs cannot download it; steps then say
    how a person does. prepare: the command's word for what is done to it before training. clips: those that belong to the set
    where its folder holds others too.
    """

    name: str
    title: str
    use: Use
    licence: str
    size: str
    page: str
    layout: str
    folders: tuple[str, ...]
    archives: tuple[DownloadArchive, ...] = ()
    steps: tuple[str | tuple[Part, ...], ...] = ()
    prepare: Preparation = ""
    clips: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as ``--json`` prints them."""
        steps = [step if isinstance(step, str) else "".join(map(str, step)) for step in self.steps]
        return asdict(self) | {"steps": steps}

    def instructions(self) -> Remedy:
        """Which files are expected where, and how to get them, in a few lines."""
        expected = "\n".join(["Expected:", *(f"  {line}" for line in self.layout.splitlines()), ""])
        if not self.archives:
            return way(f"{expected}Get it by hand:\n", *self.by_hand())
        fetch = Call("upframe.datasets.fetching.fetch", (self.name,))
        return way(f"{expected}Get it with: ", fetch, ", or by hand:\n", *self.by_hand())

    def by_hand(self) -> list[Part]:
        """How a person gets the set, one line a step."""
        fetching = [
            f"Download {archive.address} and unpack it{f'; only {archive.inside} is needed' if archive.inside else ''}."
            for archive in self.archives
        ]
        steps: list[tuple[Part, ...]] = [(step,) if isinstance(step, str) else step for step in (*fetching, *self.steps)]
        lines: list[Part] = []
        for number, step in enumerate(steps or [(f"Download it from {self.page}.",)], 1):
            lines += [f"{chr(10) if number > 1 else ''}  {number}. ", *step]
        return lines
