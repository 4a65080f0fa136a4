"""What is known of one data set: rights, size, where to get it, how it must lie."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

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
    steps: tuple[str, ...] = ()
    prepare: Preparation = ""
    clips: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as ``--json`` prints them."""
        return asdict(self)

    def instructions(self) -> str:
        """What must lie where, and how it gets there, in a few lines."""
        how = f"Get it with: upframe data fetch {self.name}, or by hand:" if self.archives else "Get it by hand:"
        return "\n".join(["Expected:", *(f"  {line}" for line in self.layout.splitlines()), how, *self.numbered_steps()])

    def numbered_steps(self) -> list[str]:
        """How a person gets the set, one line a step."""
        fetching = [
            f"Download {archive.address} and unpack it{f', of which {archive.inside} is wanted' if archive.inside else ''}."
            for archive in self.archives
        ]
        steps = [*fetching, *self.steps] or [f"Download it from {self.page}."]
        return [f"  {number}. {step}" for number, step in enumerate(steps, 1)]
